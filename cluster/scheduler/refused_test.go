package scheduler

import (
	"testing"

	"maelstrom/cluster"
	"maelstrom/project"
)

// refuse lets the node of the only placement of a component refuse its start.
func (w *world) refuse(component string) (id string) {
	for other, pl := range w.placements {
		if pl.Component == component && pl.Want == cluster.WantRun {
			id = other
			w.report(pl, cluster.InstanceBackoff, cluster.ReasonNoCapacity)
		}
	}
	return id
}

func TestRefusedStartGoesToTheNextBestNode(t *testing.T) {
	w := newWorld()
	w.node("n1", 1000)
	w.node("n2", 500)
	w.declare("web", project.Component{ReserveMemory: 200})
	w.load.Components["web"] = cluster.ComponentLoad{Queued: 1}
	w.wake("web")
	w.decide(t)
	first := w.placements[w.refuse("web")]
	w.decide(t)
	w.act(nil)
	w.settle(t)
	if w.running("web") != 1 {
		t.Fatalf("ends with %s", w.picture())
	}
	for _, pl := range w.placements {
		if pl.Node == first.Node {
			t.Errorf("is still where it was refused: %s", w.picture())
		}
	}
}

// With nowhere else to go it waits where it is: its node starts it as soon as
// there is room.
func TestRefusedStartWaitsWhereThereIsNoOtherNode(t *testing.T) {
	w := newWorld()
	w.node("n1", 1000)
	w.declare("web", project.Component{ReserveMemory: 200})
	w.load.Components["web"] = cluster.ComponentLoad{Queued: 1}
	w.wake("web")
	w.decide(t)
	id := w.refuse("web")
	if d := w.decide(t); len(d.Writes) > 0 || w.placements[id].Want != cluster.WantRun {
		t.Errorf("does %s: %s", show(d.Writes), w.picture())
	}
}
