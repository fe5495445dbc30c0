package scheduler

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"maelstrom/cluster"
)

// What is reserved on nodes is the same whether it is added up anew or taken over
// from an earlier snapshot, and that is left as it was.
func TestReservesFollowTheRows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		snap, observed := cluster.NewSnapshot(), map[string]int64(nil)
		var kept *reserves
		for n := range rapid.IntRange(1, 30).Draw(t, "changes") {
			change := cluster.ChangeSet{Number: int64(n + 1)}
			id := fmt.Sprint("n", rapid.IntRange(0, 9).Draw(t, "node"))
			switch rapid.IntRange(0, 4).Draw(t, "kind") {
			case 0:
				change.Nodes = map[string]*cluster.Node{id: {ID: id, MemoryTotalMiB: int64(rapid.IntRange(0, 300).Draw(t, "total"))}}
			case 1:
				if _, known := snap.Nodes.Get(id); known {
					change.Nodes = map[string]*cluster.Node{id: nil}
				}
			case 2:
				observed = map[string]int64{"a": int64(rapid.IntRange(0, 300).Draw(t, "observed"))}
			default:
				pl := &cluster.Placement{
					ID: fmt.Sprint(rapid.IntRange(0, 9).Draw(t, "placement")), Component: "a", Node: id, MemoryMiB: 100,
					Want: rapid.SampledFrom([]cluster.Want{cluster.WantRun, cluster.WantStop}).Draw(t, "want"),
				}
				change.Placements = map[string]*cluster.Placement{pl.ID: pl}
				if rapid.IntRange(0, 3).Draw(t, "deleted") == 0 {
					change.Placements[pl.ID] = nil
				}
			}
			snap = snap.With(change)
			if rapid.Bool().Draw(t, "not asked for") {
				continue
			}
			var before []node
			if kept != nil {
				before = slices.Clone(kept.list)
			}
			next := kept.next(snap, observed)
			if fresh := newReserves(snap, observed); !slices.Equal(next.list, fresh.list) {
				t.Fatalf("takes over %+v, anew %+v", next.list, fresh.list)
			}
			if kept != nil && !slices.Equal(kept.list, before) {
				t.Fatal("those of the plan before have changed")
			}
			for i, n := range next.list {
				if next.index[n.row.ID] != i {
					t.Fatalf("%s is not at %d", n.row.ID, i)
				}
			}
			kept = next
		}
	})
}
