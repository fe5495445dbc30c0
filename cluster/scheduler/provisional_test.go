package scheduler

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

// alone asks what n1 may start by itself.
func (w *world) alone(component string, change func(*cluster.Snapshot)) (*cluster.Placement, *cluster.Failure) {
	snap := *w.snapshot()
	if change != nil {
		change(&snap)
	}
	return Provisional(Input{Snapshot: &snap, Load: w.load, Memory: w.memory, Now: w.now, NewID: func() string { return "own" }}, "n1", component)
}

// startAlone lets n1 run what it may start by itself.
func (w *world) startAlone(t *testing.T, component string) {
	t.Helper()
	pl, refusal := w.alone(component, nil)
	if refusal != nil {
		t.Fatal(refusal)
	}
	pl.ID = fmt.Sprintf("own%d", len(w.instances))
	w.instances[pl.ID] = &cluster.Instance{
		Placement: pl.ID, Component: component, ComponentVersion: pl.PlacedVersion, Node: pl.Node,
		State: cluster.InstanceReady, Provisional: true, MemoryMiB: pl.MemoryMiB,
	}
}

func TestWhatANodeMayStartByItself(t *testing.T) {
	for name, c := range map[string]struct {
		spec    project.Component
		prepare func(*world)
		change  func(*cluster.Snapshot)
		refused string // empty: it may
	}{
		"without maxima":        {spec: project.Component{ReserveMemory: 100}},
		"with a minimum":        {spec: project.Component{ReserveMemory: 100, MinInstances: 2}},
		"maxinstances":          {spec: project.Component{MaxInstances: 5}, refused: "it has maxinstances"},
		"maxinstancespernode":   {spec: project.Component{MaxInstancesPerNode: 1}, refused: "it has maxinstancespernode"},
		"one after the other":   {spec: project.Component{StartParallelism: project.StartSeries}, refused: "startparallelism"},
		"too large":             {spec: project.Component{ReserveMemory: 1001}, refused: "this node has 1000 of 1000 MiB free"},
		"beside what has a row": {spec: project.Component{ReserveMemory: 600}, prepare: func(w *world) { w.declare("b", project.Component{ReserveMemory: 500, MinInstances: 1}); w.decide(t) }, refused: "this node has 500 of 1000 MiB free"},
		"beside what has none":  {spec: project.Component{ReserveMemory: 600}, prepare: func(w *world) { w.instances["x"] = own("x", 500) }, refused: "this node has 500 of 1000 MiB free"},
		"labels":                {spec: project.Component{Nodes: map[string]string{"disk": "ssd"}}, refused: "has no label disk"},
		"a volume":              {spec: project.Component{Volumes: []project.Volume{{Type: "volume", Source: "data", Target: "/data"}}}, refused: "does not have volume data"},
		"a volume that is here": {
			spec:    project.Component{Volumes: []project.Volume{{Type: "volume", Source: "data", Target: "/data"}}},
			prepare: func(w *world) { w.nodes["n1"].Mounts = map[string]cluster.Presence{"data": cluster.Present} },
		},
		"a path that is not":   {spec: project.Component{Volumes: []project.Volume{{Type: "bind", Source: "/srv", Target: "/srv"}}}, prepare: func(w *world) { w.nodes["n1"].Mounts = map[string]cluster.Presence{"/srv": cluster.Absent} }, refused: "has no /srv"},
		"drained":              {prepare: func(w *world) { w.nodes["n1"].State = cluster.NodeDraining }, refused: "is draining"},
		"nothing runs here":    {prepare: func(w *world) { w.nodes["n1"].MemoryTotalMiB = 0 }, refused: "runs nothing"},
		"from the copy":        {change: func(s *cluster.Snapshot) { s.Restored = true }, refused: "no values of its environment"},
		"before it is known":   {prepare: func(w *world) { delete(w.nodes, "n1") }, refused: "not known yet"},
		"not released":         {spec: project.Component{ReleaseCommand: []string{"x"}}, refused: "has yet to be released"},
		"while others are cut": {change: func(s *cluster.Snapshot) { s.Away, s.Cut = true, s.Cut.With(map[string]bool{"n2": true}, nil) }},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			w.node("n1", 1000)
			if c.prepare != nil {
				c.prepare(w)
			}
			w.node("n2", 4000)
			w.declare("a", c.spec)
			pl, refusal := w.alone("a", c.change)
			switch {
			case c.refused == "" && (refusal != nil || pl.ID != "own" || pl.Node != "n1" || pl.PlacedVersion != 1 || pl.MemoryMiB != w.components["a"].Effective.ReserveMemory):
				t.Errorf("placed as %+v, refused with %v", pl, refusal)
			case c.refused != "" && refusal == nil:
				t.Errorf("placed as %+v", pl)
			case c.refused != "" && (refusal.Reason != cluster.ReasonDatabaseDown || !strings.Contains(refusal.Message, c.refused)):
				t.Errorf("refused with %v, want %q", refusal, c.refused)
			}
		})
	}
	w := newWorld()
	w.node("n1", 1000)
	if _, refusal := w.alone("nothing", nil); refusal == nil || refusal.Reason != cluster.ReasonNotFound {
		t.Errorf("what is not declared is refused with %v", refusal)
	}
}

