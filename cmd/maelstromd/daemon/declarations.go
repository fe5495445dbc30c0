package daemon

import (
	"context"
	"errors"
	"fmt"

	"maelstrom/cluster/rpc"
	"maelstrom/project"
	"maelstrom/reconcile"
)

// declarations lets the API plan and apply what is declared by hand.
type declarations struct {
	applier reconcile.Applier
	known   reconcile.Applier // plans by the snapshot, while the database is away
	away    func() *rpc.Away
}

func (d *Daemon) declarations() declarations {
	known := d.applier()
	known.Store = snapshotStore{d.declared, d.feed}
	return declarations{applier: d.applier(), known: known, away: d.away}
}

// Diff implements rpc.Declarations.
func (d declarations) Diff(ctx context.Context, in rpc.Declaration) (rpc.DiffAnswer, error) {
	applier := d.applier
	if d.away() != nil {
		applier = d.known
	}
	plan, err := applier.Diff(ctx, request(in))
	if err != nil {
		return rpc.DiffAnswer{}, err
	}
	return rpc.DiffAnswer{
		Changes:  plan.Changes,
		Revision: plan.Revision,
		Versions: rpc.Versions(plan.Versions),
		Warnings: orEmpty(plan.Warnings),
	}, nil
}

// Apply implements rpc.Declarations.
func (d declarations) Apply(ctx context.Context, in rpc.Declaration) (rpc.ApplyAnswer, error) {
	outcome, err := d.applier.Apply(ctx, request(in))
	if errors.Is(err, reconcile.ErrManaged) {
		err = fmt.Errorf("%w: push the change to the source, or take the project over with --adopt", err)
	}
	return answer(outcome), err
}

// Remove implements rpc.Declarations.
func (d declarations) Remove(ctx context.Context, in rpc.Removal) (rpc.ApplyAnswer, error) {
	removal := reconcile.Removal{
		Name: in.Name, IfRevision: in.IfRevision, TakeOver: in.DryRun && in.Suspend,
		Actor: in.Actor, Reason: in.Reason, RequestID: in.RequestID,
	}
	if in.DryRun {
		plan, err := d.diffRemoval(ctx, removal, in.Detach)
		return answer(reconcile.Outcome{Plan: plan, Revision: plan.Revision}), managed(err)
	}
	remove := d.applier.Remove
	switch {
	case in.Detach:
		remove = d.applier.Detach
	case in.Suspend:
		remove = d.applier.RemoveSuspended
	}
	outcome, err := remove(ctx, removal)
	return answer(outcome), managed(err)
}

func request(in rpc.Declaration) reconcile.Request {
	req := reconcile.Request{
		Project:        in.Project,
		Where:          in.Positions,
		Prune:          in.Prune != rpc.PruneNever,
		IfRevision:     in.IfRevision,
		IfVersions:     reconcile.Versions(in.IfVersions),
		Only:           in.Only,
		Source:         in.Source,
		SourceRevision: in.SourceRevision,
		TakeOver:       in.Adopt,
		Actor:          in.Actor,
		RequestID:      in.RequestID,
	}
	if in.Prune == rpc.PruneConfirm {
		// Not nil even if nothing is approved: anything else that would go is refused.
		req.ApprovedRemovals = append([]string{}, in.ApprovedRemovals...)
	}
	return req
}

func answer(outcome reconcile.Outcome) rpc.ApplyAnswer {
	return rpc.ApplyAnswer{
		Changes:      outcome.Changes,
		Revision:     outcome.Revision,
		ChangeNumber: outcome.ChangeNumber,
		Replayed:     outcome.Replayed,
		Warnings:     orEmpty(outcome.Warnings),
	}
}

// orEmpty makes a list that is there in JSON even if there is nothing in it.
func orEmpty(problems []project.Problem) []project.Problem {
	if problems == nil {
		return []project.Problem{}
	}
	return problems
}
