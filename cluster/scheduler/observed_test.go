package scheduler

import (
	"testing"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

// observe lets an instance of web have so much memory for a while.
func (w *world) observe(o *Observed, d time.Duration, mib int64) (heavy []Heavy) {
	snap := w.snapshot()
	for end := w.now.Add(d); w.now.Before(end); w.now = w.now.Add(time.Second) {
		told := map[string]int64{"gone": 9999}
		for id := range w.placements {
			told[id] = mib
		}
		heavy = append(heavy, o.See(snap, []map[string]int64{told, nil}, w.now)...)
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

func TestObservedMemoryIsWhatIsSeenNearlyAlways(t *testing.T) {
	w, o := withWeb(t, 1000)
	w.observe(o, 7*observeEvery, 50)
	if got := o.P95(); len(got) != 0 {
		t.Errorf("known after %d readings: %v", observedLeast-1, got)
	}
	w.observe(o, 53*observeEvery, 50)
	w.observe(o, 3*observeEvery, 400)
	if got := o.P95()["web"]; got != 50 {
		t.Errorf("%d MiB by 3 of 63 readings", got)
	}
	w.observe(o, 2*observeEvery, 400)
	if got := o.P95()["web"]; got != 400 {
		t.Errorf("%d MiB by 5 of 65 readings", got)
	}
	w.observe(o, 2*time.Hour, 70)
	if got := o.P95()["web"]; got != 70 {
		t.Errorf("%d MiB two hours later", got)
	}
	delete(w.components, "web")
	w.observe(o, observeEvery, 70)
	if got := o.P95(); len(got) != 0 || len(o.seen) != 0 {
		t.Errorf("kept of what is not declared: %v, %v", got, o.seen)
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

// Of many instances those that stand for all are kept, the largest among them.
func TestReadingsOfManyInstances(t *testing.T) {
	r := readings{}
	var list []int32
	for i := range 100 {
		list = append(list, int32(i+1))
	}
	r.add(list)
	if len(r.ring) != observedEach || r.ring[observedEach-1] != 100 || r.ring[0] > 10 {
		t.Errorf("keeps %v", r.ring)
	}
	if got := r.p95(); got != 100 {
		t.Errorf("p95 is %d", got)
	}
}
