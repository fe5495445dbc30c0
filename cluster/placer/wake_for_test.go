package placer

import (
	"testing"

	"maelstrom/cluster"
	"maelstrom/project"
)

// A component goes to the node whose request wakes it, where all else is equal.
func TestTheNodeThatAsksIsPreferred(t *testing.T) {
	for _, asks := range []string{"n1", "n2"} {
		play(t, func(t *testing.T, s *stage) {
			s.db.change(func() {
				for _, id := range []string{"n1", "n2"} {
					s.db.nodes[id] = &cluster.Node{ID: id, Name: id, State: cluster.NodeUp, Epoch: 1, MemoryTotalMiB: 4096}
				}
			})
			s.db.declare("web", project.Component{})
			s.feed.Hint()
			defer s.hold()()
			if err := s.WakeFor(t.Context(), asks, "web"); err != nil {
				t.Fatal(err)
			}
			for _, pl := range s.feed.Snapshot().Placements.All() {
				if pl.Node != asks {
					t.Errorf("placed on %s, %s asked", pl.Node, asks)
				}
			}
		})
	}
}
