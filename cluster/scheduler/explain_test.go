package scheduler

import (
	"slices"
	"strings"
	"testing"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

func (w *world) explain(t *testing.T, name string) cluster.Explanation {
	t.Helper()
	e, ok := Explain(Input{Snapshot: w.snapshot(), Load: w.load, Memory: w.memory, Now: w.now, NewID: func() string { return "x" }}, name)
	if !ok {
		t.Fatalf("%s is not known", name)
	}
	return e
}

func TestExplanationNamesEachObstacleAndWhatToChange(t *testing.T) {
	w := newWorld()
	w.node("n1", 4096).Labels = map[string]string{"disk": "ssd"}
	w.node("n2", 4096)
	w.node("n3", 100).Labels = map[string]string{"disk": "ssd"}
	w.nodes["n1"].Images = []string{"web"}
	w.declare("a", project.Component{Image: "web", Nodes: map[string]string{"disk": "ssd"}, MaxInstancesPerNode: 2})
	w.wake("a")
	w.settle(t)
	e := w.explain(t, "a")
	if e.Refusal != "" || e.Target != 1 || e.MemoryMiB != 128 || e.Placement != "pack" || len(e.Nodes) != 3 {
		t.Fatalf("%+v", e)
	}
	if first := e.Nodes[0]; first.ID != "n1" || !first.Fits || first.Instances != 1 || first.Score.Share != -1 || first.Score.Image != imageBonus {
		t.Errorf("the best is %+v", first)
	}
	if len(e.Instances) != 1 || e.Instances[0].Why != "its node suits it" || e.Instances[0].State != "ready" {
		t.Errorf("instances %+v", e.Instances)
	}
	w.drain("n1", cluster.DrainMove)
	w.settle(t)
	e = w.explain(t, "a")
	want := map[string]string{
		"n1": "is draining>maelctl cluster undrain n1",
		"n2": "has no label disk>nodes of the component or MAEL_NODE_LABELS of the node",
		"n3": "has 100 of 100 MiB free>reservememory of the component or MAEL_TOTAL_MEMORY of the node",
	}
	for _, n := range e.Nodes {
		if len(n.Obstacles) != 1 || n.Obstacles[0].Text+">"+n.Obstacles[0].Change != want[n.ID] || n.Obstacles[0].Passing || n.Fits {
			t.Errorf("%s: %+v", n.ID, n.Obstacles)
		}
	}
	if got := e.Instances[0].Why; got != "stays although its node is draining: it fits nowhere else" {
		t.Error(got)
	}
	if !strings.HasPrefix(e.Refusal, "no node can run a, ") {
		t.Errorf("refusal %q", e.Refusal)
	}
}

func TestExplanationTellsWhatPasses(t *testing.T) {
	w := newWorld()
	w.node("n1", 1000)
	w.declare("a", project.Component{MaxInstances: 1})
	w.declare("b", project.Component{ReserveMemory: 900})
	w.wake("a")
	w.settle(t)
	if e := w.explain(t, "a"); !strings.Contains(e.Refusal, "has all of the 1 instances") {
		t.Errorf("%+v", e)
	}
	w.load.Sleeps["a"] = true
	w.decide(t)
	if why := w.explain(t, "a").Instances[0].Why; why != "leaves" {
		t.Error(why)
	}
	e := w.explain(t, "b")
	if o := e.Nodes[0].Obstacles; len(o) != 1 || !o[0].Passing || e.Refusal != "" {
		t.Errorf("%+v", e)
	}
	if _, ok := Explain(Input{Snapshot: w.snapshot(), Now: w.now}, "nope"); ok {
		t.Error("explains what is not there")
	}
}

func TestExplanationOfARollout(t *testing.T) {
	w := newWorld()
	w.node("n1", 1000)
	w.declare("a", project.Component{MinInstances: 1})
	w.settle(t)
	w.declare("a", project.Component{MinInstances: 1, Image: "new"})
	w.decide(t)
	whys := map[string]bool{}
	for _, i := range w.explain(t, "a").Instances {
		whys[i.Why] = true
	}
	if !whys["serves on until version 2 is proven"] || !whys["its node suits it"] {
		t.Errorf("%v", whys)
	}
}

// What sleeps on a full cluster is told whose idle instances its first one would
// displace, and where first; what has one already displaces nobody.
func TestExplanationTellsWhoWouldMakeRoom(t *testing.T) {
	w := newWorld()
	w.node("n1", 400)
	w.declare("old", sleepy(400))
	w.declare("new", sleepy(400))
	w.declare("web", sleepy(400))
	w.wakeAll(t, "old")
	w.node("n2", 400)
	w.wakeAll(t, "new")
	e := w.explain(t, "web")
	if first, second := e.Nodes[0], e.Nodes[1]; first.ID != "n1" || first.Fits || !slices.Equal(first.MakesRoom, []string{"old"}) ||
		!slices.Equal(second.MakesRoom, []string{"new"}) || !first.Obstacles[0].Passing || e.Refusal != "" {
		t.Errorf("%+v", e)
	}
	if got := e.Scale.WhyNotMore; got != "the first request wakes it, where idle instances make room for it" {
		t.Error(got)
	}
	if got := w.displacedBy(t, "web"); !slices.Equal(got, []string{"old"}) {
		t.Errorf("%v makes room", got)
	}
	w.settle(t)
	if e = w.explain(t, "web"); len(e.Nodes[0].MakesRoom)+len(e.Nodes[1].MakesRoom) > 0 || e.Refusal == "" {
		t.Errorf("another one: %+v", e)
	}
	w.load.Components["new"] = cluster.ComponentLoad{InFlight: 1}
	e = w.explain(t, "old")
	if len(e.Nodes[0].MakesRoom)+len(e.Nodes[1].MakesRoom) > 0 || e.Refusal == "" || !strings.HasPrefix(e.Scale.WhyNotMore, "a request would be refused") {
		t.Errorf("while all is busy: %+v", e)
	}
}

// A burst that wakes a component is told to wake it, whether who asks tells of it
// before the load does, with it or not at all.
func TestWhatWakesAComponentIsToldTheSameWhoeverTellsOfIt(t *testing.T) {
	for name, tell := range map[string]func(w *world){
		"who asks": func(w *world) { w.wake("a") },
		"the load": func(w *world) { w.load.Components["a"] = cluster.ComponentLoad{Queued: 1} },
		"both": func(w *world) {
			w.wake("a")
			w.load.Components["a"] = cluster.ComponentLoad{Queued: 1}
		},
		"several": func(w *world) {
			w.load.Components["a"] = cluster.ComponentLoad{Queued: 100, ServiceTime: time.Second}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			w.node("n1", 4096)
			w.declare("a", sleepy(100))
			w.decide(t)
			tell(w)
			d := w.decide(t)
			if len(d.Changes) != 1 || d.Changes[0].Cause != cluster.ScaleWake || !strings.HasPrefix(d.Changes[0].Why, "it was asked for") {
				t.Errorf("%+v", d.Changes)
			}
		})
	}
}
