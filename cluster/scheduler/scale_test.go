package scheduler

import (
	"testing"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

func TestWakeFromZeroIsSizedByTheBacklog(t *testing.T) {
	for _, c := range []struct {
		name    string
		spec    project.Component
		queued  int
		service time.Duration
		want    int
	}{
		{"unknown service time", project.Component{}, 1000, 0, 1},
		{"one request", project.Component{}, 1, 10 * time.Second, 1},
		{"never more than requests", project.Component{}, 3, time.Hour, 3},
		{"never more than their slots", project.Component{MaxConcurrency: 10}, 25, time.Hour, 3},
		{"work within two seconds", project.Component{MaxConcurrency: 10}, 100, time.Second, 5},
		{"rounded up", project.Component{MaxConcurrency: 10}, 101, time.Second, 6},
		{"maxinstances", project.Component{MaxConcurrency: 10, MaxInstances: 2}, 1000, time.Second, 2},
		{"mininstances", project.Component{MinInstances: 3}, 1, 0, 3},
		{"memory", project.Component{ReserveMemory: 300}, 1000, time.Second, 3},
		{"maxinstancespernode", project.Component{MaxInstancesPerNode: 2}, 1000, time.Second, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld()
			w.node("n1", 1000)
			c.spec.ReserveMemory = max(1, c.spec.ReserveMemory)
			w.declare("web", c.spec)
			w.load.Components["web"] = cluster.ComponentLoad{Queued: c.queued, ServiceTime: c.service}
			w.wake("web")
			d := w.decide(t)
			if got := w.running("web"); got != c.want {
				t.Errorf("%d instances, want %d: %s", got, c.want, show(d.Writes))
			}
			if len(d.Refusals) > 0 {
				t.Errorf("refused: %v", d.Refusals)
			}
		})
	}
}

func TestThousandConcurrentRequestsLeadToExactlyMaxinstances(t *testing.T) {
	w := newWorld()
	w.node("n1", 4096)
	w.declare("web", project.Component{MaxConcurrency: 10, MaxInstances: 2})
	w.load.Components["web"] = cluster.ComponentLoad{Queued: 1000}
	w.wake("web")
	w.settle(t)
	if got := w.running("web"); got != 1 {
		t.Fatalf("%d instances before the service time is known, want 1", got)
	}
	w.now = w.now.Add(50 * time.Millisecond)
	w.load.Components["web"] = cluster.ComponentLoad{Queued: 980, InFlight: 10, ServiceTime: 20 * time.Millisecond}
	w.settle(t)
	w.wait(t, time.Second)
	if got := w.running("web"); got != 2 {
		t.Errorf("%d instances, want 2", got)
	}
}

// A request that takes long is recognised while it is still running.
func TestGrowsWhileTheFirstRequestsAreStillRunning(t *testing.T) {
	w := newWorld()
	w.node("n1", 8192)
	w.declare("job", project.Component{MaxConcurrency: 1, ReserveMemory: 16})
	w.load.Components["job"] = cluster.ComponentLoad{Queued: 100}
	w.wake("job")
	w.settle(t)
	w.load.Components["job"] = cluster.ComponentLoad{Queued: 99, InFlight: 1}
	w.decide(t)
	w.wait(t, 2*time.Second)
	w.decide(t)
	if got := w.running("job"); got < 90 || got > 100 {
		t.Errorf("%d instances after two seconds without an answer, want about 100", got)
	}
}

func TestNoSecondStartWhileOneIsStarting(t *testing.T) {
	w := newWorld()
	w.node("n1", 8192)
	w.declare("web", project.Component{MaxConcurrency: 1})
	w.load.Components["web"] = cluster.ComponentLoad{Queued: 20, ServiceTime: 50 * time.Millisecond}
	w.wake("web")
	w.decide(t)
	w.act(nil)
	for range 10 {
		w.now = w.now.Add(200 * time.Millisecond)
		if d := w.decide(t); len(d.Writes) > 0 {
			t.Fatalf("starts more for a backlog of a second: %s", show(d.Writes))
		}
	}
	if got := w.running("web"); got != 1 {
		t.Errorf("%d instances, want 1", got)
	}
}

