package scheduler

import (
	"testing"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

// uses is what a node tells of web, at its version.
func (w *world) uses(node string, mib int64, readings int) cluster.NodeMemory {
	return cluster.NodeMemory{Node: node, Uses: map[string]cluster.MemoryUse{
		"gone": {MiB: 9999, Readings: 240},
		"web":  {Version: w.components["web"].Current().RestartVersion, MiB: mib, Readings: readings},
	}}
}

// observe lets its node tell for a while what web has in memory.
func (w *world) observe(o *Observed, d time.Duration, mib int64) (heavy []Heavy) {
	snap, told := w.snapshot(), []cluster.NodeMemory{w.uses("n1", mib, observedLeast), {Node: "n2"}}
	for end := w.now.Add(d); w.now.Before(end); w.now = w.now.Add(time.Second) {
		heavy = append(heavy, o.See(snap, told, w.now)...)
	}
	return heavy
}

// withWeb is a node that runs one instance of web, which reserves 100 MiB.
func withWeb(t *testing.T, total int64) (*world, *Observed) {
	w := newWorld()
	w.node("n1", total)
	w.declare("web", sleepy(100))
	w.wakeAll(t, "web")
	return w, &Observed{}
}

// What several nodes have seen counts by how much that is, and by where the
// component runs now.
func TestObservedMemoryIsWhatIsSeenNearlyAlways(t *testing.T) {
	for _, c := range []struct {
		name string
		told func(w *world) []cluster.NodeMemory
		want int64
	}{
		{"too few readings", func(w *world) []cluster.NodeMemory { return []cluster.NodeMemory{w.uses("n1", 50, observedLeast-1)} }, 0},
		{"enough", func(w *world) []cluster.NodeMemory { return []cluster.NodeMemory{w.uses("n1", 50, observedLeast)} }, 50},
		{"5 of 100 elsewhere take more", func(w *world) []cluster.NodeMemory {
			return []cluster.NodeMemory{w.uses("n1", 50, 95), w.uses("n2", 400, 5)}
		}, 50},
		{"more than those", func(w *world) []cluster.NodeMemory {
			return []cluster.NodeMemory{w.uses("n1", 50, 94), w.uses("n2", 400, 6)}
		}, 400},
		{"where it does not run any more", func(w *world) []cluster.NodeMemory {
			return []cluster.NodeMemory{w.uses("n1", 50, observedLeast), w.uses("n3", 400, 240)}
		}, 50},
		{"where it does not run, as long as nobody knows better", func(w *world) []cluster.NodeMemory {
			return []cluster.NodeMemory{w.uses("n1", 50, 1), w.uses("n3", 400, 240)}
		}, 400},
		{"of another version", func(w *world) []cluster.NodeMemory {
			told := w.uses("n1", 50, 240)
			told.Uses["web"] = cluster.MemoryUse{Version: 99, MiB: 50, Readings: 240}
			return []cluster.NodeMemory{told}
		}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, o := withWeb(t, 1000)
			w.node("n2", 1000)
			w.node("n3", 1000)
			w.placements["p2"] = &cluster.Placement{ID: "p2", Component: "web", Slot: 1, Node: "n2", Want: cluster.WantRun, PlacedVersion: 1, Version: 1}
			o.See(w.snapshot(), c.told(w), w.now)
			if got := o.P95(); got["web"] != c.want || len(got) > 1 {
				t.Errorf("observed are %v", got)
			}
		})
	}
}

// What was told is kept when whoever told it is gone, and forgotten with the
// component.
func TestObservedMemoryIsKeptAsLongAsWhatIsDeclared(t *testing.T) {
	w, o := withWeb(t, 1000)
	w.observe(o, observeEvery, 70)
	for range 3 {
		w.now = w.now.Add(observeEvery)
		o.See(w.snapshot(), []cluster.NodeMemory{{Node: "n2"}}, w.now)
	}
	if got := o.P95()["web"]; got != 70 {
		t.Errorf("%d MiB", got)
	}
	delete(w.components, "web")
	w.now = w.now.Add(observeEvery)
	o.See(w.snapshot(), []cluster.NodeMemory{{Node: "n2"}}, w.now)
	if got := o.P95(); len(got) != 0 {
		t.Errorf("kept of what is not declared: %v", got)
	}
}

func TestWarnedOnceWhereMoreIsUsedThanReserved(t *testing.T) {
	w, o := withWeb(t, 1000)
	if got := w.observe(o, time.Hour, 149); len(got) != 0 {
		t.Errorf("warns of less than half as much again: %v", got)
	}
	got := w.observe(o, 3*time.Hour, 160)
	if len(got) != 1 || got[0] != (Heavy{Component: "web", ReservedMiB: 100, ObservedMiB: 160}) {
		t.Errorf("warns of %v", got)
	}
	w.observe(o, 3*time.Hour, 90)
	if got := w.observe(o, 3*time.Hour, 160); len(got) != 1 {
		t.Errorf("after it was well: %v", got)
	}
	w.load.Components["web"] = cluster.ComponentLoad{InFlight: 1}
	w.declare("web", sleepy(120))
	w.settle(t)
	w.wait(t, 10*time.Second) // until it is proven
	if got := o.P95()["web"]; got != 160 {
		t.Errorf("%d MiB", got)
	}
	if got := w.observe(o, 10*observeEvery, 200); len(got) != 1 || got[0].ReservedMiB != 120 {
		t.Errorf("of another version: %v", got)
	}
}

func TestPlacementCountsWhatIsObserved(t *testing.T) {
	w := newWorld()
	w.node("n1", 1000)
	w.node("n2", 900)
	spec := sleepy(100)
	spec.Placement = project.PlacementPack
	w.declare("web", spec)
	w.declare("new", spec)
	w.wakeAll(t, "web")
	w.load.Observed = map[string]int64{"web": 950}
	w.load.Components["web"] = cluster.ComponentLoad{InFlight: 1}
	on := ""
	for _, pl := range w.placements {
		on = pl.Node
	}
	w.wake("new")
	w.decide(t)
	for _, pl := range w.placements {
		if pl.Component == "new" && pl.Node == on {
			t.Errorf("placed where 950 MiB are in use: %s", w.picture())
		}
	}
	if w.running("new") != 1 {
		t.Errorf("refused: %v", w.refusals)
	}
}

// More in use than a node has at all does not keep a component from running: it
// has the node to itself.
func TestObservedMemoryNeverForbidsAnEmptyNode(t *testing.T) {
	w := newWorld()
	w.node("n1", 500)
	w.declare("web", sleepy(100))
	w.declare("new", sleepy(100))
	w.load.Observed = map[string]int64{"web": 800}
	w.load.Components["web"] = cluster.ComponentLoad{InFlight: 1}
	w.wake("web")
	w.settle(t)
	if w.running("web") != 1 {
		t.Fatalf("refused: %v", w.refusals)
	}
	w.wake("new")
	w.decide(t)
	if w.running("new") != 0 || w.refusals["new"] == nil {
		t.Errorf("placed beside it: %s", w.picture())
	}
}
