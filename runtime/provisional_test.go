package runtime_test

import (
	"testing"
	"testing/synctest"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
	"maelstrom/runtime"
	"maelstrom/runtime/fake"
)

// away sets whether the database is away from this node.
func (w *world) away(is bool) {
	w.feed.mu.Lock()
	w.feed.swap(w.feed.snap.WithReach(is, nil))
	w.feed.mu.Unlock()
	w.ledger.fail(nil)
	if is {
		w.ledger.fail(errAway)
	}
	synctest.Wait()
}

// provision starts an instance that has no row.
func (w *world) provision(id string) {
	w.t.Helper()
	w.agent.Provision(cluster.Placement{ID: id, Component: "shop_web", Node: node, Want: cluster.WantRun, PlacedVersion: 1, MemoryMiB: 128})
	w.pass(time.Second)
	i := w.expect(id, ready, cluster.ReasonNone)
	if c, _ := w.container(id); !i.Provisional || i.MemoryMiB != 128 || !c.Provisional {
		w.t.Errorf("started as %+v in %+v", i, c)
	}
}

// withoutDatabase starts an Agent that knows shop_web and has no database.
func withoutDatabase(t *testing.T, story func(w *world)) {
	bubble(t, fake.Image{Boot: 100 * time.Millisecond}, func(w *world) {
		w.start()
		w.declare(1, "app")
		w.away(true)
		w.provision("own")
		story(w)
	})
}

// What runs without a row is not stored before it has one; then it is as any
// other, and nobody that it serves has noticed.
func TestAProvisionalInstanceIsAdopted(t *testing.T) {
	withoutDatabase(t, func(w *world) {
		w.agent.Provision(cluster.Placement{ID: "second", Component: "shop_web", Node: node, Want: cluster.WantRun, PlacedVersion: 1})
		w.pass(time.Minute)
		w.expectGone("second")
		before := w.expect("own", ready, cluster.ReasonNone).ContainerID
		w.away(false)
		w.pass(5 * time.Second)
		if _, stored := w.ledger.row("own"); stored {
			t.Error("it is stored before it has a row")
		}
		w.feed.change(func(cs *cluster.ChangeSet) {
			cs.Placements = map[string]*cluster.Placement{"own": {
				ID: "own", Component: "shop_web", Slot: 3, Node: node, Want: cluster.WantRun, PlacedVersion: 1, Version: 1,
			}}
		})
		w.pass(time.Minute)
		i := w.expect("own", ready, cluster.ReasonNone)
		if i.Provisional || i.Slot != 3 || i.MemoryMiB != 0 || i.ContainerID != before {
			t.Errorf("adopted as %+v", i)
		}
		if row, stored := w.ledger.row("own"); !stored || row.Slot != 3 || row.Provisional {
			t.Errorf("stored as %+v", row)
		}
		w.want("own", cluster.WantStop)
		w.pass(time.Minute)
		w.expectGone("own")
		if w.ledger.marks() != 1 {
			t.Error("it was stopped without asking")
		}
	})
}

// Without a row within ten seconds of the database's return it goes.
func TestAProvisionalInstanceWithoutARowGoes(t *testing.T) {
	withoutDatabase(t, func(w *world) {
		w.pass(time.Hour)
		w.away(false)
		w.pass(5 * time.Second)
		w.away(true) // not for long
		w.pass(time.Hour)
		w.away(false)
		w.pass(9 * time.Second)
		w.expect("own", ready, cluster.ReasonNone)
		done := w.drain.inFlight()
		w.pass(2 * time.Second)
		w.expect("own", cluster.InstanceDraining, cluster.ReasonNone)
		done()
		w.pass(time.Minute)
		w.expectGone("own")
	})
}