func own(id string, memory int64) *cluster.Instance {
	return &cluster.Instance{Placement: id, Component: "other", Node: "n1", State: cluster.InstanceReady, Provisional: true, MemoryMiB: memory}
}

// While a version has yet to prove itself, the one that serves is started.
func TestAProvisionalInstanceIsOfTheProvenVersion(t *testing.T) {
	w := newWorld()
	w.node("n1", 1000)
	w.declare("a", project.Component{ReserveMemory: 100})
	w.components["a"].Proven = 1
	w.declare("a", project.Component{ReserveMemory: 200, Image: "new"})
	pl, refusal := w.alone("a", nil)
	if refusal != nil || pl.PlacedVersion != 1 || pl.MemoryMiB != 100 {
		t.Errorf("placed as %+v, refused with %v", pl, refusal)
	}
}

// What nodes have started by themselves gets rows, each a slot of its own, and
// serves on until nobody has needed it for the idle time.
func TestAdoption(t *testing.T) {
	for _, failover := range []bool{true, false} {
		w := newWorld()
		w.node("n1", 1000)
		w.node("n2", 1000)
		w.declare("a", project.Component{ReserveMemory: 100})
		w.declare("b", project.Component{ReserveMemory: 100, MinInstances: 1})
		w.components["a"].Proven = 1
		w.settle(t)
		if failover {
			w.memory = Memory{}
		}
		w.startAlone(t, "a")
		w.startAlone(t, "a")
		w.startAlone(t, "b")
		d := w.decide(t)
		if len(d.Writes) != 3 || w.running("a") != 2 || w.running("b") != 2 {
			t.Fatalf("adopted by %s: %s", show(d.Writes), w.picture())
		}
		for range 5 {
			w.decide(t)
		}
		if w.running("a") != 2 || w.running("b") != 2 {
			t.Fatalf("what was adopted is stopped at once: %s", w.picture())
		}
		w.now = w.now.Add(time.Hour)
		w.settle(t)
		if w.running("a") != 0 || w.running("b") != 1 || len(w.instances) != 1 {
			t.Errorf("an hour later: %s", w.picture())
		}
	}
}

// What may not have a row gets none: its node stops it.
func TestWhatIsNotAdopted(t *testing.T) {
	for name, change := range map[string]func(*world){
		"maxima by now":   func(w *world) { w.limit("a", func(c *project.Component) { c.MaxInstances = 1 }) },
		"not declared":    func(w *world) { delete(w.components, "a") },
		"lost":            func(w *world) { w.lose("n1") },
		"given up":        func(w *world) { w.instances["own0"].State = cluster.InstanceDraining },
		"not provisional": func(w *world) { w.instances["own0"].Provisional = false },
	} {
		w := newWorld()
		w.node("n1", 1000)
		w.declare("a", project.Component{ReserveMemory: 100})
		w.startAlone(t, "a")
		change(w)
		if d := w.plan(); len(d.Writes) > 0 {
			t.Errorf("%s: %s", name, show(d.Writes))
		}
	}
}

// Nothing is placed on a node that does not see it; what was placed there in
// the last moment, and was never begun, is placed again.
func TestNodesWithoutTheDatabase(t *testing.T) {
	w := newWorld()
	w.node("n1", 1000)
	w.declare("a", project.Component{ReserveMemory: 100})
	w.wake("a")
	w.decide(t)
	w.declare("b", project.Component{ReserveMemory: 100})
	w.wake("b")
	w.decide(t)
	for id, pl := range w.placements {
		if pl.Component == "b" {
			w.report(w.placements[id], cluster.InstanceStarting, "")
		}
	}
	w.node("n2", 1000)
	plan := func() Decision {
		snap := w.snapshot().WithReach(false, map[string]bool{"n1": true})
		w.ids++
		id := fmt.Sprintf("p%03d", w.ids)
		d := Plan(Input{Snapshot: snap, Load: w.load, Memory: w.memory, Now: w.now, NewID: func() string { return id }})
		w.memory = d.Memory
		return d
	}
	if d := plan(); len(d.Writes) > 0 || d.Next.IsZero() {
		t.Errorf("at once: %s, again at %v", show(d.Writes), d.Next)
	}
	w.now = w.now.Add(unbegunMost)
	d := plan()
	w.apply(t, d.Writes)
	if w.running("a") != 1 || w.on("n2") != 1 || w.running("b") != 1 {
		t.Errorf("then: %s, %s", show(d.Writes), w.picture())
	}
	w.declare("c", project.Component{ReserveMemory: 2000})
	w.wake("c")
	if refusal := plan().Refusals["c"]; refusal == nil || !strings.Contains(refusal.Message, "n1 does not reach the database") {
		t.Errorf("refused with %v", refusal)
	}
}
