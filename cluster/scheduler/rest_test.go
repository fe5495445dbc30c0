package scheduler

import (
	"maps"
	goruntime "runtime"
	"slices"
	"testing"
	"time"
	"weak"

	"maelstrom/cluster"
	"maelstrom/project"
)

// compare plans by looking at everything, from plan to plan, and checks that the
// outcome is that of plans that leave alone what is at rest. Each test that
// decides compares, in each of its plans but for those of a long load.
func (w *world) compare(t tester, in Input, d Decision) {
	t.Helper()
	if in.Memory.past == nil {
		w.full = in.Memory // another holder
	}
	w.full.past = nil
	in.Memory = w.full
	full := Plan(in)
	w.full = full.Memory
	if got, want := show(d.Writes), show(full.Writes); got != want {
		t.Fatalf("what is looked at makes\n %s\neverything makes\n %s\nin %s", got, want, w.picture())
	}
	if !maps.EqualFunc(d.Refusals, full.Refusals, func(a, b *cluster.Failure) bool { return *a == *b }) {
		t.Fatalf("refuses %v, looking at everything %v, in %s", d.Refusals, full.Refusals, w.picture())
	}
	same := func(a, b cluster.ScaleChange) bool {
		return a.Component == b.Component && a.From == b.From && a.To == b.To && a.Cause == b.Cause
	}
	if !slices.EqualFunc(d.Changes, full.Changes, same) || !maps.Equal(d.Unplaceable, full.Unplaceable) {
		t.Fatalf("tells %+v %v, looking at everything %+v %v", d.Changes, d.Unplaceable, full.Changes, full.Unplaceable)
	}
	for name, s := range full.Memory.Scales.All() {
		if got := d.Memory.Scale(name).Target; got != s.Target {
			t.Fatalf("%s is to have %d instances, looking at everything %d, in %s", name, got, s.Target, w.picture())
		}
	}
	if !full.Next.IsZero() && (d.Next.IsZero() || d.Next.After(full.Next)) {
		t.Fatalf("plans again at %s, looking at everything at %s", d.Next, full.Next)
	}
}

// looks is how many components a plan looks at.
func (w *world) looks() int {
	p := newPlanner(w.input())
	return len(p.active())
}

func TestWhatIsAtRestIsLeftAlone(t *testing.T) {
	for name, c := range map[string]struct {
		happens func(w *world)
		want    int
	}{
		"nothing":              {func(*world) {}, 0},
		"time, but not enough": {func(w *world) { w.now = w.now.Add(time.Minute) }, 0},
		"the idle time":        {func(w *world) { w.now = w.now.Add(time.Hour) }, 3},
		"a wake":               {func(w *world) { w.wake("b") }, 1},
		"told to sleep":        {func(w *world) { w.load.Sleeps["b"] = true }, 1},
		"a queue":              {func(w *world) { w.load.Components["b"] = cluster.ComponentLoad{Queued: 1} }, 1},
		"work":                 {func(w *world) { w.load.Components["b"] = cluster.ComponentLoad{InFlight: 9} }, 0},
		"work, and it may need another": {func(w *world) {
			w.now = w.now.Add(tick)
			w.load.Components["b"] = cluster.ComponentLoad{InFlight: 9}
		}, 1},
		"a request since":                {func(w *world) { w.load.Components["b"] = cluster.ComponentLoad{LastRequest: w.now} }, 0},
		"another version":                {func(w *world) { w.declare("b", project.Component{}) }, 1},
		"it is removed":                  {func(w *world) { delete(w.components, "b") }, 1},
		"an instance fails":              {func(w *world) { w.report(w.placements["b"], cluster.InstanceBackoff, cluster.ReasonExited) }, 1},
		"an instance is suspect":         {func(w *world) { w.instances["b"].Suspect = true }, 1},
		"an instance is not told of":     {func(w *world) { delete(w.instances, "b") }, 1},
		"its node starts again":          {func(w *world) { w.restart("n2") }, 1},
		"its node is lost":               {func(w *world) { w.lose("n2") }, 1},
		"its node drains":                {func(w *world) { w.drain("n2", cluster.DrainMove) }, 1},
		"a node of none of them is lost": {func(w *world) { w.lose("n4") }, 0},
		"a node joins":                   {func(w *world) { w.node("n5", 4096) }, 0},
		"load is not known":              {func(w *world) { w.load.Partial = true }, 3},
		"another holder":                 {func(w *world) { w.memory = Memory{} }, 3},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			for i, name := range componentNames {
				node := w.node("n"+string(rune('1'+i)), 4096).ID
				w.declare(name, project.Component{IdleTimeoutSeconds: 300})
				w.components[name].Proven = 1
				pl := &cluster.Placement{ID: name, Component: name, Node: node, Want: cluster.WantRun, PlacedVersion: 1, Version: 1}
				w.placements[name] = pl
				w.report(pl, cluster.InstanceReady, "")
			}
			w.node("n4", 4096)
			w.decide(t)
			c.happens(w)
			if got := w.looks(); got != c.want {
				t.Errorf("looks at %d components, want %d", got, c.want)
			}
			w.decide(t)
		})
	}
}

