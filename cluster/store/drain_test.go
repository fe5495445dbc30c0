package store

import (
	"errors"
	"testing"
	"time"

	"maelstrom/cluster"
)

func TestDrainingSurvivesWhatTheNodeSays(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		epoch, err := s.JoinNode(t.Context(), cluster.Node{ID: "a"})
		must(t, err)
		before := number(t, s)
		after, err := s.DrainNode(t.Context(), "a", cluster.DrainMove)
		must(t, err)
		cs, err := s.Changes(t.Context(), before)
		must(t, err)
		if n := cs.Nodes["a"]; after != before+1 || n == nil || n.State != cluster.NodeDraining || n.Drain != cluster.DrainMove {
			t.Fatalf("change %d after %d: %+v", after, before, n)
		}
		status := cluster.Node{ID: "a", Epoch: epoch, State: cluster.NodeUp, Labels: map[string]string{"disk": "ssd"}}
		must(t, s.WriteNode(t.Context(), status))
		if n := node(t, s, "a"); n.State != cluster.NodeDraining || n.Drain != cluster.DrainMove || n.Labels["disk"] != "ssd" {
			t.Fatalf("after a status: %+v", n)
		}
		again := number(t, s)
		must(t, s.WriteNode(t.Context(), status))
		if number(t, s) != again {
			t.Error("the same status is news")
		}
		status.State = cluster.NodeLeaving
		must(t, s.WriteNode(t.Context(), status))
		if n := node(t, s, "a"); n.State != cluster.NodeLeaving {
			t.Errorf("leaving: %+v", n)
		}
		_, err = s.JoinNode(t.Context(), cluster.Node{ID: "a"})
		must(t, err)
		if n := node(t, s, "a"); n.State != cluster.NodeDraining {
			t.Errorf("after a restart: %+v", n)
		}
		_, err = s.DrainNode(t.Context(), "a", cluster.DrainNone)
		must(t, err)
		if n := node(t, s, "a"); n.State != cluster.NodeUp || n.Drain != cluster.DrainNone {
			t.Errorf("undrained: %+v", n)
		}
		_, err = s.DrainNode(t.Context(), "b", cluster.DrainMove)
		wantError(t, err, cluster.ErrNotFound)
	})
}

func TestNodeIsRemovedWithWhatWasThere(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		hold := take(t, s, cluster.RolePlacement, "b")
		epochs := map[string]int64{}
		for _, id := range []string{"a", "b"} {
			epoch, err := s.JoinNode(t.Context(), cluster.Node{ID: id})
			must(t, err)
			epochs[id] = epoch
			_, err = s.WritePlacements(t.Context(), hold, []cluster.PlacementWrite{{Insert: &cluster.Placement{
				ID: "on-" + id, Component: "web-" + id, Node: id, Want: cluster.WantRun, PlacedVersion: 1,
			}}})
			must(t, err)
			must(t, s.WriteInstances(t.Context(), id, epoch, []cluster.Instance{{Placement: "on-" + id}}, nil))
		}
		_, err := s.Reserve(t.Context(), hold, []cluster.Run{{ID: "run", Kind: cluster.RunCommand, Component: "web-a", Node: "a", State: cluster.RunReserved}})
		must(t, err)
		_, _, err = s.RemoveNode(t.Context(), "a")
		var alive *NodeAliveError
		if !errors.As(err, &alive) || !errors.Is(err, cluster.ErrConflict) || alive.Seen > time.Minute {
			t.Fatalf("a node that is up: %v", err)
		}
		must(t, s.WriteNode(t.Context(), cluster.Node{ID: "a", Epoch: epochs["a"], State: cluster.NodeDown}))
		before := number(t, s)
		n, _, err := s.RemoveNode(t.Context(), "a")
		must(t, err)
		cs, err := s.Changes(t.Context(), before)
		must(t, err)
		_, node := cs.Nodes["a"]
		_, placement := cs.Placements["on-a"]
		_, run := cs.Runs["run"]
		if n != 1 || !node || !placement || !run {
			t.Errorf("%d placements, changes %+v", n, cs)
		}
		full := all(t, s)
		if len(full.Nodes) != 1 || len(full.Placements) != 1 || len(instances(t, s, "a")) != 0 || len(instances(t, s, "b")) != 1 || len(full.Runs) != 0 {
			t.Errorf("left: %+v", full)
		}
		wantError(t, s.WriteNode(t.Context(), cluster.Node{ID: "a", Epoch: epochs["a"]}), cluster.ErrNotFound)
		_, _, err = s.RemoveNode(t.Context(), "a")
		wantError(t, err, cluster.ErrNotFound)
	})
}
