package scheduler

import (
	"strings"
	"testing"

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