// restart starts the daemon of a node again, which has yet to tell what it runs.
func (w *world) restart(id string) {
	n := *w.nodes[id]
	n.Epoch++
	w.nodes[id] = &n
}

// A component that is looked at for no other reason than that it is time waits
// for the next plan where there are too many, and that is at once.
func TestWhoIsDueTakesTurns(t *testing.T) {
	w := newWorld()
	w.node("n1", 1<<20)
	for i := range 3 * mostDue / 2 {
		name := time.Duration(i).String()
		w.declare(name, project.Component{})
		w.components[name].Proven = 1
		pl := &cluster.Placement{ID: name, Component: name, Node: "n1", Want: cluster.WantRun, PlacedVersion: 1, Version: 1}
		w.placements[name] = pl
		w.report(pl, cluster.InstanceReady, "")
	}
	w.memory = w.plan().Memory
	w.now = w.now.Add(time.Hour)
	for _, want := range []int{mostDue, mostDue / 2, 0} {
		d := w.plan()
		if len(d.Writes) != want || want == mostDue && !d.Next.Equal(w.now) {
			t.Fatalf("%d writes, want %d, the next plan at %s", len(d.Writes), want, d.Next)
		}
		w.apply(t, d.Writes)
		w.memory = d.Memory
	}
}

// What is remembered of a component that is left alone keeps nothing else of
// the plan that looked at it last.
func TestWhatIsRememberedKeepsNoSnapshot(t *testing.T) {
	w := newWorld()
	w.node("n1", 4096)
	w.declare("web", project.Component{})
	w.components["web"].Proven = 1
	pl := &cluster.Placement{ID: "web", Component: "web", Node: "n1", Want: cluster.WantRun, PlacedVersion: 1, Version: 1}
	w.placements["web"] = pl
	w.report(pl, cluster.InstanceReady, "")
	in := w.input()
	snap := weak.Make(in.Snapshot)
	w.memory = Plan(in).Memory
	in = Input{}
	if n := w.looks(); n != 0 {
		t.Fatalf("looks at %d components", n)
	}
	w.memory = w.plan().Memory
	goruntime.GC()
	if snap.Value() != nil {
		t.Error("the snapshot by which it was looked at last is still there")
	}
	goruntime.KeepAlive(w)
}

// Work that comes and goes leaves nothing behind in the calendar, and what rests
// meanwhile is looked at when its idle time is over.
func TestWorkThatComesAndGoesFillsNoCalendar(t *testing.T) {
	w := newWorld()
	w.node("n1", 4096)
	w.declare("a", project.Component{IdleTimeoutSeconds: 300, MaxInstances: 1})
	w.components["a"].Proven = 1
	pl := &cluster.Placement{ID: "a", Component: "a", Node: "n1", Want: cluster.WantRun, PlacedVersion: 1, Version: 1}
	w.placements["a"] = pl
	w.report(pl, cluster.InstanceReady, "")
	w.decide(t)
	for i := range 1000 {
		w.now = w.now.Add(100 * time.Millisecond)
		w.load.Components["a"] = cluster.ComponentLoad{InFlight: i % 2, LastRequest: w.now}
		w.decide(t)
		if n := sum(lengths(w.memory.past.calendar)); n > 2 {
			t.Fatalf("%d dates of one component", n)
		}
	}
	w.load.Components["a"] = cluster.ComponentLoad{LastRequest: w.now}
	w.wait(t, 299*time.Second)
	if w.running("a") != 1 {
		t.Error("sleeps too soon")
	}
	w.wait(t, 2*time.Second)
	if w.running("a") != 0 {
		t.Error("does not sleep")
	}
}
