package reconcile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

// Detach makes a project that a source owns one that is applied by hand, and
// changes nothing else of it. Its source does not take it back: a loop never
// takes what has another owner.
func (a *Applier) Detach(ctx context.Context, req Removal) (Outcome, error) {
	return a.leave(ctx, req, func(state cluster.ProjectState) leaving {
		write := cluster.ApplyRequest{SourceRevision: state.Project.SourceRevision}
		if state.Control.Version > 0 {
			write.Control = &cluster.ControlRow{Version: state.Control.Version} // no loop is there to be told
		}
		return leaving{write, func(state cluster.ProjectState) (Plan, error) {
			plan := Plan{Changes: project.Diff(&project.Project{Name: req.Name}, nil, nil), Revision: revision(state)}
			plan.Write = cluster.ProjectWrite{
				TakeOver: true, Content: stored(state, req.Name), Summary: "detached from source " + state.Project.Source,
			}
			return plan, nil
		}}
	})
}

// RemoveSuspended removes a project that a source owns, and keeps the source's
// loop from storing it again until the project is resumed.
func (a *Applier) RemoveSuspended(ctx context.Context, req Removal) (Outcome, error) {
	return a.leave(ctx, req, func(state cluster.ProjectState) leaving {
		row := state.Control
		row.Control.Suspended = &cluster.Suspension{
			Reason: cmp.Or(req.Reason, "removed by hand"), Actor: req.Actor, Since: time.Now().UTC(),
		}
		taken := req
		taken.TakeOver = true
		return leaving{
			cluster.ApplyRequest{Source: state.Project.Source, SourceRevision: state.Project.SourceRevision, Control: &row},
			func(state cluster.ProjectState) (Plan, error) { return NewRemoval(state, taken) },
		}
	})
}

// leaving is a write that ends a loop's work on a project.
type leaving struct {
	cluster.ApplyRequest
	plan func(cluster.ProjectState) (Plan, error)
}

// leave makes a write from the present state, anew if that moves meanwhile.
func (a *Applier) leave(ctx context.Context, req Removal, from func(cluster.ProjectState) leaving) (Outcome, error) {
	for n := 1; ; n++ {
		state, err := a.Store.LoadProject(ctx, &project.Project{Name: req.Name})
		if err != nil {
			return Outcome{}, err
		}
		if err := checkLeave(state, req); err != nil {
			return Outcome{}, err
		}
		write := from(state)
		write.Desired, write.Actor, write.Reason, write.RequestID = &project.Project{Name: req.Name}, req.Actor, req.Reason, req.RequestID
		if write.Control != nil {
			write.Control.Kind, write.Control.Name = cluster.ControlProject, req.Name
		}
		out, err := a.apply(ctx, write.ApplyRequest, func(now cluster.ProjectState) (Plan, error) {
			if revision(now) != state.Project.Revision {
				return Plan{}, errMoved
			}
			return write.plan(now)
		})
		if !errors.Is(err, cluster.ErrConflict) || n == rollbackAttempts {
			return out, err
		}
	}
}

func checkLeave(state cluster.ProjectState, req Removal) error {
	switch {
	case state.Project == nil:
		return fmt.Errorf("project %s: %w", req.Name, cluster.ErrNotFound)
	case state.Project.Source == "":
		return fmt.Errorf("project %s is applied by hand, no source has to let go of it (%w)", req.Name, cluster.ErrConflict)
	}
	return checkRevision(state, req.Name, req.IfRevision)
}
