package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"maelstrom/cluster/rpc"
)

// planExcludes are the flags whose meaning a saved plan has settled.
var planExcludes = []string{
	"file", "overlay", "env", "allow-unset", "prune", "if-revision", "adopt", "dry-run", "approve-prune", "source",
}

// checkPlanFlags refuses flags that a saved plan leaves no room for.
func checkPlanFlags(cmd *cobra.Command) error {
	for _, name := range planExcludes {
		if cmd.Flags().Changed(name) {
			return usagef("--%s can't be changed with --plan: the plan has settled it", name)
		}
	}
	return nil
}

// savePlan keeps what an apply of this plan would send.
func (a *app) savePlan(ctx context.Context, path string, opt applyOptions, b *bundle, plan rpc.DiffAnswer) error {
	daemon, err := a.client().Version(ctx)
	if err != nil {
		return a.serverError(err)
	}
	request := a.applyRequest(opt, b, plan)
	request.Only = true
	return writePlan(path, savedPlan{
		ClusterID: daemon.ClusterID,
		CreatedAt: time.Now().UTC().Truncate(time.Second),
		Revision:  plan.Revision,
		Changes:   plan.Changes,
		Request:   request,
	})
}

// applyPlan applies a saved plan: nothing but it, and without a question.
func (a *app) applyPlan(ctx context.Context, path string, opt applyOptions) error {
	plan, err := readPlan(path)
	if err != nil {
		return err
	}
	daemon, err := a.client().Version(ctx)
	if err != nil {
		return a.serverError(err)
	}
	if daemon.ClusterID != plan.ClusterID {
		return exitWith(exitConflict, fmt.Errorf("the plan was made for cluster %s, and %s is cluster %s", plan.ClusterID, a.client().URL(), daemon.ClusterID))
	}
	if !opt.out.machine() {
		if err := a.writeChanges(a.stdout, plan.Changes); err != nil {
			return err
		}
	}
	answer := rpc.ApplyAnswer{Changes: plan.Changes, Revision: plan.Revision, RequestID: plan.Request.RequestID}
	if !plan.Changes.Empty() { // a plan without changes touches nothing, whatever has moved
		if answer, err = a.client().ApplyProject(ctx, plan.Request); err != nil {
			return a.staleError(err)
		}
	}
	if err := a.printApplied(opt, path, answer); err != nil || !opt.wait {
		return err
	}
	return a.awaitRollOut(ctx, answer, opt.timeout)
}

// staleError says what to do about a plan that time has overtaken.
func (a *app) staleError(err error) error {
	err = a.serverError(err)
	var exit *exitError
	if errors.As(err, &exit) && exit.code == exitConflict {
		return exitWith(exitConflict, fmt.Errorf("%w: save a new plan with `maelctl project diff --save-plan`", err))
	}
	return err
}
