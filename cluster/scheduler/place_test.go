package scheduler

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

func TestExactFitIsAccepted(t *testing.T) {
	w := newWorld()
	w.node("n1", 512)
	w.declare("web", project.Component{ReserveMemory: 512})
	w.wake("web")
	w.decide(t)
	if w.running("web") != 1 {
		t.Errorf("refused: %v", w.refusals["web"])
	}
}

func TestRefusalNamesEachNodeAndTheKeyToChange(t *testing.T) {
	for _, c := range []struct {
		name   string
		spec   project.Component
		change func(*cluster.Node)
		reason cluster.Reason
		want   string
	}{
		{"memory", project.Component{ReserveMemory: 2000}, func(*cluster.Node) {}, cluster.ReasonNoCapacity,
			"no node can run web, which reserves 2000 MiB: n1 has 900 of 1024 MiB free; n2 has 1024 of 1024 MiB free. " +
				"Change reservememory of the component or MAEL_TOTAL_MEMORY of the node"},
		{"draining", project.Component{}, func(n *cluster.Node) { n.State = cluster.NodeDraining }, cluster.ReasonNoCapacity,
			"no node can run web, which reserves 128 MiB: n1 is draining; n2 is draining"},
		{"engine", project.Component{}, func(n *cluster.Node) { n.Engine = "connection refused" }, cluster.ReasonEngineDown,
			"no node can run web, which reserves 128 MiB: n1 has no container engine: connection refused; n2 has no container engine: connection refused"},
		{"relay only", project.Component{}, func(n *cluster.Node) { n.MemoryTotalMiB = 0 }, cluster.ReasonNoCapacity,
			"no node can run web, which reserves 128 MiB: n1 runs nothing; n2 runs nothing. Change MAEL_TOTAL_MEMORY"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld()
			w.node("n1", 1024)
			w.node("n2", 1024)
			w.declare("other", project.Component{ReserveMemory: 124})
			w.placements["o"] = &cluster.Placement{ID: "o", Component: "other", Node: "n1", Want: cluster.WantRun, PlacedVersion: 1, Version: 1, MemoryMiB: 124}
			w.declare("web", c.spec)
			for _, n := range w.nodes {
				c.change(n)
			}
			w.wake("web")
			d := w.decide(t)
			f := d.Refusals["web"]
			if f == nil {
				t.Fatalf("not refused: %s", show(d.Writes))
			}
			if f.Reason != c.reason || f.Message != c.want {
				t.Errorf("refused with %s: %s\nwant %s: %s", f.Reason, f.Message, c.reason, c.want)
			}
		})
	}
}

func TestRefusalWithoutNodes(t *testing.T) {
	w := newWorld()
	w.declare("web", project.Component{})
	w.wake("web")
	if f := w.decide(t).Refusals["web"]; f == nil || !strings.Contains(f.Message, "none is known") {
		t.Errorf("refusal is %v", f)
	}
}

func TestRefusalNamesAtMostTwentyNodes(t *testing.T) {
	w := newWorld()
	for i := range 25 {
		w.node(fmt.Sprintf("n%02d", i), 64)
	}
	w.declare("web", project.Component{})
	w.wake("web")
	f := w.decide(t).Refusals["web"]
	if f == nil || !strings.Contains(f.Message, "n19 has") || strings.Contains(f.Message, "n20 has") || !strings.Contains(f.Message, "5 more") {
		t.Errorf("refusal is %v", f)
	}
}

func TestUnknownComponentIsRefused(t *testing.T) {
	w := newWorld()
	w.node("n1", 64)
	w.wake("nothing")
	if f := w.decide(t).Refusals["nothing"]; f == nil || f.Reason != cluster.ReasonNotFound {
		t.Errorf("refusal is %v", f)
	}
}

// A refused wake is forgotten: memory that comes free wakes nobody by itself.
func TestRefusedWakeIsNotPlacedLater(t *testing.T) {
	w := newWorld()
	n := w.node("n1", 64)
	w.declare("web", project.Component{})
	w.wake("web")
	w.decide(t)
	n.MemoryTotalMiB = 1024
	if d := w.decide(t); len(d.Writes) > 0 {
		t.Errorf("writes %s", show(d.Writes))
	}
}

