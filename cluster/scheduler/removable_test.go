package scheduler

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"maelstrom/cluster"
	"maelstrom/project"
)

func (w *world) removable() map[string]cluster.Removal {
	told := map[string]cluster.Removal{}
	for _, r := range Removable(Input{Snapshot: w.snapshot(), Load: w.load, Memory: w.memory, Now: w.now}) {
		told[r.ID] = r
	}
	return told
}

func TestRemovableNodes(t *testing.T) {
	for _, c := range []struct {
		name  string
		setup func(w *world)
		want  string // of n1
	}{
		{"the only one", func(w *world) { delete(w.nodes, "n2") }, "no other node runs anything"},
		{"the others run nothing", func(w *world) { w.nodes["n2"].MemoryTotalMiB = 0 }, "no other node runs anything"},
		{"nothing is there", func(w *world) { clear(w.placements); clear(w.instances) }, "yes: nothing is placed there"},
		{"idle", func(*world) {}, "yes: 1 idle instance fits on the others"},
		{"busy", func(w *world) { w.load.Components["web"] = cluster.ComponentLoad{InFlight: 1} }, "web is busy"},
		{"its load is not known", func(w *world) { w.load.Partial = true }, "the load of some node is not known"},
		{"no room", func(w *world) { w.nodes["n2"].MemoryTotalMiB = 100 }, "web fits on no other node"},
		{"starting", func(w *world) { clear(w.instances) }, "web is starting"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld()
			w.node("n1", 1000)
			w.node("n2", 1000)
			w.declare("web", project.Component{ReserveMemory: 200})
			pl := cluster.Placement{ID: "p", Component: "web", Node: "n1", Want: cluster.WantRun, PlacedVersion: 1, Version: 1, MemoryMiB: 200}
			w.placements["p"] = &pl
			w.report(&pl, cluster.InstanceReady, "")
			c.setup(w)
			r := w.removable()["n1"]
			got := r.Why
			if r.Removable {
				got = "yes: " + got
			}
			if got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// A node that is told to be removable can be drained: all that is there moves,
// and nothing busy does.
func TestWhatIsRemovableCanBeDrained(t *testing.T) {
	drained := 0
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld()
		for i := range rapid.IntRange(1, 4).Draw(t, "nodes") {
			w.node(fmt.Sprintf("n%d", i), int64(rapid.IntRange(2, 12).Draw(t, "memory"))*100)
		}
		for i := range rapid.IntRange(1, 5).Draw(t, "components") {
			name := fmt.Sprintf("c%d", i)
			w.declare(name, project.Component{
				ReserveMemory: int64(rapid.IntRange(1, 4).Draw(t, "reserve")) * 100, MinInstances: rapid.IntRange(1, 3).Draw(t, "min"),
				MaxInstancesPerNode: rapid.IntRange(0, 2).Draw(t, "most"),
			})
		}
		w.settle(t)
		busy := map[string]bool{}
		w.load.Instances = map[string]int{}
		for _, id := range slices.Sorted(maps.Keys(w.placements)) {
			pl := w.placements[id]
			if rapid.IntRange(0, 3).Draw(t, "busy "+pl.Component) == 0 {
				busy[pl.ID] = true
			}
		}
		for _, pl := range w.placements {
			l := w.load.Components[pl.Component]
			if w.load.Instances[pl.ID] = 0; busy[pl.ID] {
				w.load.Instances[pl.ID] = 1
				l.InFlight++
			}
			w.load.Components[pl.Component] = l
		}
		told := w.removable()
		for _, id := range slices.Sorted(maps.Keys(told)) {
			r := told[id]
			if !r.Removable {
				continue
			}
			for _, pl := range w.placements {
				if pl.Node == id && busy[pl.ID] {
					t.Fatalf("%s is told to be removable, but %s is busy", id, pl.ID)
				}
			}
			w.drain(id, cluster.DrainMove)
			for range 30 + 10*len(w.placements) {
				d := w.plan()
				w.apply(t, d.Writes)
				w.memory = d.Memory
				w.act(nil)
			}
			for _, pl := range w.placements {
				if pl.Node == id {
					t.Fatalf("%s was told to be removable (%s): %s stays in %s", id, r.Why, pl.ID, w.picture())
				}
			}
			drained++
			return
		}
	})
	if drained == 0 {
		t.Error("no node was removable")
	}
}

func TestRemovableTellsWhatIsWrongInFewWords(t *testing.T) {
	w := newWorld()
	w.node("n1", 1000).Lost = true
	w.node("n2", 1000)
	if told := w.removable(); len(told) != 1 || !strings.HasPrefix(told["n2"].Why, "no other") {
		t.Errorf("%+v", told)
	}
}
