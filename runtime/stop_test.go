package runtime_test

import (
	"slices"
	"testing"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
	"maelstrom/runtime"
	"maelstrom/runtime/fake"
)

// serving starts a ready instance p1.
func (w *world) serving() cluster.Instance {
	w.t.Helper()
	w.start()
	w.place("p1")
	w.pass(time.Second)
	return w.expect("p1", ready, cluster.ReasonNone)
}

func TestStopDrainsFirst(t *testing.T) {
	bubble(t, fake.Image{TermDelay: time.Second}, func(w *world) {
		w.serving()
		done := w.drain.inFlight()
		w.want("p1", cluster.WantStop)
		w.pass(5 * time.Second)
		w.expect("p1", cluster.InstanceDraining, cluster.ReasonNone)
		if w.ledger.marks() != 0 {
			t.Error("the point of no return was passed while requests are in flight")
		}
		done()
		w.pass(10 * time.Millisecond)
		w.expect("p1", cluster.InstanceStopping, cluster.ReasonNone)
		w.pass(2 * time.Second)
		w.expectGone("p1")
		if _, stored := w.ledger.row("p1"); stored {
			t.Error("its row is still stored")
		}
		want := []cluster.InstanceState{pending, ready, cluster.InstanceDraining, cluster.InstanceStopping}
		if got := w.feed.states("p1"); !slices.Equal(got, want) {
			t.Errorf("pushed %v, want %v", got, want)
		}
	})
}

func TestDrainHasADeadline(t *testing.T) {
	bubble(t, fake.Image{}, func(w *world) {
		w.start()
		w.placeOf("p1", func(c *project.Component) { c.DrainSeconds = 7 })
		w.pass(time.Second)
		w.drain.inFlight()
		w.want("p1", cluster.WantStop)
		w.pass(7*time.Second - time.Millisecond)
		w.expect("p1", cluster.InstanceDraining, cluster.ReasonNone)
		if n := w.drain.streamsEnded(); n != 0 {
			t.Errorf("streams ended %d times before the deadline", n)
		}
		w.pass(2 * time.Second)
		w.expectGone("p1")
		if n := w.drain.streamsEnded(); n != 1 {
			t.Errorf("streams ended %d times, want once", n)
		}
	})
}

func TestContainerThatIgnoresTermIsKilled(t *testing.T) {
	bubble(t, fake.Image{IgnoresTerm: true}, func(w *world) {
		w.serving()
		w.want("p1", cluster.WantStop)
		w.pass(runtime.DefaultStopGrace - time.Second)
		w.expect("p1", cluster.InstanceStopping, cluster.ReasonNone)
		w.pass(2 * time.Second)
		w.expectGone("p1")
	})
}

func TestRunAgainWhileDraining(t *testing.T) {
	bubble(t, fake.Image{}, func(w *world) {
		was := w.serving()
		w.drain.inFlight()
		w.want("p1", cluster.WantStop)
		w.pass(time.Second)
		w.want("p1", cluster.WantRun)
		if i := w.expect("p1", ready, cluster.ReasonNone); i != was {
			t.Errorf("came back as %+v, was %+v", i, was)
		}
		w.pass(time.Minute)
		if n := w.engine.Counts().Stops; n != 0 {
			t.Errorf("%d stops", n)
		}
	})
}

// The holder flipped the placement back to run, and this node does not know
// yet: the database says no.
func TestPointOfNoReturnDenied(t *testing.T) {
	bubble(t, fake.Image{}, func(w *world) {
		was := w.serving()
		w.ledger.flipped("p1", 3)
		w.want("p1", cluster.WantStop)
		if i := w.expect("p1", ready, cluster.ReasonNone); i != was {
			t.Errorf("came back as %+v, was %+v", i, was)
		}
		w.pass(time.Minute)
		if n := w.drain.count(); n != 1 {
			t.Errorf("drained %d times for one outdated wish, want 1", n)
		}
		w.want("p1", cluster.WantRun)
		w.ledger.flipped("p1", 4)
		w.want("p1", cluster.WantStop)
		w.pass(time.Second)
		w.expectGone("p1")
	})
}

func TestStopWhileTheDatabaseIsAway(t *testing.T) {
	bubble(t, fake.Image{}, func(w *world) {
		w.serving()
		w.ledger.fail(errAway)
		w.want("p1", cluster.WantStop)
		w.pass(10 * time.Second)
		w.expect("p1", cluster.InstanceDraining, cluster.ReasonNone)
		w.ledger.fail(nil)
		w.pass(2 * time.Second)
		w.expectGone("p1")
	})
}

func TestRunAgainWhileTheDatabaseIsAway(t *testing.T) {
	bubble(t, fake.Image{}, func(w *world) {
		w.serving()
		w.ledger.fail(errAway)
		w.want("p1", cluster.WantStop)
		w.pass(10 * time.Second)
		w.want("p1", cluster.WantRun)
		w.expect("p1", ready, cluster.ReasonNone)
	})
}

