package runtime_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
	"maelstrom/runtime"
	"maelstrom/runtime/fake"
)

// near tells whether a back-off is what it should be, give or take its jitter.
// and how long it took to notice the exit.
func near(got, want time.Duration) bool {
	return got >= want*9/10-50*time.Millisecond && got <= want*11/10
}

func TestCrashBackOffGrows(t *testing.T) {
	bubble(t, fake.Image{Exits: true, ExitCode: 1}, func(w *world) {
		w.start()
		w.place("p1")
		for try, want := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
			want *= time.Second
			w.pass(50 * time.Millisecond)
			i := w.expect("p1", cluster.InstanceBackoff, cluster.ReasonExited)
			if wait := time.Until(i.BackoffUntil); !near(wait, want) {
				t.Errorf("try %d waits %s, want %s", try, wait, want)
			}
			if i.Restarts != try || i.ContainerID != "" {
				t.Errorf("try %d: %d restarts, container %q", try, i.Restarts, i.ContainerID)
			}
			if n := w.engine.Counts().Starts; n != try+1 {
				t.Errorf("%d starts by try %d, want one per window", n, try)
			}
			w.pass(time.Until(i.BackoffUntil) + time.Millisecond)
		}
	})
}

// lateEngine lists what exited as running for a while yet.
type lateEngine struct{ runtime.Driver }

func (e lateEngine) List(ctx context.Context) ([]runtime.Container, error) {
	list, err := e.Driver.List(ctx)
	for i := range list {
		list[i].State = runtime.ContainerRunning
	}
	return list, err
}

func TestAnExitThatTheEngineTellsLateIsAnExit(t *testing.T) {
	bubble(t, fake.Image{Exits: true, ExitCode: 4}, func(w *world) {
		w.driver = lateEngine{w.driver}
		w.start()
		w.placeOf("p1", func(c *project.Component) { c.HTTPStartHealthCheckSeconds = 2 })
		w.pass(2100 * time.Millisecond)
		if i := w.expect("p1", cluster.InstanceBackoff, cluster.ReasonExited); !strings.Contains(i.Message, "code 4") {
			t.Errorf("message %q", i.Message)
		}
	})
}

// lateMemory tells of memory that ran out only when it is asked again.
type lateMemory struct {
	runtime.Driver
	asked atomic.Int32
}

func (e *lateMemory) Inspect(ctx context.Context, id string) (runtime.Container, error) {
	c, err := e.Driver.Inspect(ctx, id)
	if c.OOMKilled && e.asked.Add(1) < 4 {
		c.OOMKilled = false
	}
	return c, err
}

func TestMemoryThatTheEngineTellsOfLate(t *testing.T) {
	bubble(t, fake.Image{MemoryMiB: 200}, func(w *world) {
		w.driver = &lateMemory{Driver: w.driver}
		w.start()
		w.placeOf("p1", func(c *project.Component) { c.LimitMemory = 150 })
		w.pass(500 * time.Millisecond)
		i := w.expect("p1", cluster.InstanceBackoff, cluster.ReasonExited)
		if !strings.Contains(i.Message, "because it needs more than 150 MiB") {
			t.Errorf("message %q", i.Message)
		}
	})
}

func TestReasonStaysThroughTheRetry(t *testing.T) {
	bubble(t, fake.Image{Exits: true, ExitAfter: time.Second, NeverListens: true}, func(w *world) {
		w.start()
		w.place("p1")
		w.pass(1050 * time.Millisecond)
		i := w.expect("p1", cluster.InstanceBackoff, cluster.ReasonExited)
		w.pass(time.Until(i.BackoffUntil) + time.Millisecond)
		w.expect("p1", pending, cluster.ReasonExited)
		w.engine.SetImage("app", fake.Image{})
		w.pass(time.Minute)
		if i := w.expect("p1", ready, cluster.ReasonNone); i.Message != "" || !i.BackoffUntil.IsZero() {
			t.Errorf("ready with message %q, back-off %s", i.Message, i.BackoffUntil)
		}
	})
}