func TestLearnedServiceTimeThatIsOutOfDateDoesNotHoldGrowthUp(t *testing.T) {
	w := newWorld()
	w.node("n1", 8192)
	w.declare("web", project.Component{MaxConcurrency: 1})
	w.wake("web")
	w.settle(t)
	w.load.Components["web"] = cluster.ComponentLoad{Queued: 1, InFlight: 1, ServiceTime: time.Millisecond}
	w.decide(t)
	if got := w.running("web"); got != 1 {
		t.Fatalf("%d instances at once, want 1", got)
	}
	if want := w.now.Add(relook); !w.next.Equal(want) {
		t.Fatalf("looks again at %v, want %v", w.next, want)
	}
	w.now = w.now.Add(2 * time.Second)
	w.load.Components["web"] = cluster.ComponentLoad{Queued: 1, InFlight: 1, ServiceTime: time.Millisecond, OldestWait: 2 * time.Second}
	w.decide(t)
	if got := w.running("web"); got != 2 {
		t.Errorf("%d instances for a request that waited two seconds, want 2", got)
	}
}

// Requests that take longer than those before hold their slots: the time for
// which nobody was answered is told in the place of what was learned.
func TestGrowsWhileNobodyIsAnswered(t *testing.T) {
	w := newWorld()
	w.node("n1", 8192)
	w.declare("job", project.Component{MaxConcurrency: 1, ReserveMemory: 16})
	w.wake("job")
	w.settle(t)
	held := w.now
	for looks := 0; w.running("job") < 20; looks++ {
		silence := max(time.Millisecond, w.now.Sub(held))
		w.load.Components["job"] = cluster.ComponentLoad{Queued: 19, InFlight: 1, ServiceTime: time.Millisecond, BusySince: w.now.Add(-silence), OldestWait: silence}
		w.decide(t)
		if w.running("job") == 1 && silence >= 500*time.Millisecond || looks > 20 {
			t.Fatalf("%d instances after %s", w.running("job"), silence)
		}
		if w.running("job") < 20 {
			w.now = w.next
		}
	}
	if took := w.now.Sub(held); took > 2*time.Second+125*time.Millisecond {
		t.Errorf("an instance for each request after %s", took)
	}
}

func TestIdleDeadlineIsExact(t *testing.T) {
	w := newWorld()
	w.node("n1", 1024)
	w.declare("web", project.Component{IdleTimeoutSeconds: 60})
	w.load.Components["web"] = cluster.ComponentLoad{Queued: 1}
	w.wake("web")
	w.settle(t)
	last := w.now.Add(10 * time.Second)
	w.now = last
	w.load.Components["web"] = cluster.ComponentLoad{LastRequest: last}
	w.decide(t)
	if want := last.Add(time.Minute); !w.next.Equal(want) {
		t.Fatalf("looks again at %v, want %v", w.next, want)
	}
	w.now = w.next.Add(-1)
	w.decide(t)
	if w.running("web") != 1 {
		t.Fatal("stopped before the idle time was over")
	}
	w.now = w.now.Add(1)
	w.decide(t)
	if w.running("web") != 0 {
		t.Fatal("runs on after the idle time")
	}
}

func TestIdleTimeCountsFromTheStartOfTheRoleWhereNothingIsKnown(t *testing.T) {
	w := newWorld()
	w.node("n1", 1024)
	w.declare("web", project.Component{IdleTimeoutSeconds: 60})
	w.wake("web")
	w.settle(t)
	w.memory = Memory{}
	w.now = w.now.Add(time.Hour)
	w.decide(t)
	if want := w.now.Add(time.Minute); w.running("web") != 1 || !w.next.Equal(want) {
		t.Errorf("%d instances, looks again at %v, want 1 and %v", w.running("web"), w.next, want)
	}
}

func TestNothingIdlesWhile(t *testing.T) {
	for name, load := range map[string]cluster.ComponentLoad{
		"a request is in flight": {InFlight: 1},
		"a request waits":        {Queued: 1},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			w.node("n1", 1024)
			w.declare("web", project.Component{IdleTimeoutSeconds: 60, MaxInstances: 1})
			w.wake("web")
			w.settle(t)
			w.load.Components["web"] = load
			w.now = w.now.Add(time.Hour)
			w.decide(t)
			if w.running("web") != 1 {
				t.Error("stopped")
			}
		})
	}
}

