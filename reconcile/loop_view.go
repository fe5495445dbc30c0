package reconcile

import (
	"hash/maphash"
	"strconv"
	"time"

	"maelstrom/cluster"
)

// view is what the database says about a source, at one moment.
type view struct {
	snap    *cluster.Snapshot
	row     *cluster.SourceRow
	status  cluster.SourceStatus
	control cluster.ControlRow
	files   map[string]*cluster.ProjectStatus // by path
}

// view reads the snapshot; ok is false where there is nothing to decide on.
func (l *loop) view() (v view, ok bool) {
	snap := l.feed.Snapshot()
	if snap.Number == 0 || snap.Restored {
		return view{}, false
	}
	row, ok := snap.Sources.Get(l.source)
	if !ok {
		return view{}, false
	}
	v = view{snap: snap, row: row, status: cluster.SourceStatus{Source: l.source}}
	if status, known := snap.SourceStatuses.Get(l.source); known {
		v.status = *status
	}
	v.control = controlOf(snap, cluster.ControlSource, l.source)
	keys, _ := snap.BySource.Get(l.source)
	v.files = make(map[string]*cluster.ProjectStatus, len(keys))
	for _, key := range keys {
		if status, known := snap.ProjectStatuses.Get(key); known {
			v.files[status.Path] = status
		}
	}
	return v, true
}

func controlOf(snap *cluster.Snapshot, kind cluster.ControlKind, name string) cluster.ControlRow {
	if row, ok := snap.Controls.Get(cluster.ControlKey(kind, name)); ok {
		return *row
	}
	return cluster.ControlRow{Kind: kind, Name: name}
}

// projectControl is what users have told about a project.
func (v *view) projectControl(name string) cluster.ControlRow {
	return controlOf(v.snap, cluster.ControlProject, name)
}

// suspended is the suspension that counts at a time, nil without one.
func suspended(c cluster.Control, now time.Time) *cluster.Suspension {
	if s := c.Suspended; s != nil && (s.Until.IsZero() || now.Before(s.Until)) {
		return s
	}
	return nil
}

// inputs stand for everything in the database that a look depends on.
type inputs struct {
	spec     int64
	control  int64
	projects uint64
	failed   uint64 // versions that are not rolled out, where that matters
}

var inputSeed = maphash.MakeSeed()

// inputsOf sums up what a look at v rests on: the source as it is declared and
// told, its projects, and those that are in the way of one of them.
func (l *loop) inputsOf(v view) inputs {
	var sum uint64
	for path, status := range v.files {
		if status.Project != "" {
			sum += v.projectSum(path, status.Project, true)
		}
	}
	for path, names := range l.blockers {
		for _, name := range names {
			sum += v.projectSum(path, name, false)
		}
	}
	return inputs{spec: v.row.Version, control: v.control.Version, projects: sum, failed: l.failures.sum(v)}
}

// projectSum sums up one project as a file depends on it.
func (v *view) projectSum(path, name string, controlled bool) uint64 {
	var h maphash.Hash
	h.SetSeed(inputSeed)
	_, _ = h.WriteString(path + "\x00" + name + "\x00")
	var number [20]byte
	if row, ok := v.snap.Projects.Get(name); ok {
		_, _ = h.WriteString(row.Source + "\x00")
		_, _ = h.Write(strconv.AppendInt(number[:0], row.Revision, 10))
	}
	if controlled {
		_ = h.WriteByte(0)
		row, ok := v.snap.Controls.Get(cluster.ControlKey(cluster.ControlProject, name))
		if ok {
			_, _ = h.Write(strconv.AppendInt(number[:0], row.Version, 10))
		}
	}
	return h.Sum64()
}
