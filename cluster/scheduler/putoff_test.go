package scheduler

import (
	"testing"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

// What has to start alone and never works keeps no version from being proven:
// it waits for itself, not for room.
func TestWhatWaitsForItselfHoldsUpNoProbe(t *testing.T) {
	w := proven(t, 8192, project.Component{}, 0)
	w.declare("broken", project.Component{MinInstances: 2, StartParallelism: project.StartSeriesFirst})
	fails := func(pl *cluster.Placement) bool { return pl.Component == "broken" }
	for range 4 {
		w.decide(t)
		w.act(fails)
	}
	w.declare("web", project.Component{})
	for range 10 {
		w.decide(t)
		w.act(fails)
	}
	if w.components["web"].Unproven() || w.running("web") > 0 {
		t.Errorf("not proven, or not asleep: %s", w.picture())
	}
}

// A suspect that waits for the image of its successor is no reason against that.
func TestASuspectMakesWay(t *testing.T) {
	w := proven(t, 8192, project.Component{MaxInstances: 1}, 1)
	for _, i := range w.instances {
		i.Suspect, i.Reason, i.LastFailure = true, cluster.ReasonUnhealthy, cluster.ReasonUnhealthy
	}
	w.declare("web", project.Component{MaxInstances: 1})
	w.decide(t)
	for _, i := range w.instances {
		i.Holds = true
	}
	w.decide(t)
	if f := w.components["web"].Failed; f != nil {
		t.Fatalf("failed: %+v", f)
	}
	for _, i := range w.instances {
		i.Reason = cluster.ReasonPullFailed
	}
	w.decide(t)
	if f := w.components["web"].Failed; f == nil || f.Reason != cluster.ReasonPullFailed || f.RetryAt.IsZero() {
		t.Errorf("failed %+v, want for its image", f)
	}
}

// Who wakes a component whose next version is being pulled gets the version
// before, which is here.
func TestAWakeDoesNotWaitForAPull(t *testing.T) {
	for name, c := range map[string]struct {
		memory int64
		spec   project.Component
		fails  bool
	}{
		"beside":                   {8192, project.Component{}, false},
		"in series":                {8192, project.Component{StartParallelism: project.StartSeries}, false},
		"at the maximum":           {8192, project.Component{MaxInstances: 1}, true},
		"where one stops first":    {8192, project.Component{RestartOrder: project.RestartStopStart}, true},
		"without room for both":    {200, project.Component{}, true},
		"pulled before each start": {8192, project.Component{PullImageOnStart: true}, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := proven(t, c.memory, c.spec, 0)
			w.declare("web", c.spec)
			w.decide(t)
			for range 10 {
				for id, pl := range w.placements {
					switch {
					case pl.Want == cluster.WantStop:
						delete(w.instances, id)
					case atVersion2(pl):
						w.report(pl, cluster.InstancePulling, "")
					default:
						w.report(pl, cluster.InstanceReady, "")
					}
				}
				w.load.Components["web"] = cluster.ComponentLoad{Queued: 1}
				w.decide(t)
			}
			served := false
			for id, pl := range w.placements {
				served = served || pl.PlacedVersion == 1 && w.instances[id].State == cluster.InstanceReady
			}
			f := w.components["web"].Failed
			if !served || c.fails != (f != nil) || f != nil && f.RetryAt.IsZero() {
				t.Errorf("served: %t, failed %+v: %s", served, f, w.picture())
			}
		})
	}
}

// A pull before each start, in the place of what was stopped for it, is not
// given up for that.
func TestAPullInPlaceIsNotInTheWay(t *testing.T) {
	spec := project.Component{MaxInstances: 1, PullImageOnStart: true}
	w := proven(t, 8192, spec, 1)
	w.declare("web", spec)
	for range 6 {
		w.decide(t)
		for _, pl := range w.placements {
			if atVersion2(pl) {
				w.report(pl, cluster.InstancePulling, "")
				w.decide(t)
			}
		}
		w.act(nil)
	}
	if row := w.components["web"]; row.Unproven() {
		t.Errorf("failed %+v: %s", row.Failed, w.picture())
	}
}

// When a version is tried again was written by the clock of the holder then.
func TestATryIsNotPutOffByAClockThatWasAhead(t *testing.T) {
	for name, n := range map[string]int{"awake": 1, "asleep": 0} {
		t.Run(name, func(t *testing.T) {
			w := proven(t, 8192, project.Component{}, n)
			w.declare("web", project.Component{})
			w.decide(t)
			for _, pl := range w.placements {
				if atVersion2(pl) {
					w.report(pl, cluster.InstanceBackoff, cluster.ReasonImageMissing)
				}
			}
			w.decide(t)
			w.settle(t)
			if w.components["web"].Failed == nil {
				t.Fatal("it has not failed")
			}
			w.now, w.memory = w.now.Add(-3*time.Hour), Memory{}
			w.settle(t)
			if row := w.components["web"]; row.Unproven() {
				t.Errorf("not tried again: %+v", row.Failed)
			}
		})
	}
}

// What has made way for its next version, which waits for the room of something
// else that is leaving, is not forgotten when its own last row is gone.
func TestWhatWaitsForRoomWithoutARowIsNotForgotten(t *testing.T) {
	w := proven(t, 384, project.Component{MaxInstances: 1, ReserveMemory: 128}, 1)
	w.declare("other", project.Component{ReserveMemory: 256})
	w.wake("other")
	w.settle(t)
	if w.running("web") != 1 || w.running("other") != 1 {
		t.Fatalf("not both run: %s", w.picture())
	}
	delete(w.load.Components, "web")
	w.load.Sleeps["other"] = true
	w.declare("web", project.Component{MaxInstances: 1, ReserveMemory: 256})
	leave := func(component string) {
		w.decide(t)
		for id, i := range w.instances {
			if i.Component == component {
				delete(w.instances, id)
			}
		}
		w.now = w.now.Add(settleTime)
		w.decide(t)
	}
	leave("web")
	if len(w.placements) != 1 {
		t.Fatalf("web has a row already: %s", w.picture())
	}
	leave("other")
	w.expect(t, "in the end", counts{"web": 1})
}
