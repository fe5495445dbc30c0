package runtime

import (
	"maelstrom/cluster"
	"maelstrom/project"
)

// target is what a snapshot asks of one placement.
type target struct {
	want     cluster.Want
	row      *cluster.Placement    // nil: there is no row
	current  *cluster.ComponentRow // nil: the component was removed
	placed   *cluster.ComponentRow // the version that the row is of; nil: it is not known any more
	restored bool                  // from the copy on disk: nothing is decided
	frozen   bool                  // this node is cut off: nothing is started
	cut      bool                  // for that alone it wants to stop: nobody is asked
}

func newTarget(snap *cluster.Snapshot, row *cluster.Placement) target {
	t := target{want: cluster.WantStop, row: row, restored: snap.Restored}
	if row != nil {
		t.want = row.Want
		if declared, ok := snap.Components.Get(row.Component); ok {
			t.current, t.placed = declared.Current(), declared.Placed(row.PlacedVersion)
		}
	}
	if snap.Restored {
		t.want = cluster.WantRun
	}
	return t
}

// isolate makes t what it is on a node that is cut off.
func (t *target) isolate() {
	t.frozen = true
	for _, of := range []*cluster.ComponentRow{t.placed, t.current} {
		if of == nil {
			continue
		}
		if t.want == cluster.WantRun && of.Effective.OnDisconnect == project.DisconnectStop {
			t.want, t.cut = cluster.WantStop, true
		}
		return
	}
}

// startable returns the component if a container of it is one of the version
// that was placed: the declared one or the one that is kept, and nothing that
// containers see has changed since. Otherwise it is nil, and the placement is
// to be replaced.
func (t *target) startable() *project.Component {
	if t.row == nil || t.restored || t.frozen || t.placed == nil {
		return nil
	}
	return t.placed.Effective
}

// settings returns the component for draining and health checks of a
// container that was started by an earlier daemon.
func (t *target) settings(c Container) *project.Component {
	switch {
	case t.placed != nil:
		return t.placed.Effective
	case t.current != nil:
		return t.current.Effective
	}
	bare := project.Component{Name: c.Component, Image: c.Image}
	effective := bare.Effective()
	return &effective
}

// at is the version of the placement row; zero without one.
func (t *target) at() int64 {
	if t.row == nil {
		return 0
	}
	return t.row.Version
}
