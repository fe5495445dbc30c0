package store

import (
	"cmp"
	"context"
	"fmt"

	"maelstrom/cluster"
)

// writeTold stores what comes with an apply beside the project itself: the
// loop's status, what users have told about the project, and what happened.
func (a *apply) writeTold(ctx context.Context, t *tx) error {
	if a.Source != "" && !a.write.RemoveProject {
		// A source that is being deleted gets no project any more.
		if err := t.lockSource(ctx, a.Source); err != nil {
			return err
		}
	}
	if a.Status != nil {
		status := *a.Status
		status.Applied = a.result.Revision
		if err := t.putStatuses(ctx, []cluster.ProjectStatus{status}); err != nil {
			return fmt.Errorf("status: %w", err)
		}
	}
	if err := a.writeControl(ctx, t); err != nil {
		return fmt.Errorf("control: %w", err)
	}
	t.event(a.event())
	return nil
}

// writeControl stores the request's control. A project that goes takes what
// was told about it along, unless the request says otherwise.
func (a *apply) writeControl(ctx context.Context, t *tx) error {
	control := a.Control
	if control == nil && a.write.RemoveProject && a.state.Control.Version != 0 {
		control = &cluster.ControlRow{Kind: cluster.ControlProject, Name: a.Desired.Name, Version: a.state.Control.Version}
	}
	if control == nil {
		return nil
	}
	_, err := t.putControl(ctx, *control)
	return err
}

// event is what the apply tells of itself, with what the request adds.
func (a *apply) event() cluster.Event {
	e := a.Event
	e.Project = a.Desired.Name
	e.Kind = cmp.Or(e.Kind, a.eventKind())
	e.Source = cmp.Or(e.Source, a.Source)
	e.Revision = cmp.Or(e.Revision, a.SourceRevision)
	e.Actor = cmp.Or(e.Actor, a.Actor)
	e.Message = cmp.Or(e.Message, a.write.Summary)
	if len(e.Details) == 0 {
		e.Details = fmt.Appendf(nil, `{"revision":%d}`, a.result.Revision)
	}
	return e
}

func (a *apply) eventKind() cluster.EventKind {
	switch {
	case a.write.RemoveProject:
		return cluster.EventRemoved
	case a.Kind == cluster.RevisionRollback:
		return cluster.EventRolledBack
	case a.Source != "":
		return cluster.EventSynced
	}
	return cluster.EventApplied
}
