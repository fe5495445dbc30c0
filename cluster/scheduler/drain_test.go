package scheduler

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"maelstrom/cluster"
	"maelstrom/project"
)

// drain marks a node as the store does.
func (w *world) drain(id string, how cluster.Drain) {
	n := *w.nodes[id]
	n.Drain, n.State = how, cluster.NodeDraining
	if how == cluster.DrainNone {
		n.State = cluster.NodeUp
	}
	w.nodes[id] = &n
}

// ready counts the instances of a component that serve.
func (w *world) ready(component string) int {
	n := 0
	for id, i := range w.instances {
		if pl := w.placements[id]; i.Component == component && pl.Want == cluster.WantRun && i.State == cluster.InstanceReady {
			n++
		}
	}
	return n
}

// drained is a world in which components run on n1, beside an empty n2.
func drained(t *testing.T, specs map[string]project.Component, room int64) *world {
	t.Helper()
	w := newWorld()
	w.node("n1", 1000)
	for name, spec := range specs {
		w.declare(name, spec)
		w.wake(name)
	}
	w.settle(t)
	w.node("n2", room)
	return w
}

func TestDrainMovesWhatRunsWhenItsSuccessorIsReady(t *testing.T) {
	w := drained(t, map[string]project.Component{"a": {MinInstances: 3}, "b": {}}, 1000)
	w.drain("n1", cluster.DrainMove)
	for range 40 {
		w.decide(t)
		if w.ready("a") < 3 || w.ready("b") < 1 {
			t.Fatalf("somebody does not serve: %s", w.picture())
		}
		w.act(nil)
	}
	if w.on("n1") != 0 || w.running("a") != 3 || w.running("b") != 1 {
		t.Errorf("after the drain: %s", w.picture())
	}
	w.drain("n1", cluster.DrainNone)
	before := w.picture()
	w.settle(t)
	if w.picture() != before {
		t.Errorf("undrained, it changes to %s", w.picture())
	}
}

func TestDrainStopsFirstWhereMaximaLeaveNoRoom(t *testing.T) {
	for _, failover := range []bool{false, true} {
		w := drained(t, map[string]project.Component{"a": {MaxInstances: 1}}, 1000)
		w.drain("n1", cluster.DrainMove)
		w.decide(t)
		w.act(nil)
		if failover {
			w.memory = Memory{}
		}
		w.wait(t, time.Minute)
		w.settle(t)
		if w.on("n1") != 0 || w.ready("a") != 1 {
			t.Errorf("failover %v: %s", failover, w.picture())
		}
	}
}

func TestDrainLeavesWhatHasNoPlaceElsewhereUnlessForced(t *testing.T) {
	specs := map[string]project.Component{}
	for _, name := range []string{"a", "b", "c"} {
		specs[name] = project.Component{ReserveMemory: 200, MaxInstances: 1, IdleTimeoutSeconds: 3600}
	}
	w := drained(t, specs, 450)
	w.drain("n1", cluster.DrainMove)
	w.settle(t)
	if w.on("n1") != 1 || w.on("n2") != 2 || w.ready("a")+w.ready("b")+w.ready("c") != 3 {
		t.Fatalf("drained: %s", w.picture())
	}
	w.drain("n1", cluster.DrainForce)
	w.settle(t)
	if w.on("n1") != 0 || w.on("n2") != 2 {
		t.Fatalf("drained by force: %s", w.picture())
	}
	for name := range specs {
		w.wake(name)
	}
	w.decide(t)
	if len(w.refusals) != 1 {
		t.Errorf("refusals: %v", w.refusals)
	}
	for _, f := range w.refusals {
		if !strings.Contains(f.Message, "n1 is draining; n2 has 50 of 450 MiB free") {
			t.Error(f.Message)
		}
	}
}

func TestForcedDrainOfTheOnlyNodeStopsEverything(t *testing.T) {
	w := newWorld()
	w.node("n1", 1000)
	w.declare("a", project.Component{MinInstances: 1})
	w.declare("b", project.Component{RestartOrder: project.RestartStopStart})
	w.wake("b")
	w.settle(t)
	w.drain("n1", cluster.DrainForce)
	w.settle(t)
	w.wake("b")
	w.decide(t)
	if w.on("n1") != 0 || w.refusals["a"] == nil || w.refusals["b"] == nil {
		t.Fatalf("%s, refusals %v", w.picture(), w.refusals)
	}
	w.drain("n1", cluster.DrainNone)
	w.settle(t)
	if w.ready("a") != 1 {
		t.Errorf("undrained: %s", w.picture())
	}
}