// A daemon that starts again without the database goes on with what runs,
// with its row or without one.
func TestAProvisionalInstanceSurvivesARestart(t *testing.T) {
	for _, found := range []string{"without the database", "with the database", "with its row"} {
		withoutDatabase(t, func(w *world) {
			before := w.instance("own").ContainerID
			w.halt()
			w.feed.restored(found == "without the database")
			if found != "without the database" {
				w.away(false)
			}
			if found == "with its row" {
				w.feed.change(func(cs *cluster.ChangeSet) {
					cs.Placements = map[string]*cluster.Placement{"own": {
						ID: "own", Component: "shop_web", Node: node, Want: cluster.WantRun, PlacedVersion: 1, Version: 1,
					}}
				})
			}
			w.start()
			w.pass(5 * time.Second)
			i := w.expect("own", ready, cluster.ReasonNone)
			if i.ContainerID != before || i.Provisional != (found != "with its row") {
				t.Errorf("%s: it is %+v", found, i)
			}
			w.pass(time.Minute)
			if found == "with the database" {
				w.expectGone("own")
			} else {
				w.expect("own", ready, cluster.ReasonNone)
			}
		})
	}
}

// On a node that is cut off what has to stop does, nobody being asked, and
// nothing is started, until it is back.
func TestIsolation(t *testing.T) {
	for _, c := range []struct {
		what project.OnDisconnect
		stop bool
	}{{project.DisconnectKeep, false}, {project.DisconnectStop, true}} {
		bubble(t, fake.Image{Boot: 100 * time.Millisecond}, func(w *world) {
			w.start()
			w.placeOf("p1", func(spec *project.Component) { spec.OnDisconnect = c.what })
			w.pass(time.Second)
			w.expect("p1", ready, cluster.ReasonNone)
			w.away(true)
			w.pass(time.Minute)
			w.expect("p1", ready, cluster.ReasonNone)
			w.agent.Isolate(true)
			w.pass(time.Minute)
			if c.stop {
				w.expectGone("p1")
			} else {
				w.expect("p1", ready, cluster.ReasonNone)
				w.engine.Kill("p1")
				w.pass(time.Minute)
				if i := w.expect("p1", cluster.InstanceStarting, cluster.ReasonExited); i.ContainerID != "" || i.Message == "" {
					t.Errorf("what crashes while it is cut off is %+v", i)
				}
			}
			w.place("p2")
			w.pass(time.Minute)
			w.expectGone("p2")
			w.away(false)
			w.agent.Isolate(false)
			w.pass(time.Minute)
			w.expect("p1", ready, cluster.ReasonNone)
			w.expect("p2", ready, cluster.ReasonNone)
			if w.ledger.marks() > 0 {
				t.Error("the database was asked")
			}
		})
	}
}

// What is on its way out as its node is cut off, and wanted again before it has
// gone, stays.
func TestIsolationThatEndsInTime(t *testing.T) {
	bubble(t, fake.Image{Boot: 100 * time.Millisecond}, func(w *world) {
		w.start()
		w.placeOf("p1", func(spec *project.Component) { spec.MaxInstances = 1 })
		w.pass(time.Second)
		before := w.expect("p1", ready, cluster.ReasonNone).ContainerID
		done := w.drain.inFlight()
		w.away(true)
		w.agent.Isolate(true)
		w.pass(time.Second)
		w.expect("p1", cluster.InstanceDraining, cluster.ReasonNone)
		w.away(false)
		w.agent.Isolate(false)
		synctest.Wait()
		done()
		w.pass(time.Minute)
		if i := w.expect("p1", ready, cluster.ReasonNone); i.ContainerID != before {
			t.Error("another container serves")
		}
	})
}

// An Agent of the same epoch as the one before it is heard all the same.
func TestListsGoOnAfterAStartWithoutTheDatabase(t *testing.T) {
	bubble(t, fake.Image{}, func(w *world) {
		w.build()
		w.place("p1")
		agent := runtime.NewAgent(w.driver, runtime.Options{Node: node, Epoch: w.epoch, FirstList: 1000, Dial: w.engine.Dial}, runtime.Deps{
			Feed: w.feed, Ledger: w.ledger, Images: w.depot, Drainer: w.drain, Activity: w.recent,
		})
		if err := agent.Adopt(w.t.Context()); err != nil {
			t.Fatal(err)
		}
		w.agent = agent
		w.run()
		w.pass(time.Second)
		if list, _ := w.feed.Snapshot().Lists.Get(node); list.Counter <= 1000 {
			t.Errorf("its latest list is %d", list.Counter)
		}
	})
}
