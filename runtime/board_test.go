package runtime_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
	"maelstrom/runtime"
	"maelstrom/runtime/fake"
)

func TestInstancesAreWrittenInBatches(t *testing.T) {
	bubble(t, fake.Image{StartDelay: 7 * time.Millisecond, Boot: 5 * time.Millisecond}, func(w *world) {
		w.start()
		for n := range 100 {
			w.place(fmt.Sprintf("p%03d", n))
		}
		w.pass(5 * time.Second)
		writes := w.ledger.writes()
		for n := 1; n < len(writes); n++ {
			if gap := writes[n].Sub(writes[n-1]); gap < 100*time.Millisecond {
				t.Fatalf("two writes within %s", gap)
			}
		}
		for n := range 100 {
			id := fmt.Sprintf("p%03d", n)
			if row, _ := w.ledger.row(id); row != w.expect(id, ready, cluster.ReasonNone) {
				t.Fatalf("stored %+v", row)
			}
		}
	})
}

func TestPushesAreFullListsThatGrowNewer(t *testing.T) {
	bubble(t, fake.Image{}, func(w *world) {
		w.start()
		w.place("p1")
		w.place("p2")
		w.pass(time.Second)
		for n := 1; n < len(w.feed.pushes); n++ {
			if old := w.feed.pushes[n-1]; !w.feed.pushes[n].Newer(old.Epoch, old.Counter) {
				t.Errorf("push %d is not newer than the one before", n)
			}
		}
		if last := w.feed.pushes[len(w.feed.pushes)-1]; len(last.Instances) != 2 {
			t.Errorf("last push has %d instances, want both", len(last.Instances))
		}
	})
}

// Changes that follow each other share the push of a long list; one that
// nothing went before is told at once.
func TestChangesShareThePushOfALongList(t *testing.T) {
	bubble(t, fake.Image{}, func(w *world) {
		w.start()
		const many = 200
		for n := range many {
			w.place(fmt.Sprintf("p%03d", n))
		}
		w.pass(time.Minute)
		if pushes := len(w.feed.pushes); pushes > 2*many { // three changes each
			t.Errorf("%d pushes for %d starts", pushes, many)
		}
		if last := w.feed.pushes[len(w.feed.pushes)-1]; len(last.Instances) != many {
			t.Errorf("last push has %d instances, want all", len(last.Instances))
		}
		for n := range many {
			if i := w.instance(fmt.Sprintf("p%03d", n)); i.State != ready {
				t.Fatalf("told of %+v", i)
			}
		}
		before := len(w.feed.pushes)
		w.want("p000", cluster.WantStop)
		synctest.Wait()
		if len(w.feed.pushes) == before {
			t.Error("a single change is not told at once")
		}
	})
}

func TestWritesAreMadeUpForAfterAnOutage(t *testing.T) {
	bubble(t, fake.Image{}, func(w *world) {
		w.start()
		w.ledger.fail(errAway)
		w.place("p1")
		w.pass(time.Minute)
		i := w.expect("p1", ready, cluster.ReasonNone)
		w.ledger.fail(nil)
		w.pass(2 * time.Second)
		if row, _ := w.ledger.row("p1"); row != i {
			t.Errorf("stored %+v, want %+v", row, i)
		}
	})
}

func TestSupersededEndsRun(t *testing.T) {
	for name, provoke := range map[string]func(*world){
		"by a write": func(w *world) { w.place("p2") },
		"by a stop":  func(w *world) { w.want("p1", cluster.WantStop) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, fake.Image{}, func(w *world) {
				w.serving()
				w.ledger.fail(cluster.ErrSuperseded)
				provoke(w)
				w.pass(time.Second)
				if err := w.stop(); !errors.Is(err, cluster.ErrSuperseded) {
					t.Errorf("Run = %v, want ErrSuperseded", err)
				}
				if _, there := w.container("p1"); !there {
					t.Error("it stopped a container that is no longer its own")
				}
			})
		})
	}
}

func TestLogDriverMaelstromCopiesOutput(t *testing.T) {
	bubble(t, fake.Image{Output: []string{"hello"}}, func(w *world) {
		w.start()
		w.placeOf("p1", func(c *project.Component) { c.LogDriver = "maelstrom" })
		w.pass(time.Second)
		w.engine.Log("p1", "more")
		w.pass(time.Second)
		if got := w.log.values("container output", "text"); fmt.Sprint(got) != "[hello more]" {
			t.Errorf("copied %v", got)
		}
		w.halt()
		w.start()
		w.engine.Log("p1", "after")
		w.pass(time.Second)
		if got := w.log.values("container output", "text"); fmt.Sprint(got) != "[hello more after]" {
			t.Errorf("after a restart %v", got)
		}
		w.engine.Kill("p1")
		w.pass(10 * time.Second)
		if got := w.log.values("container output", "text"); fmt.Sprint(got) != "[hello more after hello]" {
			t.Errorf("after a crash %v", got)
		}
	})
}

func TestOpenLogs(t *testing.T) {
	bubble(t, fake.Image{Output: []string{"hello"}}, func(w *world) {
		w.serving()
		logs, err := w.agent.OpenLogs(w.t.Context(), "p1", runtime.LogOptions{})
		if err != nil {
			t.Fatal(err)
		}
		defer logs.Close()
		if line, err := logs.Next(); err != nil || line.Text != "hello" {
			t.Errorf("read %+v, %v", line, err)
		}
		if _, err := w.agent.OpenLogs(w.t.Context(), "p9", runtime.LogOptions{}); !errors.Is(err, runtime.ErrNotFound) {
			t.Errorf("logs of nothing: %v", err)
		}
		if found := w.agent.Containers("shop_web"); len(found) != 1 || found[0].Placement != "p1" {
			t.Errorf("containers %+v", found)
		}
		if found := w.agent.Containers("shop_other"); len(found) != 0 {
			t.Errorf("containers %+v", found)
		}
	})
}
