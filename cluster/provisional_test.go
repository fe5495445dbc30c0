package cluster

import (
	"slices"
	"testing"
)

// routed are the placements that requests for web are sent to.
func routed(s *Snapshot) (ids []string) {
	for _, p := range s.Placed("web") {
		ids = append(ids, p.ID)
	}
	return ids
}

// What nodes run without a row is routed to where it is provisional, and all of
// it while the database is away; a row takes its place.
func TestPlacedWithoutRows(t *testing.T) {
	base := NewSnapshot().With(ChangeSet{Number: 1, Full: true,
		Nodes:      map[string]*Node{"a": {ID: "a", Epoch: 1}, "b": {ID: "b", Epoch: 1}},
		Placements: map[string]*Placement{"1": {ID: "1", Component: "web", Node: "a", Want: WantRun, Version: 1}},
	})
	base = base.WithInstances(InstanceList{Node: "b", Epoch: 1, Counter: 1, Instances: []Instance{
		{Placement: "2", Component: "web", Node: "b", ComponentVersion: 7},
		{Placement: "3", Component: "web", Node: "b", ComponentVersion: 7, Provisional: true, MemoryMiB: 64},
		{Placement: "4", Component: "other", Node: "b", Provisional: true},
	}})
	check := func(when string, s *Snapshot, want ...string) {
		t.Helper()
		if got := routed(s); !slices.Equal(got, want) {
			t.Errorf("%s: routed to %v, want %v", when, got, want)
		}
	}
	check("with the database", base, "1", "3")
	away := base.WithReach(true, map[string]bool{"b": true})
	check("without it", away, "1", "2", "3")
	check("without it and without a", away.WithSilent(map[string]bool{"a": true}), "2", "3")
	check("without it and without b", away.WithSilent(map[string]bool{"b": true}), "1")
	check("with it and without a", base.WithSilent(map[string]bool{"a": true}), "1", "3")
	if away.WithReach(true, map[string]bool{"b": true, "a": false}) != away {
		t.Error("the same reach makes another snapshot")
	}
	if p := away.Placed("web")[2]; p.PlacedVersion != 7 || p.MemoryMiB != 64 || p.Want != WantRun || p.Node != "b" {
		t.Errorf("placed as %+v", p)
	}
	reloaded := away.With(ChangeSet{Number: 2, Full: true, Nodes: map[string]*Node{"a": {ID: "a", Epoch: 1}, "b": {ID: "b", Epoch: 1}}})
	check("after a reload", reloaded, "2", "3")

	adopted := base.With(ChangeSet{Number: 2, Placements: map[string]*Placement{
		"3": {ID: "3", Component: "web", Slot: 1, Node: "b", Want: WantStop, Version: 1},
	}})
	check("adopted", adopted, "1", "3")
	if adopted.Placed("web")[1].Want != WantStop {
		t.Error("its row does not count")
	}
	gone := adopted.With(ChangeSet{Number: 3, Placements: map[string]*Placement{"3": nil, "1": nil}})
	check("its row is gone, and it is not yet", gone, "3")
	check("it is gone too", gone.WithInstances(InstanceList{Node: "b", Epoch: 1, Counter: 2}))
	if n := gone.WithInstances(InstanceList{Node: "b", Epoch: 1, Counter: 2}).Unplaced.Len(); n != 0 {
		t.Errorf("%d components have instances without a row", n)
	}
	check("its node started again", base.With(ChangeSet{Number: 2, Nodes: map[string]*Node{"b": {ID: "b", Epoch: 2}}}), "1")
}