func TestVersionOnADrainingNodeIsProvenElsewhere(t *testing.T) {
	w := drained(t, map[string]project.Component{"a": {MinInstances: 2}}, 1000)
	w.declare("a", project.Component{MinInstances: 2, Image: "new"})
	w.decide(t)
	w.act(nil)
	w.drain("n1", cluster.DrainMove)
	w.settle(t)
	if row := w.components["a"]; row.Unproven() || w.on("n1") != 0 || w.ready("a") != 2 {
		t.Errorf("%s, proven %d of %d", w.picture(), row.Proven, row.RestartVersion)
	}
}

func TestInstanceMovesWhenItsNodeLosesALabel(t *testing.T) {
	w := newWorld()
	w.node("n1", 1000).Labels = map[string]string{"disk": "ssd"}
	w.node("n2", 1000)
	w.declare("a", project.Component{MinInstances: 1, Nodes: map[string]string{"disk": "ssd"}})
	w.settle(t)
	relabel := func(id, disk string) {
		n := *w.nodes[id]
		n.Labels = map[string]string{"disk": disk}
		w.nodes[id] = &n
		w.settle(t)
	}
	relabel("n1", "hdd")
	if w.on("n1") != 1 || w.ready("a") != 1 {
		t.Fatalf("with nowhere to go it does not stay: %s", w.picture())
	}
	relabel("n2", "ssd")
	if w.on("n2") != 1 || w.on("n1") != 0 {
		t.Errorf("does not move: %s", w.picture())
	}
}

// Whatever runs where: a drain empties the node as far as there is room
// elsewhere, nothing that has time to be replaced stops before its successor
// is ready, and what has no place goes on.
func TestDrainsHoldTheirPromises(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld()
		w.node("n1", 2000)
		names := []string{"a", "b", "c", "d"}
		for _, name := range names {
			w.declare(name, project.Component{
				MinInstances:     rapid.IntRange(1, 2).Draw(t, "min"),
				ReserveMemory:    rapid.Int64Range(50, 200).Draw(t, "reserve"),
				StartParallelism: rapid.SampledFrom([]project.StartParallelism{"", project.StartSeries}).Draw(t, "parallelism"),
			})
		}
		w.settle(t)
		room := rapid.Int64Range(0, 2000).Draw(t, "room")
		w.node("n2", room)
		w.drain("n1", cluster.DrainMove)
		failover := rapid.IntRange(0, 20).Draw(t, "failover")
		for i := range 60 {
			w.decide(t)
			for _, name := range names {
				if least := w.components[name].Effective.MinInstances; w.ready(name) < least {
					t.Fatalf("%s has %d of %d ready: %s", name, w.ready(name), least, w.picture())
				}
			}
			w.act(nil)
			w.now = w.now.Add(100 * time.Millisecond)
			if i == failover {
				w.memory = Memory{}
			}
		}
		used := int64(0)
		for _, pl := range w.placements {
			if pl.Node == "n2" {
				used += pl.MemoryMiB
			}
		}
		for _, pl := range w.placements {
			if pl.Node == "n1" && pl.MemoryMiB <= room-used {
				t.Fatalf("%s would fit on n2, where %d MiB are free: %s", pl.Component, room-used, w.picture())
			}
		}
	})
}

func TestMissingPathIsARefusalAndItsFailureMoves(t *testing.T) {
	w := newWorld()
	w.node("n1", 1000).Mounts = map[string]cluster.Presence{"/srv": cluster.Absent}
	w.declare("a", project.Component{Volumes: []project.Volume{{Source: "/srv", Target: "/srv"}}})
	w.wake("a")
	w.decide(t)
	want := "no node can run a, which reserves 128 MiB: n1 has no /srv. Change volumes of the component"
	if f := w.refusals["a"]; f == nil || f.Message != want {
		t.Fatalf("refused with %v\nwant %s", f, want)
	}
	w.node("n1", 1000).Mounts = map[string]cluster.Presence{"/srv": cluster.Unsure}
	w.wake("a")
	w.decide(t)
	fails := func(pl *cluster.Placement) bool { return pl.Node == "n1" }
	w.act(fails)
	w.act(fails)
	w.nodes["n1"].Mounts["/srv"] = cluster.Absent
	w.node("n2", 1000).Mounts = map[string]cluster.Presence{"/srv": cluster.Present}
	w.settle(t)
	if w.on("n2") != 1 || w.on("n1") != 0 {
		t.Errorf("does not move: %s", w.picture())
	}
}