func TestMemoryThatIsAboutToComeFreeIsWaitedFor(t *testing.T) {
	w := newWorld()
	w.node("n1", 128)
	w.declare("old", project.Component{})
	w.wake("old")
	w.settle(t)
	w.load.Sleeps["old"] = true
	w.decide(t)
	w.declare("web", project.Component{})
	w.wake("web")
	if d := w.decide(t); len(d.Writes) > 0 || len(d.Refusals) > 0 {
		t.Fatalf("writes %s, refuses %v; want it to wait", show(d.Writes), d.Refusals)
	}
	for range 3 {
		w.act(nil)
	}
	w.wake("web")
	if got, want := show(w.decide(t).Writes), "[delete old/0 insert web/0@1 on n1]"; got != want {
		t.Errorf("writes %s, want %s", got, want)
	}
}

func TestBacklogOfOneLeavesMemoryForTheFirstOfAnother(t *testing.T) {
	w := newWorld()
	w.node("n1", 1024)
	w.declare("a", project.Component{})
	w.declare("b", project.Component{})
	w.load.Components["a"] = cluster.ComponentLoad{Queued: 100, ServiceTime: time.Minute}
	w.load.Components["b"] = cluster.ComponentLoad{Queued: 1}
	w.decide(t)
	if w.running("a") != 7 || w.running("b") != 1 {
		t.Errorf("a has %d and b has %d instances, want 7 and 1", w.running("a"), w.running("b"))
	}
}

func TestRank(t *testing.T) {
	place := func(c *project.Component, prepare func(*world)) string {
		w := newWorld()
		w.node("n1", 1024)
		w.node("n2", 1024)
		w.declare("web", *c)
		prepare(w)
		if c.MinInstances == 0 {
			w.load.Wakes["web"] = Wake{At: w.now}
		}
		if w.load.Components["web"].Queued > 0 {
			w.load.Wakes["web"] = Wake{At: w.now, Node: "n2"}
		}
		for _, write := range w.decide(t).Writes {
			if write.Insert != nil {
				return write.Insert.Node
			}
		}
		return ""
	}
	fill := func(w *world) {
		w.declare("other", project.Component{})
		w.placements["o"] = &cluster.Placement{ID: "o", Component: "other", Slot: 9, Node: "n2", Want: cluster.WantRun, PlacedVersion: 1, Version: 1, MemoryMiB: 512}
	}
	for name, c := range map[string]struct {
		spec    project.Component
		prepare func(*world)
		want    string
	}{
		"scale to zero packs":             {project.Component{}, fill, "n2"},
		"always on spreads":               {project.Component{MinInstances: 1}, fill, "n1"},
		"equal nodes, the lower id":       {project.Component{}, func(*world) {}, "n1"},
		"equal nodes, the one that asked": {project.Component{}, func(w *world) { w.load.Components["web"] = cluster.ComponentLoad{Queued: 1} }, "n2"},
		"not where it fails": {project.Component{MinInstances: 2}, func(w *world) {
			w.placements["f"] = &cluster.Placement{ID: "f", Component: "web", Node: "n1", Want: cluster.WantRun, PlacedVersion: 1, Version: 1}
			w.report(w.placements["f"], cluster.InstanceBackoff, cluster.ReasonExited)
		}, "n2"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := place(&c.spec, c.prepare); got != c.want {
				t.Errorf("placed on %q, want %q", got, c.want)
			}
		})
	}
}

// Who waits to be told where a volume is goes there in the plan that decides it
// for another.
func TestWhoWaitsForAVolumeGoesWhereItComesToBe(t *testing.T) {
	w := newWorld()
	for _, id := range []string{"n1", "n2"} {
		w.node(id, 1000).Mounts = map[string]cluster.Presence{"/data": cluster.Present}
	}
	for _, name := range []string{"a", "b"} {
		w.declare(name, project.Component{ReserveMemory: 100, Volumes: []project.Volume{{Type: "volume", Source: "v", Target: "/v"}}})
	}
	for _, name := range []string{"b", "a"} {
		w.load.Components[name] = cluster.ComponentLoad{Queued: 1}
		w.wake(name)
		if w.decide(t); len(w.placements) > 0 {
			t.Fatalf("%s does not wait to be told: %s", name, w.picture())
		}
		w.now = w.now.Add(untoldMost / 2)
	}
	w.wake("a")
	w.wake("b")
	if w.decide(t); w.running("a") != 1 || w.running("b") != 1 {
		t.Errorf("ends with %s", w.picture())
	}
}
