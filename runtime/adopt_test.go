package runtime_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
	"maelstrom/runtime"
	"maelstrom/runtime/fake"
)

func TestRestartAdoptsWhatRuns(t *testing.T) {
	bubble(t, fake.Image{}, func(w *world) {
		was := w.serving()
		w.halt()
		w.pass(time.Minute)
		w.build()
		if err := w.agent.Adopt(w.t.Context()); err != nil {
			t.Fatal(err)
		}
		i := w.expect("p1", ready, cluster.ReasonNone)
		if i != was {
			t.Errorf("adopted as %+v, was %+v", i, was)
		}
		if shown, ok := w.feed.Snapshot().Instances.Get("p1"); !ok || *shown != i {
			t.Errorf("the snapshot shows %+v before Adopt returned, want %+v", shown, i)
		}
		w.run()
		w.pass(time.Minute)
		w.expect("p1", ready, cluster.ReasonNone)
		if c := w.engine.Counts(); c.Starts != 1 || c.Stops != 0 {
			t.Errorf("%+v: want what runs left alone", c)
		}
	})
}

func TestRestartKeepsTheHistoryOfAPlacement(t *testing.T) {
	bubble(t, fake.Image{}, func(w *world) {
		w.serving()
		w.engine.Kill("p1")
		w.pass(5 * time.Second)
		w.halt()
		w.start()
		if i := w.expect("p1", ready, cluster.ReasonNone); i.Restarts != 1 || !i.WasReady {
			t.Errorf("adopted as %+v", i)
		}
	})
}

func TestAdoptedContainerThatIsBusy(t *testing.T) {
	var busy atomic.Bool
	image := fake.Image{Handler: func(runtime.Spec) http.Handler {
		return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if busy.Load() {
				<-r.Context().Done()
			}
		})
	}}
	for name, later := range map[string]func(*world){
		"known to have been ready":     func(*world) {},
		"has outlived its start check": func(w *world) { w.ledger.rows = nil; w.pass(2 * time.Minute) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, image, func(w *world) {
				w.serving()
				w.halt()
				later(w)
				busy.Store(true)
				w.start()
				w.expect("p1", ready, cluster.ReasonNone)
				busy.Store(false)
				w.pass(time.Minute)
				if n := w.engine.Counts().Starts; n != 1 {
					t.Errorf("%d starts, want 1", n)
				}
			})
		})
	}
}

func TestAdoptedContainerThatStillBoots(t *testing.T) {
	bubble(t, fake.Image{Boot: 10 * time.Second}, func(w *world) {
		w.start()
		w.place("p1")
		w.pass(time.Second)
		w.halt()
		w.start()
		w.expect("p1", pending, cluster.ReasonNone)
		w.pass(10 * time.Second)
		w.expect("p1", ready, cluster.ReasonNone)
		if n := w.engine.Counts().Starts; n != 1 {
			t.Errorf("%d starts, want 1", n)
		}
	})
}

// The age of a container proves nothing of a version that nobody has seen
// ready: with each restart of the daemon its start check begins again.
func TestAdoptedContainerOfAnUnprovenVersion(t *testing.T) {
	bubble(t, fake.Image{Status: http.StatusInternalServerError}, func(w *world) {
		w.start()
		w.place("p1")
		w.unproven()
		for range 3 {
			w.pass(40 * time.Second)
			w.halt()
			w.start()
		}
		w.expect("p1", pending, cluster.ReasonNone)
		w.pass(time.Minute)
		w.expect("p1", cluster.InstanceBackoff, cluster.ReasonUnhealthy)
	})
}

func TestOrphansAreDrainedAndRemoved(t *testing.T) {
	for name, change := range map[string]func(*world){
		"placement gone":       func(w *world) { w.feed.remove("p1") },
		"placement wants stop": func(w *world) { w.feed.want("p1", cluster.WantStop) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, fake.Image{}, func(w *world) {
				w.serving()
				w.halt()
				change(w)
				w.build()
				if err := w.agent.Adopt(w.t.Context()); err != nil {
					t.Fatal(err)
				}
				w.expect("p1", cluster.InstanceDraining, cluster.ReasonNone)
				w.run()
				w.pass(time.Second)
				w.expectGone("p1")
				if w.drain.count() != 1 {
					t.Error("it was not drained")
				}
			})
		})
	}
}

func TestContainerOfAnotherVersionIsReplaced(t *testing.T) {
	bubble(t, fake.Image{}, func(w *world) {
		c := project.Component{Name: "shop_web", Image: "app"}
		effective := c.Effective()
		old, err := w.driver.Start(w.t.Context(), runtime.Spec{Placement: "p1", Component: &effective, Version: 9})
		if err != nil {
			t.Fatal(err)
		}
		w.place("p1")
		w.start()
		w.pass(time.Second)
		if i := w.expect("p1", ready, cluster.ReasonNone); i.ContainerID == old.ID || i.ComponentVersion != 1 {
			t.Errorf("runs as %+v", i)
		}
	})
}