func TestRemovedPlacementIsDrainedAndStopped(t *testing.T) {
	bubble(t, fake.Image{}, func(w *world) {
		w.serving()
		w.feed.remove("p1")
		w.pass(time.Second)
		w.expectGone("p1")
		if w.drain.count() != 1 {
			t.Error("it was not drained")
		}
	})
}

func TestStopWhileStarting(t *testing.T) {
	bubble(t, fake.Image{StartDelay: time.Second, Boot: time.Minute}, func(w *world) {
		w.start()
		w.place("p1")
		w.pass(500 * time.Millisecond)
		w.want("p1", cluster.WantStop)
		w.pass(2 * time.Second)
		w.expectGone("p1")
		if slices.Contains(w.feed.states("p1"), ready) {
			t.Error("it was ready meanwhile")
		}
	})
}

func TestCrashWhileDraining(t *testing.T) {
	bubble(t, fake.Image{}, func(w *world) {
		w.serving()
		w.drain.inFlight()
		w.want("p1", cluster.WantStop)
		w.engine.Kill("p1")
		w.pass(100 * time.Millisecond)
		w.expectGone("p1")
		w.pass(time.Minute)
		if n := w.engine.Counts().Starts; n != 1 {
			t.Errorf("%d starts, want 1", n)
		}
	})
}

func TestSamePlacementRunsAgainAfterItStopped(t *testing.T) {
	bubble(t, fake.Image{}, func(w *world) {
		w.serving()
		w.want("p1", cluster.WantStop)
		w.pass(time.Second)
		w.expectGone("p1")
		w.want("p1", cluster.WantRun)
		w.pass(time.Second)
		w.expect("p1", ready, cluster.ReasonNone)
	})
}

func TestStopAll(t *testing.T) {
	bubble(t, fake.Image{}, func(w *world) {
		w.serving()
		w.place("p2")
		w.pass(time.Second)
		w.halt()
		if _, there := w.container("p1"); !there {
			t.Fatal("the end of Run stopped a container")
		}
		if err := w.agent.StopAll(w.t.Context()); err != nil {
			t.Fatal(err)
		}
		w.expectGone("p1")
		w.expectGone("p2")
		if w.drain.count() != 2 {
			t.Errorf("%d drained, want 2", w.drain.count())
		}
		if _, stored := w.ledger.row("p1"); stored {
			t.Error("its row is still stored")
		}
	})
}

// A daemon that is killed while a container stops has passed the point of no
// return for the next one: a wish to run, which comes meanwhile, gets another
// container, and the end of this one is nobody's failure.
func TestWhatStopsIsNotTurnedBackAfterARestart(t *testing.T) {
	for name, left := range map[string]func(*world){
		"it ends after the restart": func(*world) {},
		"it has ended before":       func(w *world) { w.engine.Exit("p1", 0) },
	} {
		for _, want := range []cluster.Want{cluster.WantStop, cluster.WantRun} {
			t.Run(name+", "+string(want), func(t *testing.T) {
				bubble(t, fake.Image{TermDelay: 5 * time.Second}, func(w *world) {
					was := w.serving()
					w.want("p1", cluster.WantStop)
					w.pass(time.Second)
					w.expect("p1", cluster.InstanceStopping, cluster.ReasonNone)
					w.halt()
					left(w)
					if want == cluster.WantRun {
						w.want("p1", want)
					}
					w.build()
					if err := w.agent.Adopt(w.t.Context()); err != nil {
						t.Fatal(err)
					}
					w.expect("p1", cluster.InstanceStopping, cluster.ReasonNone)
					w.run()
					w.pass(10 * time.Second)
					if states := w.feed.states("p1"); slices.Contains(states, cluster.InstanceBackoff) {
						t.Errorf("a failure was told: %v", states)
					}
					if want == cluster.WantStop {
						w.expectGone("p1")
					} else if i := w.expect("p1", ready, cluster.ReasonNone); i.ContainerID == was.ContainerID || i.LastFailure != "" {
						t.Errorf("runs as %+v, was %+v", i, was)
					}
				})
			})
		}
	}
}

// A container that ended while no daemon ran, and was to stop, is removed.
func TestWhatEndedAndWasToStopIsNoFailure(t *testing.T) {
	bubble(t, fake.Image{}, func(w *world) {
		w.serving()
		w.halt()
		w.engine.Exit("p1", 3)
		w.want("p1", cluster.WantStop)
		w.start()
		w.pass(time.Second)
		w.expectGone("p1")
		if states := w.feed.states("p1"); slices.Contains(states, cluster.InstanceBackoff) {
			t.Errorf("a failure was told: %v", states)
		}
	})
}
