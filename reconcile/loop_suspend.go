package reconcile

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"maelstrom/cluster"
)

// endSuspensions clears those whose time is over.
func (k *look) endSuspensions(ctx context.Context) error {
	rows := []cluster.ControlRow{k.control}
	for _, name := range k.projects() {
		rows = append(rows, k.projectControl(name))
	}
	for _, row := range rows {
		s := row.Control.Suspended
		if s == nil || suspended(row.Control, k.began) != nil {
			continue
		}
		row.Control.Suspended = nil
		event := cluster.Event{
			Kind: cluster.EventResumed, Severity: cluster.EventInfo, Source: k.source, Node: k.opt.Node, Actor: s.Actor,
			Message: "the suspension by " + s.Actor + " has expired",
		}
		if row.Kind == cluster.ControlProject {
			event.Project = row.Name
		}
		if err := k.putControl(ctx, row, event); err != nil {
			return err
		}
	}
	return nil
}

// putControl stores a control and goes on from there. If somebody else was
// faster, their word counts, at the next look.
func (k *look) putControl(ctx context.Context, row cluster.ControlRow, events ...cluster.Event) error {
	_, err := k.store.PutControl(ctx, row, &k.hold, events...)
	switch {
	case errors.Is(err, cluster.ErrFenced):
		return err
	case errors.Is(err, cluster.ErrConflict):
		k.again = true
		return nil
	case err != nil:
		return &databaseError{err}
	}
	return k.reach(ctx, func(v *view) bool { return controlOf(v.snap, row.Kind, row.Name).Version != row.Version })
}

// catchUpLimit bounds how long the snapshot may take to have what was stored.
const catchUpLimit = 10 * time.Second

// reach waits until the snapshot has what was stored, and takes it for the view.
func (k *look) reach(ctx context.Context, there func(*view) bool) error {
	limited, cancel := context.WithTimeout(ctx, catchUpLimit)
	defer cancel()
	for {
		v, ok := k.loop.view()
		if !ok {
			return errSourceGone
		}
		if there(&v) {
			k.view = v
			return nil
		}
		if err := k.feed.WaitFor(limited, v.snap.Number+1); err != nil {
			return &databaseError{err}
		}
	}
}

// errSourceGone ends a look at a source that is no longer declared.
var errSourceGone = errors.New("the source is gone")

// projects names the projects of the source that are known.
func (v *view) projects() []string {
	names := map[string]bool{}
	for _, status := range v.files {
		if status.Project != "" {
			names[status.Project] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// nextExpiry is when the first suspension ends that has an end; zero: none.
func (v *view) nextExpiry(now time.Time) time.Time {
	var next time.Time
	consider := func(c cluster.Control) {
		if s := suspended(c, now); s != nil && !s.Until.IsZero() && (next.IsZero() || s.Until.Before(next)) {
			next = s.Until
		}
	}
	consider(v.control.Control)
	for _, name := range v.projects() {
		consider(v.projectControl(name).Control)
	}
	return next
}