func TestExitedLeftoversAreExplainedAndRemoved(t *testing.T) {
	bubble(t, fake.Image{}, func(w *world) {
		w.serving()
		exited, _ := w.container("p1")
		w.halt()
		w.engine.Exit("p1", 4)
		w.start()
		w.pass(50 * time.Millisecond)
		i := w.expect("p1", ready, cluster.ReasonNone) // at once: those who wait for it are not refused
		if i.LastFailure != cluster.ReasonExited || !strings.Contains(i.LastFailureDetail, "code 4") || i.Restarts != 1 {
			t.Errorf("instance %+v", i)
		}
		if c, there := w.container("p1"); !there || c.ID == exited.ID {
			t.Errorf("container %+v, was %+v", c, exited)
		}
		w.engine.Kill("p1")
		w.pass(50 * time.Millisecond)
		if i := w.expect("p1", cluster.InstanceBackoff, cluster.ReasonExited); !near(time.Until(i.BackoffUntil), time.Second) {
			t.Errorf("its next crash waits %s", time.Until(i.BackoffUntil))
		}
	})
}

func TestOthersContainersAreLeftAlone(t *testing.T) {
	bubble(t, fake.Image{}, func(w *world) {
		c := project.Component{Name: "shop_web", Image: "app"}
		effective := c.Effective()
		for i, who := range []fake.Options{{Cluster: "c1", Node: "n2"}, {Cluster: "c2", Node: node}} {
			who.Engine = w.engine
			spec := runtime.Spec{Placement: []string{"x", "y"}[i], Component: &effective, Version: 1}
			if _, err := fake.New(who).Start(w.t.Context(), spec); err != nil {
				t.Fatal(err)
			}
		}
		w.start()
		w.pass(time.Hour)
		if n := w.engine.Counts().Stops; n != 0 || len(w.agent.Instances()) != 0 {
			t.Errorf("%d stops, instances %+v", n, w.agent.Instances())
		}
	})
}

// The copy on disk may be older than a placement: nothing is decided from it.
func TestFromTheCopyOnDiskNothingIsDecided(t *testing.T) {
	bubble(t, fake.Image{}, func(w *world) {
		was := w.serving()
		w.place("p2")
		w.pass(time.Second)
		w.halt()
		w.feed.change(func(cs *cluster.ChangeSet) {
			cs.Placements = map[string]*cluster.Placement{"p2": nil, "p3": {ID: "p3", Component: "shop_web", Node: node, Want: cluster.WantRun, PlacedVersion: 1, Version: 1}}
		})
		w.feed.want("p1", cluster.WantStop)
		w.feed.restored(true)
		w.ledger.fail(errAway)
		w.start()
		w.pass(time.Minute)
		if i := w.expect("p1", ready, cluster.ReasonNone); i.ContainerID != was.ContainerID {
			t.Errorf("p1 is %+v", i)
		}
		if _, there := w.container("p2"); !there {
			t.Error("a container that the copy does not know was removed")
		}
		if i := w.expect("p3", pending, cluster.ReasonNone); i.Message == "" {
			t.Error("nothing says that the database is away")
		}
		w.ledger.fail(nil)
		w.feed.restored(false)
		synctest.Wait()
		w.pass(5 * time.Second)
		w.expectGone("p1")
		w.expectGone("p2")
		w.expect("p3", ready, cluster.ReasonNone)
	})
}

func TestWithoutASnapshotNothingIsTouched(t *testing.T) {
	bubble(t, fake.Image{}, func(w *world) {
		was := w.serving()
		w.halt()
		known := w.feed.Snapshot()
		w.feed.swap(cluster.NewSnapshot())
		w.build()
		w.feed.swap(cluster.NewSnapshot())
		if err := w.agent.Adopt(w.t.Context()); err != nil {
			t.Fatal(err)
		}
		w.run()
		w.pass(time.Minute)
		if n := w.engine.Counts().Stops; n != 0 {
			t.Errorf("%d stops without a snapshot", n)
		}
		w.feed.swap(known)
		w.pass(time.Second)
		if i := w.expect("p1", ready, cluster.ReasonNone); i.ContainerID != was.ContainerID {
			t.Errorf("p1 is %+v", i)
		}
	})
}

func TestAnEmptyNodeSaysSo(t *testing.T) {
	bubble(t, fake.Image{}, func(w *world) {
		w.start()
		if l := w.feed.pushes; len(l) == 0 || l[0].Epoch != w.epoch || len(l[0].Instances) != 0 {
			t.Errorf("pushed %+v, want an empty list of epoch %d", l, w.epoch)
		}
	})
}
