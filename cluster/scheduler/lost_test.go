package scheduler

import (
	"testing"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

// lose makes a node lost, with what runs there.
func (w *world) lose(id string) {
	n := *w.nodes[id]
	n.State, n.Lost = cluster.NodeDown, true
	w.nodes[id] = &n
}

func (w *world) comeBack(id string) {
	n := *w.nodes[id]
	n.State, n.Lost = cluster.NodeUp, false
	w.nodes[id] = &n
}

// on counts the rows on a node.
func (w *world) on(node string) int {
	n := 0
	for _, pl := range w.placements {
		if pl.Node == node {
			n++
		}
	}
	return n
}

// What was placed on a lost node is placed again elsewhere, in one plan, with
// or without a memory of the plan before, within the maxima.
func TestALostNodesPlacementsArePlacedAgain(t *testing.T) {
	for name, spec := range map[string]project.Component{
		"from zero":         {ReserveMemory: 100},
		"minimum":           {ReserveMemory: 100, MinInstances: 2},
		"at its maximum":    {ReserveMemory: 100, MinInstances: 1, MaxInstances: 1},
		"stop before start": {ReserveMemory: 100, RestartOrder: project.RestartStopStart},
	} {
		for _, failover := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				w := newWorld()
				w.node("n1", 1000)
				w.node("n2", 0)
				w.declare("a", spec)
				w.wake("a")
				w.settle(t)
				before := w.running("a")
				if before == 0 || w.on("n1") != before {
					t.Fatalf("not placed on n1: %s", w.picture())
				}
				w.nodes["n2"].MemoryTotalMiB = 1000
				w.lose("n1")
				if failover {
					w.memory = Memory{}
				}
				d := w.decide(t)
				if w.on("n1") != 0 || w.on("n2") != before {
					t.Errorf("%d on the lost node, %d on the other, want %d: %s", w.on("n1"), w.on("n2"), before, show(d.Writes))
				}
				w.settle(t)
				w.comeBack("n1")
				w.settle(t)
				if w.running("a") != before || w.on("n1") != 0 || len(w.instances) != before {
					t.Errorf("after it is back: %s, %d instances", w.picture(), len(w.instances))
				}
			})
		}
	}
}

// A node that is merely down comes back to what it has.
func TestANodeThatIsDownKeepsItsPlacements(t *testing.T) {
	w := newWorld()
	w.node("n1", 1000)
	w.node("n2", 0)
	w.declare("a", project.Component{ReserveMemory: 100, MinInstances: 1})
	w.settle(t)
	w.nodes["n2"].MemoryTotalMiB = 1000
	w.nodes["n1"].State = cluster.NodeDown
	if d := w.decide(t); len(d.Writes) > 0 {
		t.Errorf("writes %s", show(d.Writes))
	}
}

// Without room elsewhere the rows go all the same, and a request gets a reason.
func TestALostNodeWithoutAnother(t *testing.T) {
	w := newWorld()
	w.node("n1", 1000)
	w.node("n2", 50)
	w.declare("a", project.Component{ReserveMemory: 100})
	w.wake("a")
	w.settle(t)
	w.lose("n1")
	w.wake("a")
	d := w.decide(t)
	if len(w.placements) != 0 || d.Refusals["a"] == nil {
		t.Errorf("%s, refused: %v", w.picture(), d.Refusals["a"])
	}
	w.comeBack("n1")
	w.act(nil)
	w.wake("a")
	w.settle(t)
	if w.on("n1") != 1 {
		t.Errorf("after it is back: %s", w.picture())
	}
}

// Runs and what is leaving on a lost node hold no room there that counts.
func TestWhatLeavesALostNodeIsGone(t *testing.T) {
	w := newWorld()
	w.node("n1", 1000)
	w.declare("a", project.Component{ReserveMemory: 100, MaxInstances: 1})
	w.wake("a")
	w.settle(t)
	w.load.Sleeps["a"] = true
	w.decide(t)
	w.node("n2", 1000)
	w.lose("n1")
	w.wake("a")
	w.decide(t)
	if w.on("n1") != 0 || w.on("n2") != 1 {
		t.Errorf("not placed anew: %s", w.picture())
	}
}

// A node that is not heard gets nothing new, and keeps what it has.
func TestANodeThatIsNotHeardGetsNothing(t *testing.T) {
	w := newWorld()
	w.node("n1", 1000)
	w.declare("a", project.Component{ReserveMemory: 100, MinInstances: 1})
	w.settle(t)
	w.declare("b", project.Component{ReserveMemory: 100})
	w.wake("b")
	s := w.snapshot().WithSilent(map[string]bool{"n1": true})
	d := Plan(Input{Snapshot: s, Load: w.load, Memory: w.memory, Now: w.now, NewID: func() string { return "x" }})
	if len(d.Writes) > 0 || d.Refusals["b"] == nil {
		t.Errorf("writes %s, refused: %v", show(d.Writes), d.Refusals["b"])
	}
}

// While a node's load is not known, nothing that seems idle stops.
func TestNothingShrinksWhileLoadIsMissing(t *testing.T) {
	w := newWorld()
	w.node("n1", 1000)
	w.declare("a", project.Component{ReserveMemory: 100, IdleTimeoutSeconds: 30})
	w.wake("a")
	w.settle(t)
	w.load.Partial = true
	w.wait(t, time.Hour)
	w.settle(t)
	w.expect(t, "while not all is known", counts{"a": 1})
	w.load.Partial = false
	w.decide(t)
	w.settle(t)
	w.expect(t, "when all is known", counts{"a": 0})
}
