package scheduler

import (
	"testing"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

// steps plans and acts alternately and returns what was written, plan by plan.
func (w *world) steps(t *testing.T, n int, fails func(*cluster.Placement) bool) []string {
	t.Helper()
	var out []string
	for range n {
		if d := w.decide(t); len(d.Writes) > 0 {
			out = append(out, show(d.Writes))
		}
		w.act(fails)
	}
	return out
}

func TestRollOutStepByStep(t *testing.T) {
	for _, c := range []struct {
		name   string
		spec   project.Component
		memory int64
		awake  int
		want   []string
	}{
		{"startstop, one", project.Component{}, 1024, 1, []string{
			"[insert web/1@2 on n1]",
			"[proven web want stop web/0@1]",
			"[delete web/0]",
		}},
		{"startstop, two, one after the other", project.Component{MaxInstances: 3}, 1024, 2, []string{
			"[insert web/2@2 on n1]",
			"[proven web want stop web/1@1]",
			"[delete web/1 insert web/1@2 on n1]",
			"[want stop web/0@1]",
			"[delete web/0]",
		}},
		{"startstop without memory for two", project.Component{ReserveMemory: 600}, 1024, 1, []string{
			"[want stop web/0@1]",
			"[delete web/0 insert web/0@2 on n1]",
			"[proven web]",
		}},
		{"startstop, asked for, at the maximum", project.Component{MaxInstances: 1, RestartOrder: project.RestartStartStop}, 1024, 1, []string{
			"[want stop web/0@1]",
			"[delete web/0 insert web/0@2 on n1]",
			"[proven web]",
		}},
		{"stopstart, as many as were running", project.Component{RestartOrder: project.RestartStopStart, MaxInstances: 9}, 2048, 2, []string{
			"[want stop web/1@1]",
			"[delete web/1 insert web/1@2 on n1]",
			"[proven web want stop web/0@1]",
			"[delete web/0 insert web/0@2 on n1]",
		}},
		{"asleep, never proven", project.Component{}, 1024, 0, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld()
			w.node("n1", c.memory)
			w.declare("web", c.spec)
			if c.awake > 0 {
				w.load.Components["web"] = cluster.ComponentLoad{Queued: c.awake, ServiceTime: time.Minute}
				w.settle(t)
				w.load.Components["web"] = cluster.ComponentLoad{InFlight: 1}
			}
			w.declare("web", c.spec)
			got := w.steps(t, 30, nil)
			if len(got) != len(c.want) {
				t.Fatalf("%d writes %v, want %d", len(got), got, len(c.want))
			}
			for i := range got {
				if got[i] != c.want[i] {
					t.Errorf("write %d is %s, want %s", i, got[i], c.want[i])
				}
			}
			w.expect(t, "at the end", counts{"web": c.awake})
		})
	}
}

func TestFailingVersionKeepsTheOldOne(t *testing.T) {
	w := newWorld()
	w.node("n1", 4096)
	spec := project.Component{}
	w.declare("web", spec)
	w.load.Components["web"] = cluster.ComponentLoad{Queued: 2, ServiceTime: time.Minute}
	w.settle(t)
	w.load.Components["web"] = cluster.ComponentLoad{InFlight: 2}
	w.declare("web", spec)
	w.steps(t, 20, func(pl *cluster.Placement) bool { return pl.PlacedVersion == 2 })
	want := "[web/0@1 n1 run ready web/1@1 n1 run ready]"
	if got := w.picture(); got != want {
		t.Fatalf("have %s, want %s", got, want)
	}
	w.declare("web", spec)
	w.settle(t)
	for id, pl := range w.placements {
		if pl.PlacedVersion != 3 || w.instances[id].State != cluster.InstanceReady {
			t.Errorf("the fix does not win: %s", w.picture())
		}
	}
	w.expect(t, "in the end", counts{"web": 2})
}

func TestFailingVersionWithStopstartBringsBackWhatWasStopped(t *testing.T) {
	w := newWorld()
	w.node("n1", 4096)
	spec := project.Component{MinInstances: 2, RestartOrder: project.RestartStopStart}
	w.declare("web", spec)
	w.settle(t)
	w.declare("web", spec)
	w.steps(t, 20, func(pl *cluster.Placement) bool { return pl.PlacedVersion == 2 })
	if got, want := w.picture(), "[web/0@1 n1 run ready web/1@1 n1 run ready]"; got != want {
		t.Errorf("have %s, want %s", got, want)
	}
}

func TestChangeThatContainersDontSeeReplacesNothing(t *testing.T) {
	w := newWorld()
	w.node("n1", 4096)
	w.declare("web", project.Component{})
	w.wake("web")
	w.settle(t)
	w.limit("web", func(c *project.Component) { c.IdleTimeoutSeconds = 7 })
	w.wake("web")
	if d := w.decide(t); len(d.Writes) > 0 {
		t.Fatalf("replaces: %s", show(d.Writes))
	}
	if want := w.now.Add(7 * time.Second); !w.next.Equal(want) {
		t.Errorf("looks again at %v, want %v: the new limit counts", w.next, want)
	}
}

func TestComponentThatCameBackAtALowerVersionIsReplaced(t *testing.T) {
	w := newWorld()
	w.node("n1", 4096)
	w.declare("web", project.Component{})
	w.declare("web", project.Component{})
	w.wake("web")
	w.settle(t)
	delete(w.components, "web")
	w.declare("web", project.Component{})
	w.load.Components["web"] = cluster.ComponentLoad{InFlight: 1}
	w.settle(t)
	if got := w.picture(); got != "[web/1@1 n1 run ready]" {
		t.Errorf("have %s", got)
	}
}