func TestNamedVolumeSticksToItsNode(t *testing.T) {
	volumes := []project.Volume{{Type: "volume", Source: "db", Target: "/db"}}
	w := newWorld()
	for i, has := range []cluster.Presence{cluster.Absent, cluster.Present, cluster.Absent} {
		w.node(fmt.Sprintf("n%d", i+1), 1000).Mounts = map[string]cluster.Presence{"db": has}
	}
	w.declare("a", project.Component{Volumes: volumes})
	w.wake("a")
	w.settle(t)
	if w.on("n2") != 1 {
		t.Fatalf("not where its volume is: %s", w.picture())
	}
	w.lose("n2")
	w.settle(t)
	w.wake("a")
	w.decide(t)
	want := "n1 does not have volume db, which is on n2; n2 is lost; n3 does not have volume db, which is on n2"
	if f := w.refusals["a"]; f == nil || !strings.Contains(f.Message, want) {
		t.Errorf("refused with %v\nwant %s", f, want)
	}
}

func TestNewVolumesOfOneNameMeet(t *testing.T) {
	volumes := []project.Volume{{Type: "volume", Source: "db", Target: "/db"}}
	w := newWorld()
	w.node("n1", 300).Mounts = map[string]cluster.Presence{"db": cluster.Absent}
	w.node("n2", 300).Mounts = map[string]cluster.Presence{"db": cluster.Absent}
	for _, name := range []string{"a", "b", "c"} {
		w.declare(name, project.Component{MinInstances: 1, ReserveMemory: 100, Volumes: volumes})
	}
	w.decide(t)
	if w.on("n1") != 3 && w.on("n2") != 3 {
		t.Errorf("they are apart: %s", w.picture())
	}
}

func TestStartWaitsForNodesToTellButNotForEver(t *testing.T) {
	w := newWorld()
	w.node("n1", 1000).Mounts = map[string]cluster.Presence{"db": cluster.Absent}
	w.node("n2", 1000).Mounts = map[string]cluster.Presence{}
	w.declare("a", project.Component{MinInstances: 1, Volumes: []project.Volume{{Type: "volume", Source: "db", Target: "/db"}}})
	w.decide(t)
	if len(w.placements) != 0 || w.refusals["a"] != nil {
		t.Fatalf("does not wait: %s, %v", w.picture(), w.refusals)
	}
	if want := start.Add(untoldMost); !w.next.Equal(want) {
		t.Errorf("looks again at %v, want %v", w.next, want)
	}
	w.wait(t, untoldMost)
	w.expect(t, "in the end", counts{"a": 1})
}

// What was asked for before its next version mounts a volume is not forgotten
// while nodes have yet to tell where that is.
func TestWhatIsReplacedWaitsForNodesToTell(t *testing.T) {
	w := newWorld()
	for _, id := range []string{"n1", "n2"} {
		w.node(id, 1000).Mounts = map[string]cluster.Presence{}
	}
	w.declare("a", project.Component{})
	w.wake("a")
	w.decide(t)
	w.declare("a", project.Component{Volumes: []project.Volume{{Type: "volume", Source: "db", Target: "/db"}}})
	for range 3 {
		w.decide(t)
		w.act(nil)
		w.now = w.now.Add(settleTime)
	}
	if len(w.placements) != 0 {
		t.Fatalf("does not wait: %s", w.picture())
	}
	w.wait(t, untoldMost)
	w.expect(t, "in the end", counts{"a": 1})
}

func TestComponentIsRefusedWithTheLabelsThatExist(t *testing.T) {
	w := newWorld()
	w.node("n1", 1000).Labels = map[string]string{"zone": "eu", "disk": "ssd"}
	w.node("n2", 1000).Labels = map[string]string{"zone": "us"}
	w.declare("a", project.Component{Nodes: map[string]string{"zone": "asia"}})
	w.wake("a")
	w.decide(t)
	want := "no node can run a, which asks for zone=asia. Labels that nodes have: disk=ssd, zone=eu, zone=us. " +
		"Change nodes of the component or MAEL_NODE_LABELS of a node"
	if f := w.refusals["a"]; f == nil || f.Message != want {
		t.Errorf("refused with %v\nwant %s", f, want)
	}
}

func TestImageAndFailureCount(t *testing.T) {
	w := newWorld()
	w.node("n1", 1000)
	w.node("n2", 1000).Images = []string{"web"}
	w.declare("a", project.Component{Image: "web", MinInstances: 1})
	w.decide(t)
	if w.on("n2") != 1 {
		t.Fatalf("not where its image is: %s", w.picture())
	}
	fails := func(pl *cluster.Placement) bool { return pl.Node == "n2" }
	w.act(fails)
	w.act(fails)
	w.decide(t)
	w.limit("a", func(c *project.Component) { c.MinInstances = 2 })
	w.decide(t)
	if w.on("n1") != 1 {
		t.Errorf("placed where it fails: %s", w.picture())
	}
	w.now = w.now.Add(failedWithin)
	w.instances = map[string]*cluster.Instance{}
	w.decide(t)
	if len(w.memory.Failures) != 0 {
		t.Errorf("remembers %v", w.memory.Failures)
	}
}