// A start that takes longer than the idle time is not cut off, and the idle
// time then counts from when it was ready.
func TestSlowStartIsNotIdle(t *testing.T) {
	w := newWorld()
	w.node("n1", 1024)
	w.declare("web", project.Component{IdleTimeoutSeconds: 5})
	w.wake("web")
	w.decide(t)
	w.act(nil)
	w.now = w.now.Add(20 * time.Second)
	w.decide(t)
	if w.running("web") != 1 {
		t.Fatal("stopped while starting")
	}
	w.act(nil)
	w.decide(t)
	if want := w.now.Add(5 * time.Second); !w.next.Equal(want) {
		t.Errorf("looks again at %v, want %v", w.next, want)
	}
}

func TestFailingComponentSleepsAfterTheIdleTime(t *testing.T) {
	w := newWorld()
	w.node("n1", 1024)
	w.declare("web", project.Component{IdleTimeoutSeconds: 60})
	w.wake("web")
	w.decide(t)
	w.act(nil)
	w.act(func(*cluster.Placement) bool { return true })
	w.load.Components["web"] = cluster.ComponentLoad{LastRequest: w.now}
	w.decide(t)
	w.now = w.now.Add(time.Minute)
	w.settle(t)
	if len(w.placements) != 0 {
		t.Errorf("keeps %s", w.picture())
	}
}

func TestFailingInstancesAreNotMultiplied(t *testing.T) {
	w := newWorld()
	w.node("n1", 4096)
	w.declare("web", project.Component{})
	w.load.Components["web"] = cluster.ComponentLoad{Queued: 100, ServiceTime: time.Minute}
	w.memory.Scales = w.memory.Scales.With(map[string]*Scale{"web": {Target: 1, Asked: 1, Needed: w.now}}, nil)
	w.placements["a"] = &cluster.Placement{ID: "a", Component: "web", Node: "n1", Want: cluster.WantRun, PlacedVersion: 1, Version: 1}
	w.report(w.placements["a"], cluster.InstanceBackoff, cluster.ReasonExited)
	w.decide(t)
	if got := w.running("web"); got != 1 {
		t.Errorf("%d instances of what fails, want 1", got)
	}
}

func TestMininstancesAreKept(t *testing.T) {
	w := newWorld()
	w.node("n1", 4096)
	w.declare("web", project.Component{MinInstances: 2, IdleTimeoutSeconds: 60})
	w.settle(t)
	if got := w.running("web"); got != 2 {
		t.Fatalf("%d instances, want 2", got)
	}
	w.load.Sleeps["web"] = true
	w.now = w.now.Add(time.Hour)
	w.settle(t)
	if got := w.running("web"); got != 2 {
		t.Errorf("%d instances after an hour, want 2", got)
	}
}

func TestSleepStopsWhatIsNotIdle(t *testing.T) {
	w := newWorld()
	w.node("n1", 4096)
	w.declare("web", project.Component{})
	w.wake("web")
	w.settle(t)
	w.load.Components["web"] = cluster.ComponentLoad{InFlight: 1}
	w.load.Sleeps["web"] = true
	w.decide(t)
	if got := w.running("web"); got != 0 {
		t.Errorf("%d instances, want 0", got)
	}
	w.settle(t)
	if len(w.placements) != 0 {
		t.Errorf("comes back: %s", w.picture())
	}
}

func TestLoweredMaximumStopsTheSurplus(t *testing.T) {
	w := newWorld()
	w.node("n1", 4096)
	w.declare("web", project.Component{})
	w.load.Components["web"] = cluster.ComponentLoad{Queued: 4, ServiceTime: time.Minute}
	w.settle(t)
	w.limit("web", func(c *project.Component) { c.MaxInstances = 1 })
	w.settle(t)
	if got := w.picture(); got != "[web/0@1 n1 run ready]" {
		t.Errorf("left: %s", got)
	}
}
