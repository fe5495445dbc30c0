package runtime

import (
	"testing"

	"maelstrom/cluster"
)

// runs is a snapshot of a component of which one instance runs at a version.
func runs(version int64) *cluster.Snapshot {
	snap, row := &cluster.Snapshot{}, &cluster.ComponentRow{Version: version, RestartVersion: version}
	snap.Components = snap.Components.With(map[string]*cluster.ComponentRow{"web": row}, nil)
	snap.Placements = snap.Placements.With(map[string]*cluster.Placement{
		"new": {ID: "new", Component: "web", PlacedVersion: version},
		"old": {ID: "old", Component: "web", PlacedVersion: version - 1},
	}, nil)
	return snap
}

func (o *observed) times(n int, snap *cluster.Snapshot, mib int64) {
	for range n {
		o.note(snap, map[string]int64{"new": mib, "old": 9999, "gone": 9999})
	}
}

func TestObservedIsWhatOfTheLastHourIsSeenNearlyAlways(t *testing.T) {
	o, snap := observed{}, runs(1)
	o.times(60, snap, 50)
	o.times(3, snap, 400)
	if got := o.uses["web"]; got != (cluster.MemoryUse{Version: 1, MiB: 50, Readings: 63}) {
		t.Errorf("by 3 of 63 readings: %+v", got)
	}
	o.times(2, snap, 400)
	if got := o.uses["web"].MiB; got != 400 {
		t.Errorf("%d MiB by 5 of 65 readings", got)
	}
	o.times(240, snap, 70)
	if got := o.uses["web"]; got.MiB != 70 || got.Readings != 240 {
		t.Errorf("an hour later: %+v", got)
	}
}

// It is remembered while nothing runs, until another version is to.
func TestObservedIsOfOneVersion(t *testing.T) {
	o := observed{}
	o.times(20, runs(1), 50)
	o.note(runs(1), nil)
	if got := o.uses["web"].MiB; got != 50 {
		t.Errorf("%d MiB while it sleeps", got)
	}
	if o.note(runs(2), nil); len(o.uses)+len(o.by) != 0 {
		t.Errorf("kept of another version: %v", o.uses)
	}
	o.times(1, runs(2), 80)
	if got := o.uses["web"]; got != (cluster.MemoryUse{Version: 2, MiB: 80, Readings: 1}) {
		t.Errorf("%+v", got)
	}
	if o.note(&cluster.Snapshot{}, nil); len(o.uses)+len(o.by) != 0 {
		t.Errorf("kept of what is not declared: %v", o.uses)
	}
}

// Of many instances those that stand for all are kept, the largest among them.
func TestReadingsOfManyInstances(t *testing.T) {
	r := readings{}
	var list []int32
	for i := range 100 {
		list = append(list, int32(i+1))
	}
	r.add(list)
	if len(r.ring) != observedEach || r.ring[observedEach-1] != 100 || r.ring[0] > 10 {
		t.Errorf("keeps %v", r.ring)
	}
	if got := r.p95(); got != 100 {
		t.Errorf("p95 is %d", got)
	}
}
