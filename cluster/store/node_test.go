package store

import (
	"testing"
	"time"

	"maelstrom/cluster"
)

func node(t *testing.T, s *Store, id string) cluster.Node {
	t.Helper()
	nodes, err := s.Nodes(t.Context())
	must(t, err)
	for _, n := range nodes {
		if n.ID == id {
			return n
		}
	}
	t.Fatalf("no node %s", id)
	return cluster.Node{}
}

// instances are those that the database knows of a node.
func instances(t *testing.T, s *Store, node string) []cluster.Instance {
	t.Helper()
	lists, err := s.InstanceLists(t.Context())
	must(t, err)
	for _, l := range lists {
		if l.Node == node {
			return l.Instances
		}
	}
	return nil
}

func TestEachStartOfANodeIsAnEpoch(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		for want := int64(1); want <= 3; want++ {
			before := number(t, s)
			epoch, err := s.JoinNode(t.Context(), cluster.Node{ID: "a", Name: "host", Address: "1.2.3.4:5", State: cluster.NodeDown, MemoryTotalMiB: 4096})
			must(t, err)
			cs, err := s.Changes(t.Context(), before)
			must(t, err)
			n := cs.Nodes["a"]
			if epoch != want || n.Epoch != want || n.State != cluster.NodeUp || n.SeenAt.IsZero() || n.StartedAt.IsZero() || n.MemoryTotalMiB != 4096 {
				t.Fatalf("epoch %d, node %+v", epoch, n)
			}
		}
		_, err := s.JoinNode(t.Context(), cluster.Node{})
		if err == nil {
			t.Fatal("a node without id joined")
		}
	})
}

func TestStatusIsWrittenAndOnlyItsChangesAreLogged(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		n := cluster.Node{ID: "a", State: cluster.NodeUp, StartedAt: time.Now(), MemoryTotalMiB: 1024}
		epoch, err := s.JoinNode(t.Context(), n)
		must(t, err)
		n.Epoch = epoch
		before, commits := number(t, s), s.Stats()
		n.Load1m, n.Load5m, n.Load15m = 1.5, 2.5, 3.5
		must(t, s.WriteNode(t.Context(), n))
		if number(t, s) != before {
			t.Fatal("a status without news is in the change log")
		}
		after := s.Stats()
		if after.Commits != commits.Commits+1 || after.Rows["mael_node"] != commits.Rows["mael_node"]+1 || len(after.Rows) != len(commits.Rows) {
			t.Fatalf("a status wrote %v before, %v after", commits, after)
		}
		if got := node(t, s, "a"); got.Load5m != 2.5 || got.SeenAt.IsZero() {
			t.Fatalf("node %+v", got)
		}
		for name, change := range map[string]func(*cluster.Node){
			"state":  func(n *cluster.Node) { n.State = cluster.NodeDraining },
			"engine": func(n *cluster.Node) { n.Engine = "down" },
			"memory": func(n *cluster.Node) { n.MemoryTotalMiB = 2048 },
		} {
			before := number(t, s)
			change(&n)
			must(t, s.WriteNode(t.Context(), n))
			if number(t, s) != before+1 {
				t.Errorf("a change of %s is not in the change log", name)
			}
		}
	})
}

func TestClonedNodeIsSuperseded(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		epoch, err := s.JoinNode(t.Context(), cluster.Node{ID: "a"})
		must(t, err)
		_, err = s.JoinNode(t.Context(), cluster.Node{ID: "a", Name: "clone"})
		must(t, err)
		wantError(t, s.WriteNode(t.Context(), cluster.Node{ID: "a", Epoch: epoch}), cluster.ErrSuperseded)
		wantError(t, s.WriteInstances(t.Context(), "a", epoch, []cluster.Instance{{Placement: "x"}}, nil), cluster.ErrSuperseded)
		wantError(t, s.WriteNode(t.Context(), cluster.Node{ID: "unknown", Epoch: 1}), cluster.ErrNotFound)
		if got := node(t, s, "a"); got.Name != "clone" {
			t.Fatalf("node %+v", got)
		}
	})
}

func TestInstances(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		ea, err := s.JoinNode(t.Context(), cluster.Node{ID: "a"})
		must(t, err)
		eb, err := s.JoinNode(t.Context(), cluster.Node{ID: "b"})
		must(t, err)
		before := number(t, s)
		x := cluster.Instance{Placement: "x", Component: "web", Slot: 2, State: cluster.InstanceReady, Address: "1.2.3.4:80", StartedAt: time.Now().UTC().Round(0), Restarts: 3}
		must(t, s.WriteInstances(t.Context(), "a", ea, []cluster.Instance{{Placement: "y"}, x}, []string{"unknown"}))
		must(t, s.WriteInstances(t.Context(), "b", eb, []cluster.Instance{{Placement: "z"}}, nil))
		x.Node = "a"
		if got := instances(t, s, "a"); len(got) != 2 || got[0] != x || len(instances(t, s, "b")) != 1 {
			t.Fatalf("instances %+v, want %+v", got, x)
		}
		x.State = cluster.InstanceDraining
		must(t, s.WriteInstances(t.Context(), "a", ea, []cluster.Instance{x}, []string{"y", "z"}))
		if got := instances(t, s, "a"); len(got) != 1 || got[0] != x || len(instances(t, s, "b")) != 1 {
			t.Fatalf("instances %+v", got)
		}
		commits := s.Stats().Commits
		must(t, s.WriteInstances(t.Context(), "a", ea, nil, nil))
		if number(t, s) != before || s.Stats().Commits != commits {
			t.Fatal("instances are in the change log, or nothing was written")
		}
		cs := all(t, s)
		if len(cs.Instances) != 2 || cs.Instances[0].Epoch != ea || cs.Instances[0].Counter != 0 {
			t.Fatalf("reload has %+v", cs.Instances)
		}
		// A new start of the node finds what the last one left.
		later, err := s.JoinNode(t.Context(), cluster.Node{ID: "a"})
		must(t, err)
		must(t, s.WriteInstances(t.Context(), "a", later, []cluster.Instance{{Placement: "new"}}, nil))
		lists, err := s.InstanceLists(t.Context())
		must(t, err)
		if len(lists) != 3 || lists[0].Epoch != later || lists[1].Epoch != ea || lists[1].Instances[0] != x || lists[2].Node != "b" {
			t.Fatalf("lists %+v", lists)
		}
		must(t, s.WriteInstances(t.Context(), "a", later, nil, []string{"x"}))
		if got := instances(t, s, "a"); len(got) != 1 || got[0].Placement != "new" {
			t.Fatalf("instances %+v", got)
		}
	})
}