func TestBackOffStartsAnewAfterSteadyService(t *testing.T) {
	bubble(t, fake.Image{}, func(w *world) {
		w.start()
		w.place("p1")
		for crash, c := range []struct{ served, want time.Duration }{
			{2 * time.Minute, 0}, {10 * time.Second, time.Second}, {10 * time.Second, 2 * time.Second}, {2 * time.Minute, 0},
		} {
			w.pass(c.served)
			w.expect("p1", ready, cluster.ReasonNone)
			w.engine.Kill("p1")
			w.pass(50 * time.Millisecond)
			if c.want > 0 {
				i := w.expect("p1", cluster.InstanceBackoff, cluster.ReasonExited)
				if wait := time.Until(i.BackoffUntil); !near(wait, c.want) || !i.WasReady {
					t.Errorf("crash %d waits %s, want %s, after service: %t", crash, wait, c.want, i.WasReady)
				}
			}
			w.pass(3 * time.Second)
		}
	})
}

// Who waits for what has crashed for the first time is not refused.
func TestTheFirstCrashIsNotWaitedFor(t *testing.T) {
	bubble(t, fake.Image{}, func(w *world) {
		w.start()
		w.place("p1")
		w.pass(time.Second)
		w.engine.Kill("p1")
		w.pass(500 * time.Millisecond)
		i := w.expect("p1", ready, cluster.ReasonNone)
		if i.Restarts != 1 || i.LastFailure != cluster.ReasonExited || !i.WasReady {
			t.Errorf("restarted as %+v", i)
		}
		w.engine.Kill("p1")
		w.pass(500 * time.Millisecond)
		w.expect("p1", cluster.InstanceBackoff, cluster.ReasonExited)
	})
}

func TestKilledAndOutOfMemory(t *testing.T) {
	for name, end := range map[string]func(*fake.Engine, string) bool{
		"killed": (*fake.Engine).Kill, "out of memory": (*fake.Engine).OOM,
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, fake.Image{}, func(w *world) {
				w.start()
				w.place("p1")
				w.pass(time.Second)
				was := w.expect("p1", ready, cluster.ReasonNone)
				end(w.engine, "p1")
				w.pass(3 * time.Second)
				if i := w.expect("p1", ready, cluster.ReasonNone); i.ContainerID == was.ContainerID || i.Restarts != 1 || i.LastFailure != cluster.ReasonExited {
					t.Errorf("restarted as %+v", i)
				}
			})
		})
	}
}

func TestStopDuringBackOffLeavesAtOnce(t *testing.T) {
	bubble(t, fake.Image{Exits: true}, func(w *world) {
		w.start()
		w.place("p1")
		w.pass(5 * time.Second)
		w.want("p1", cluster.WantStop)
		w.pass(10 * time.Millisecond)
		w.expectGone("p1")
		starts := w.engine.Counts().Starts
		w.pass(time.Hour)
		if n := w.engine.Counts().Starts; n != starts {
			t.Errorf("%d more starts after the stop", n-starts)
		}
	})
}

// A failure is told before the container that caused it is gone.
func TestFailureIsPublishedBeforeTheRemoval(t *testing.T) {
	bubble(t, fake.Image{NeverListens: true, IgnoresTerm: true}, func(w *world) {
		w.start()
		w.placeOf("p1", func(c *project.Component) { c.HTTPStartHealthCheckSeconds = 5 })
		w.pass(5*time.Second + time.Millisecond)
		w.expect("p1", cluster.InstanceBackoff, cluster.ReasonNeverListened)
		if _, there := w.container("p1"); !there {
			t.Fatal("the container is gone within its grace")
		}
		w.pass(2 * time.Second) // it never served: it gets a second
		if n := w.engine.Counts().Starts; n != 2 {
			t.Errorf("%d starts, want the second once the first is gone", n)
		}
	})
}

// A start whose answer is lost has left a container: it is taken over.
func TestLostAnswerToStart(t *testing.T) {
	bubble(t, fake.Image{}, func(w *world) {
		w.driver = &lossy{Driver: w.driver, lose: 1}
		w.start()
		w.place("p1")
		w.pass(time.Minute)
		w.expect("p1", ready, cluster.ReasonNone)
		if n := w.engine.Peak("shop_web"); n != 1 {
			t.Errorf("%d containers at once, want 1", n)
		}
	})
}
