package runtime_test

import (
	"testing"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

// The only instance serves on while its checks fail, until it is clear that
// nothing of it works.
func TestTheOnlyInstanceIsNotRestartedForAFewChecks(t *testing.T) {
	image, patients := sickly()
	bubble(t, image, func(w *world) {
		w.serve(func(c *project.Component) { c.HTTPHealthCheckMaxFailures = 2 }, "p1")
		patients.fall("p1")
		w.pass(22 * time.Second)
		i := w.expect("p1", ready, cluster.ReasonUnhealthy)
		if !i.Suspect || i.FailedChecks < 2 || i.Message == "" || i.LastFailure != cluster.ReasonUnhealthy {
			t.Errorf("after two failures %+v, want a suspect", i)
		}
		patients.recover("p1")
		w.pass(10 * time.Second)
		i = w.expect("p1", ready, cluster.ReasonNone)
		if i.Suspect || i.FailedChecks != 0 || i.Message != "" || i.Restarts != 0 {
			t.Errorf("well again, it is %+v", i)
		}
		if i.LastFailure != cluster.ReasonUnhealthy {
			t.Error("the failure is forgotten")
		}
		patients.fall("p1")
		w.pass(50 * time.Second)
		w.expect("p1", ready, cluster.ReasonUnhealthy)
		w.pass(30 * time.Second)
		if i := w.expect("p1", ready, cluster.ReasonNone); i.Restarts != 1 {
			t.Errorf("%d restarts after three times as many failures, want 1", i.Restarts)
		}
	})
}

func TestTheOnlyInstanceIsNotRestartedWhileAnotherComes(t *testing.T) {
	image, patients := sickly()
	bubble(t, image, func(w *world) {
		w.serve(nil, "p1")
		patients.fall("p1")
		w.feed.change(func(cs *cluster.ChangeSet) {
			cs.Placements = map[string]*cluster.Placement{"p2": {
				ID: "p2", Component: "shop_web", Slot: 1, Node: "elsewhere", Want: cluster.WantRun, PlacedVersion: 1, Version: 1,
			}}
		})
		w.pass(10 * time.Minute)
		if i := w.expect("p1", ready, cluster.ReasonUnhealthy); !i.Suspect || i.Restarts != 0 {
			t.Errorf("while another is on its way it is %+v", i)
		}
	})
}

// Where all fail at once it may be the checks: they are restarted one after
// the other, and never more than half of them are away.
func TestNeverMoreThanHalfAreRestartedAtOnce(t *testing.T) {
	image, patients := sickly()
	image.Boot = 5 * time.Second
	ids := []string{"p1", "p2", "p3", "p4", "p5"}
	bubble(t, image, func(w *world) {
		w.start()
		for _, id := range ids {
			w.place(id)
		}
		w.pass(time.Minute)
		patients.fall(ids...)
		for range 400 {
			w.pass(500 * time.Millisecond)
			serving := 0
			for _, id := range ids {
				if w.instance(id).State == ready {
					serving++
				}
			}
			if serving < 3 {
				t.Fatalf("%d of 5 serve", serving)
			}
		}
		for _, id := range ids {
			if i := w.expect(id, ready, cluster.ReasonNone); i.Restarts != 1 {
				t.Errorf("%s was restarted %d times, want once", id, i.Restarts)
			}
		}
	})
}

func TestADeadOneThatAnswersRequestsStays(t *testing.T) {
	image, patients := sickly()
	bubble(t, image, func(w *world) {
		w.serve(func(c *project.Component) { c.HTTPHealthCheckSeconds = 5 }, "p1")
		patients.fall("p1")
		for range 100 {
			w.pass(12 * time.Second) // it counts as dead after 13.5 at the soonest
			w.recent.now()
		}
		if i := w.instance("p1"); i.Restarts != 0 {
			t.Errorf("%d restarts of what still answers", i.Restarts)
		}
	})
}

func TestASuspectIsAdoptedAsOne(t *testing.T) {
	image, patients := sickly()
	bubble(t, image, func(w *world) {
		w.serve(nil, "p1")
		launched := w.instance("p1").LaunchedAt
		patients.fall("p1")
		w.pass(14 * time.Second)
		was := w.expect("p1", ready, cluster.ReasonUnhealthy)
		w.halt()
		w.start()
		i := w.expect("p1", ready, cluster.ReasonUnhealthy)
		if !i.Suspect || i.FailedChecks != was.FailedChecks || !i.LaunchedAt.Equal(launched) || i.LastFailureDetail != was.LastFailureDetail {
			t.Errorf("adopted as %+v, was %+v", i, was)
		}
		patients.recover("p1")
		w.halt()
		w.start()
		if i := w.expect("p1", ready, cluster.ReasonNone); i.Suspect || i.FailedChecks != 0 || i.Restarts != 0 {
			t.Errorf("well again, it is adopted as %+v", i)
		}
	})
}

// A suspect that was asked to make way, and is not any more, is still one.
func TestASuspectThatStaysIsStillOne(t *testing.T) {
	image, patients := sickly()
	bubble(t, image, func(w *world) {
		w.serve(func(c *project.Component) { c.HTTPHealthCheckSeconds = 60 }, "p1")
		patients.fall("p1")
		w.pass(61 * time.Second)
		w.expect("p1", ready, cluster.ReasonUnhealthy)
		w.declare(2, "nowhere")
		w.want("p1", cluster.WantStop)
		w.pass(100 * time.Millisecond)
		w.expect("p1", ready, cluster.ReasonImageMissing)
		w.want("p1", cluster.WantRun)
		w.pass(100 * time.Millisecond)
		if i := w.expect("p1", ready, cluster.ReasonUnhealthy); !i.Suspect || i.Message == "" {
			t.Errorf("it stays as %+v", i)
		}
	})
}
