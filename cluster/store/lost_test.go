package store

import (
	"testing"
	"time"

	"maelstrom/cluster"
)

func TestANodeIsMarkedLostUntilItSaysOtherwise(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		hold := take(t, s, cluster.RolePlacement, "b")
		first, err := s.JoinNode(t.Context(), cluster.Node{ID: "a", Name: "host"})
		must(t, err)
		epoch, err := s.JoinNode(t.Context(), cluster.Node{ID: "a", Name: "host", MemoryTotalMiB: 77})
		must(t, err)
		mark := func(epoch int64, silence time.Duration) bool {
			t.Helper()
			marked, err := s.MarkLost(t.Context(), hold, "a", epoch, silence)
			must(t, err)
			return marked
		}
		before := number(t, s)
		for name, marked := range map[string]bool{
			"an epoch that is over":   mark(first, 0),
			"a status that is recent": mark(epoch, time.Hour),
		} {
			if marked {
				t.Errorf("lost by %s", name)
			}
		}
		if marked, err := s.MarkLost(t.Context(), hold, "unknown", 1, 0); err != nil || marked {
			t.Errorf("a node that is not there: %v, %v", marked, err)
		}
		if number(t, s) != before {
			t.Error("what is not marked is in the change log")
		}
		if !mark(epoch, 0) {
			t.Fatal("not marked")
		}
		if n := node(t, s, "a"); n.State != cluster.NodeDown || !n.Lost || n.MemoryTotalMiB != 77 || n.Epoch != epoch {
			t.Errorf("node %+v", n)
		}
		cs, err := s.Changes(t.Context(), before)
		must(t, err)
		if n := cs.Nodes["a"]; n == nil || !n.Lost {
			t.Errorf("changes %+v", cs.Nodes)
		}
		if mark(epoch, 0) {
			t.Error("marked twice")
		}
		must(t, s.WriteNode(t.Context(), cluster.Node{ID: "a", Epoch: epoch, State: cluster.NodeUp}))
		if n := node(t, s, "a"); n.State != cluster.NodeUp || n.Lost {
			t.Errorf("after a status: %+v", n)
		}
		if !mark(epoch, 0) {
			t.Fatal("not marked again")
		}
		_, err = s.JoinNode(t.Context(), cluster.Node{ID: "a"})
		must(t, err)
		if n := node(t, s, "a"); n.State != cluster.NodeUp || n.Lost {
			t.Errorf("after a start: %+v", n)
		}
	})
}

// A holder that was frozen for long finds everybody silent, and has no say.
func TestOnlyTheHolderMarksNodesLost(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		epoch, err := s.JoinNode(t.Context(), cluster.Node{ID: "a"})
		must(t, err)
		late := take(t, s, cluster.RolePlacement, "b")
		take(t, s, cluster.RolePlacement, "c")
		_, err = s.MarkLost(t.Context(), late, "a", epoch, 0)
		wantError(t, err, cluster.ErrFenced)
		if n := node(t, s, "a"); n.State != cluster.NodeUp || n.Lost {
			t.Errorf("node %+v", n)
		}
	})
}
