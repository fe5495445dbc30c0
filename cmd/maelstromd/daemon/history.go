package daemon

import (
	"context"
	"errors"
	"fmt"

	"maelstrom/cluster"
	"maelstrom/cluster/rpc"
	"maelstrom/project"
	"maelstrom/reconcile"
)

// applier plans and applies what is declared by hand.
func (d *Daemon) applier() reconcile.Applier {
	return reconcile.Applier{Store: d.declared, Zone: d.opt.CronZone, History: d.declared, Images: imageCheck{d}}
}

// histories let the API show what projects were, and go back to it.
type histories struct {
	*Daemon
	declaredStore
}

// Rollback implements rpc.History.
func (h *histories) Rollback(ctx context.Context, in rpc.Rollback) (rpc.RollbackAnswer, error) {
	applier := h.applier()
	back := applier.Rollback
	if in.DryRun {
		back = applier.DiffRollback
	}
	done, err := back(ctx, reconcile.Rollback{
		Project: in.Name, To: in.To, SourceRevision: in.SourceRevision, LastGood: in.LastGood, Pin: in.Pin, Force: in.Force,
		IfRevision: in.IfRevision, Reason: in.Reason, Actor: in.Actor, RequestID: in.RequestID,
	})
	if errors.Is(err, reconcile.ErrNoImage) {
		err = fmt.Errorf("%w: --force goes back all the same", err)
	}
	return rpc.RollbackAnswer{
		ApplyAnswer: answer(done.Outcome), To: done.To, Source: done.Source,
		Pinned: done.Control.Control.Pinned, Skipped: done.Control.Control.Skipped,
	}, err
}

// RestoreClaims implements rpc.History.
func (h *histories) RestoreClaims(ctx context.Context, claims []cluster.Claim) (cluster.ClaimsRestored, error) {
	done, err := h.gate.enter()
	if err != nil {
		return cluster.ClaimsRestored{}, err
	}
	defer done()
	return h.declaredStore.RestoreClaims(ctx, claims)
}

// diffRemoval tells what a removal takes away: nothing, if the project is only
// to be detached.
func (d declarations) diffRemoval(ctx context.Context, removal reconcile.Removal, detach bool) (reconcile.Plan, error) {
	removal.TakeOver = removal.TakeOver || detach
	plan, err := d.applier.DiffRemoval(ctx, removal)
	if detach && err == nil {
		plan.Changes = project.Diff(&project.Project{Name: removal.Name}, nil, nil)
	}
	return plan, err
}

// managed tells how to remove what a source owns.
func managed(err error) error {
	if errors.Is(err, reconcile.ErrManaged) {
		return fmt.Errorf("%w: --detach lets it run and makes it yours, --suspend removes it and keeps the source from storing it again", err)
	}
	return err
}
