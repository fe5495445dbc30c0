package reconcile

import (
	"context"
	"errors"
	"fmt"

	"maelstrom/cluster"
	"maelstrom/project"
)

// applyEntry stores one project, with its status, in one transaction. It tells
// whether anything was written.
func (k *look) applyEntry(ctx context.Context, e *entry) (wrote bool, err error) {
	never := k.row.Spec.Prune == cluster.PruneNever
	held := k.verdict.held && len(e.keeps) > 0
	req := Request{
		Project: e.file.Loaded.Project, Where: e.file.Loaded.Positions, Prune: !never && !held,
		Source: k.source, Hold: &k.hold,
	}
	if req.Prune {
		req.ApprovedRemovals = e.removes
		if req.ApprovedRemovals == nil {
			req.ApprovedRemovals = []string{}
		}
	}
	e.result = k.synced(e, held)
	request := k.write()
	request.Desired, request.Status = req.Project, k.statusOf(e)
	if e.control.Control.Skipped != nil {
		row := e.control
		row.Control.Skipped = nil
		request.Control = &row
	}
	out, err := k.applier.apply(ctx, request, func(state cluster.ProjectState) (Plan, error) { return NewPlan(state, req) })
	if err != nil {
		return false, k.refusedApply(ctx, e, err)
	}
	e.result.applied = out.Revision
	if out.Write.Empty() {
		if request.Control == nil {
			return false, nil
		}
		return true, k.putControl(ctx, *request.Control)
	}
	k.noteWrite(e, out)
	return true, nil
}

// write is what every write of this look says of itself.
func (k *look) write() cluster.ApplyRequest {
	return cluster.ApplyRequest{
		Actor: loopActor(k.source), Source: k.source, SourceRevision: k.target.Revision, Commit: k.commit,
		Began: k.began, Hold: &k.hold, Event: cluster.Event{Node: k.opt.Node},
	}
}

func (k *look) noteWrite(e *entry, out Outcome) {
	k.stored = max(k.stored, out.ChangeNumber)
	k.feed.Hint()
	k.log.Info("project stored", "project", e.name, "revision", out.Revision, "commit", k.target.Revision, "summary", out.Write.Summary)
	if e.drifted && !released(e.known) {
		k.tell(cluster.Event{
			Kind: cluster.EventDrift, Severity: cluster.EventWarning, Project: e.name,
			Message: "project " + e.name + " was changed beside its source, and is again as that says",
		})
	}
}

// released tells whether the stored project is another on purpose: it was
// suspended, pinned or rolled back at the last look, and is not any more; or
// it was not the source's.
func released(s *cluster.ProjectStatus) bool {
	switch reasonOf(s.Conditions, cluster.ConditionSynced) {
	case cluster.ReasonByUser, cluster.ReasonRolledBack, cluster.ReasonSkipped, cluster.ReasonNotOwner:
		return true
	}
	return false
}

// refusedApply sorts out why a project was not stored. Only a lost role is returned.
func (k *look) refusedApply(ctx context.Context, e *entry, err error) error {
	var conflict *ConflictError
	switch {
	case errors.Is(context.Cause(ctx), cluster.ErrFenced): // the role was lost before the write was through
		return fmt.Errorf("%w: %w", cluster.ErrFenced, err)
	case errors.Is(err, cluster.ErrFenced), ctx.Err() != nil:
		return err
	case errors.As(err, &conflict) && conflict.ownOnly():
		e.result = k.inItsOwnWay(e, conflict)
		k.blockers[e.path] = []string{e.name}
	case errors.As(err, &conflict):
		e.result = k.blocked(e, Verdict{Reason: conflictReason(conflict), Problems: conflict.Problems()})
		names := []string{e.name}
		for _, c := range conflict.Conflicts {
			names = append(names, c.Claim.Owner)
		}
		k.blockers[e.path] = names
	case errors.Is(err, ErrManaged):
		e.result = k.blocked(e, Verdict{Reason: cluster.ReasonNotOwner, Problems: []project.Problem{
			project.Unreadable(e.path, err.Error(), ""),
		}})
		k.blockers[e.path] = []string{e.name}
	case errors.Is(err, cluster.ErrConflict):
		k.again = true
		e.result = &result{synced: cluster.StatusUnknown, reason: cluster.ReasonDatabaseError, retry: true, message: err.Error()}
		k.log.Info("project not stored yet", "project", e.name, "error", err)
	default:
		k.log.Warn("project not stored", "project", e.name, "error", err)
		e.result = &result{synced: cluster.StatusUnknown, reason: cluster.ReasonDatabaseError, retry: true, message: "the database did not take it", cause: err.Error()}
		if _, away := k.store.ChangeNumber(ctx); away != nil {
			k.database = err
			return nil
		}
		k.refused[e.path] = e.result
	}
	return nil
}

func conflictReason(e *ConflictError) cluster.ConditionReason {
	for _, c := range e.Conflicts {
		if c.Claim.Kind == cluster.ClaimRoute {
			return cluster.ReasonHostConflict
		}
	}
	return cluster.ReasonNameConflict
}

// removeEntry removes the project of a file that is gone.
func (k *look) removeEntry(ctx context.Context, e *entry) (wrote bool, err error) {
	request := k.write()
	request.Desired = &project.Project{Name: e.name}
	removal := Removal{Name: e.name, Source: k.source, Hold: &k.hold}
	out, err := k.applier.apply(ctx, request, func(state cluster.ProjectState) (Plan, error) {
		plan, err := NewRemoval(state, removal)
		if err != nil {
			return plan, err
		}
		return plan, plan.checkRemovals(e.removes)
	})
	switch {
	case errors.Is(err, cluster.ErrNotFound):
		return false, nil
	case err != nil:
		return false, k.refusedApply(ctx, e, err)
	}
	e.drifted = false
	k.noteWrite(e, out)
	return true, nil
}
