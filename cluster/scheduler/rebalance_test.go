package scheduler

import (
	"fmt"
	"testing"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

// on counts the wanted placements of a node.
func (w *world) count(node string) int {
	n := 0
	for _, pl := range w.placements {
		if pl.Node == node && pl.Want == cluster.WantRun {
			n++
		}
	}
	return n
}

// crowded is a node with six instances that are to be spread, of six components.
func crowded(t tester, policy project.PlacementPolicy) *world {
	w := newWorld()
	w.node("n1", 1000)
	for i := range 6 {
		w.declare(fmt.Sprintf("c%d", i), project.Component{ReserveMemory: 100, MinInstances: 1, Placement: policy})
	}
	w.settle(t)
	return w
}

// pass lets time pass plan by plan and tells how many instances moved, and when
// two at once were away from a component.
func (w *world) pass(t tester, d time.Duration) (moves []time.Time) {
	t.Helper()
	before := w.count("n2")
	for end := w.now.Add(d); w.now.Before(end); w.now = w.now.Add(time.Second) {
		w.decide(t)
		w.act(nil)
		for name := range w.components {
			serves := 0
			for id, pl := range w.placements {
				if i := w.instances[id]; pl.Component == name && i != nil && (i.State == cluster.InstanceReady || i.State == cluster.InstanceDraining) {
					serves++
				}
			}
			if serves == 0 {
				t.Fatalf("%s does not serve: %s", name, w.picture())
			}
		}
		if n := w.count("n2"); n > before {
			moves, before = append(moves, w.now), n
		}
	}
	return moves
}

func TestNodeThatJoinsGetsItsShare(t *testing.T) {
	w := crowded(t, project.PlacementSpread)
	w.node("n2", 1000)
	moves := w.pass(t, 10*time.Minute)
	if w.count("n1") != 3 || w.count("n2") != 3 {
		t.Fatalf("ends with %s", w.picture())
	}
	for i := 1; i < len(moves); i++ {
		if apart := moves[i].Sub(moves[i-1]); apart < rebalanceEvery {
			t.Errorf("two moves are %s apart", apart)
		}
	}
	if len(moves) != 3 {
		t.Errorf("moved at %v", moves)
	}
	if again := w.pass(t, 10*time.Minute); len(again) > 0 || w.count("n1") != 3 {
		t.Errorf("goes on moving: %s", w.picture())
	}
}

func TestNodeThatIsNotDrainedAnyMoreGetsItsShare(t *testing.T) {
	w := crowded(t, project.PlacementSpread)
	w.node("n2", 1000).State = cluster.NodeDraining
	if moves := w.pass(t, 2*time.Minute); len(moves) > 0 {
		t.Fatalf("moves to a node that is drained: %s", w.picture())
	}
	w.node("n2", 1000)
	w.pass(t, 10*time.Minute)
	if w.count("n2") != 3 {
		t.Errorf("ends with %s", w.picture())
	}
}

// Another holder of the role moves nothing for being another, however uneven it
// finds the nodes; a node that has joined while nobody had it has nothing yet,
// and gets its share.
func TestAnotherHolderMovesNothingToWhatHasItsShare(t *testing.T) {
	w := crowded(t, project.PlacementSpread)
	w.node("n2", 1000)
	w.pass(t, 10*time.Minute)
	for i := range 4 {
		w.declare(fmt.Sprintf("c%d", i), project.Component{ReserveMemory: 200, MinInstances: 1, Placement: project.PlacementPack})
	}
	w.settle(t)
	before := w.picture()
	w.memory = Memory{}
	if w.pass(t, 10*time.Minute); w.picture() != before {
		t.Errorf("moves for being another:\n%s\n%s", before, w.picture())
	}
	w.node("n3", 1000)
	w.memory = Memory{}
	if w.pass(t, 10*time.Minute); w.count("n3") == 0 {
		t.Errorf("nothing moves to a node that has joined: %s", w.picture())
	}
}

func TestWhatDoesNotMoveToANodeThatJoins(t *testing.T) {
	for _, c := range []struct {
		name   string
		policy project.PlacementPolicy
		change func(*world)
	}{
		{"what is packed", project.PlacementPack, func(*world) {}},
		{"anything while some load is not known", project.PlacementSpread, func(w *world) { w.load.Partial = true }},
		{"what may not have one more", project.PlacementSpread, func(w *world) {
			for name := range w.components {
				w.limit(name, func(c *project.Component) { c.MaxInstances = 1 })
			}
		}},
		{"what stops before it starts", project.PlacementSpread, func(w *world) {
			for name := range w.components {
				w.limit(name, func(c *project.Component) { c.RestartOrder = project.RestartStopStart })
			}
		}},
		{"what may not run there", project.PlacementSpread, func(w *world) { w.nodes["n2"].Engine = "down" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := crowded(t, c.policy)
			w.node("n2", 1000)
			c.change(w)
			if w.pass(t, 5*time.Minute); w.count("n2") != 0 {
				t.Errorf("moves: %s", w.picture())
			}
		})
	}
}

// A move that its node does not begin is given up; what was to move stays.
func TestMoveThatFailsIsGivenUp(t *testing.T) {
	w := crowded(t, project.PlacementSpread)
	w.node("n2", 1000)
	fails := func(pl *cluster.Placement) bool { return pl.Node == "n2" }
	for end := w.now.Add(3 * moveWithin); w.now.Before(end); w.now = w.now.Add(time.Second) {
		w.decide(t)
		w.act(fails)
	}
	if w.count("n1") != 6 {
		t.Errorf("stopped for a move that failed: %s", w.picture())
	}
}

// What has grown to its maximum since a move was decided on stays: nothing is
// stopped first for it.
func TestMoveIsGivenUpWhereThereMayBeNoOneMore(t *testing.T) {
	w := crowded(t, project.PlacementSpread)
	w.node("n2", 1000)
	w.decide(t)
	name := w.memory.Balance.Move.Component
	if name == "" {
		t.Fatalf("decides on no move: %s", w.picture())
	}
	w.limit(name, func(c *project.Component) { c.MaxInstances = 1 })
	w.now = w.now.Add(2 * time.Millisecond)
	if d := w.decide(t); len(d.Writes) > 0 || w.memory.Balance.Move.Placement != "" {
		t.Errorf("writes %s, moves %+v", show(d.Writes), w.memory.Balance.Move)
	}
}

// Of two nodes that are as good, a plan always takes the same.
func TestMoveGoesToTheFirstOfEquals(t *testing.T) {
	for range 20 {
		w := crowded(t, project.PlacementSpread)
		w.node("n2", 1000)
		w.node("n3", 1000)
		w.decide(t)
		if m := w.memory.Balance.Move; m.To != "n2" {
			t.Fatalf("moves %+v", m)
		}
	}
}