func TestRemovedComponentIsStopped(t *testing.T) {
	w := newWorld()
	w.node("n1", 4096)
	w.declare("web", project.Component{MinInstances: 2})
	w.settle(t)
	delete(w.components, "web")
	w.settle(t)
	if len(w.placements) != 0 {
		t.Errorf("left: %s", w.picture())
	}
}

func TestRowLivesUntilItsNodeHasReportedItGone(t *testing.T) {
	w := newWorld()
	n := w.node("n1", 4096)
	w.declare("web", project.Component{})
	w.wake("web")
	w.settle(t)
	w.load.Sleeps["web"] = true
	w.decide(t)
	snap := w.snapshot()
	restarted := *n
	restarted.Epoch = 2
	snap = snap.With(cluster.ChangeSet{Number: 2, Nodes: map[string]*cluster.Node{"n1": &restarted}})
	d := Plan(Input{Snapshot: snap, Memory: w.memory, Now: w.now, NewID: func() string { return "x" }})
	if len(d.Writes) > 0 {
		t.Fatalf("deletes a row before its node reported: %s", show(d.Writes))
	}
	snap = snap.WithInstances(cluster.InstanceList{Node: "n1", Epoch: 2, Counter: 1})
	d = Plan(Input{Snapshot: snap, Memory: d.Memory, Now: w.now, NewID: func() string { return "x" }})
	if got := show(d.Writes); got != "[delete web/0]" {
		t.Errorf("writes %s, want the row deleted", got)
	}
}

// Its node may have read the placement before it was stopped, and start it.
func TestRowThatWasNeverReportedIsKeptForAMoment(t *testing.T) {
	w := newWorld()
	w.node("n1", 4096)
	w.declare("web", project.Component{})
	w.wake("web")
	w.decide(t)
	w.load.Sleeps["web"] = true
	w.decide(t)
	if got := w.picture(); got != "[web/0@1 n1 stop -]" {
		t.Fatalf("have %s", got)
	}
	if want := w.now.Add(time.Second); !w.next.Equal(want) {
		t.Fatalf("looks again at %v, want %v", w.next, want)
	}
	w.wait(t, time.Second)
	if len(w.placements) > 0 {
		t.Errorf("left: %s", w.picture())
	}
}

// What a daemon's restart leaves unknown is not replaced in the meantime.
func TestRestartedNodeIsNotJudgedBeforeItReports(t *testing.T) {
	w := newWorld()
	n := w.node("n1", 4096)
	w.declare("web", project.Component{})
	w.wake("web")
	w.settle(t)
	w.declare("web", project.Component{})
	restarted := *n
	restarted.Epoch = 2
	snap := w.snapshot().With(cluster.ChangeSet{Number: 2, Nodes: map[string]*cluster.Node{"n1": &restarted}})
	d := Plan(Input{Snapshot: snap, Now: w.now, NewID: func() string { return "x" }})
	if got := show(d.Writes); got != "[insert web/1@2 on n1]" {
		t.Errorf("writes %s, want the new instance beside the old one", got)
	}
}

func TestWakeTurnsBackWhatIsLeaving(t *testing.T) {
	for _, c := range []struct {
		name     string
		state    cluster.InstanceState
		refused  bool
		declared int
		want     string
	}{
		{"draining", cluster.InstanceDraining, false, 1, "[want run web/0@1]"},
		{"not yet draining", cluster.InstanceReady, false, 1, "[want run web/0@1]"},
		{"stopping", cluster.InstanceStopping, false, 1, "[insert web/1@1 on n1]"},
		{"stopping, as the store knows", cluster.InstanceDraining, true, 1, "[insert web/1@1 on n1]"},
		{"failing", cluster.InstanceBackoff, false, 1, "[insert web/1@1 on n1]"},
		{"of an old version", cluster.InstanceDraining, false, 2, "[insert web/1@2 on n1]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld()
			w.node("n1", 4096)
			w.declare("web", project.Component{})
			w.wake("web")
			w.settle(t)
			w.load.Sleeps["web"] = true
			w.decide(t)
			for id, pl := range w.placements {
				w.report(pl, c.state, "")
				w.load.Stopping = map[string]bool{id: c.refused}
			}
			for range c.declared - 1 {
				w.declare("web", project.Component{})
			}
			w.wake("web")
			if got := show(w.decide(t).Writes); got != c.want {
				t.Errorf("writes %s, want %s", got, c.want)
			}
		})
	}
}

func TestWakeAtTheMaximumWaitsForTheRowToGo(t *testing.T) {
	w := newWorld()
	w.node("n1", 4096)
	w.declare("web", project.Component{MaxInstances: 1})
	w.wake("web")
	w.settle(t)
	w.load.Sleeps["web"] = true
	w.decide(t)
	for _, pl := range w.placements {
		w.report(pl, cluster.InstanceStopping, "")
	}
	w.wake("web")
	if d := w.decide(t); len(d.Writes) > 0 || len(d.Refusals) > 0 {
		t.Fatalf("writes %s, refuses %v; want nothing yet", show(d.Writes), d.Refusals)
	}
	w.act(nil)
	w.wake("web")
	if got, want := show(w.decide(t).Writes), "[delete web/0 insert web/0@1 on n1]"; got != want {
		t.Errorf("writes %s, want %s", got, want)
	}
}
