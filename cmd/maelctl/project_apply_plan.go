package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"maelstrom/cluster/rpc"
	"maelstrom/project"
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
	answer := rpc.ApplyAnswer{Changes: plan.Changes, Revision: plan.Revision, RequestID: plan.Request.RequestID}
	if !plan.Changes.Empty() { // a plan without changes touches nothing, whatever has moved
		if answer, err = a.client().ApplyProject(ctx, plan.Request); err != nil {
			return a.staleError(err)
		}
	}
	if answer.Replayed {
		if err := a.checkStill(ctx, plan); err != nil {
			return err
		}
	}
	if !opt.out.machine() {
		if err := a.writePlanned(plan, answer); err != nil {
			return err
		}
	}
	return a.finishApply(ctx, opt, path, answer)
}

// writePlanned shows what an apply of a plan has changed, which may have been
// done before.
func (a *app) writePlanned(plan savedPlan, answer rpc.ApplyAnswer) error {
	if !answer.Replayed {
		return a.writeChanges(a.stdout, plan.Changes)
	}
	_, err := fmt.Fprintf(a.stdout, "%s: this plan was applied before as revision %d, and nothing that it changes has moved since.\n", plan.Changes.Project, answer.Revision)
	return err
}

// checkStill refuses a plan that was applied before, and whose objects are not
// what it has made of them any more.
func (a *app) checkStill(ctx context.Context, plan savedPlan) error {
	now, err := a.client().DiffProject(ctx, rpc.DiffRequest{ProjectFiles: plan.Request.ProjectFiles, Prune: rpc.PruneAuto, Adopt: true})
	if err != nil {
		return a.serverError(err)
	}
	made := objectsOf(plan.Changes)
	moved := slices.DeleteFunc(objectsOf(now.Changes), func(name string) bool { return !slices.Contains(made, name) })
	if len(moved) == 0 {
		return nil
	}
	return exitWith(exitConflict, fmt.Errorf("this plan was applied before, and %s changed since: save a new plan with `maelctl project diff --save-plan`", strings.Join(moved, ", ")))
}

// objectsOf names all that changes are about.
func objectsOf(changes project.Changes) []string {
	var names []string
	for kind, objects := range map[string]project.ObjectChanges{"component ": changes.Components, "event source ": changes.EventSources} {
		for _, list := range [][]project.ObjectChange{objects.Added, objects.Updated, objects.Removed} {
			for _, object := range list {
				names = append(names, kind+object.Name)
			}
		}
	}
	slices.Sort(names)
	return names
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
