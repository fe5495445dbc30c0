package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"maelstrom/cluster"
	"maelstrom/cluster/rpc"
	"maelstrom/project"
)

type removeOptions struct {
	out            outputFlags
	name           string
	yes            bool
	cascade        bool
	detach         bool
	suspend        bool
	reason         string
	ignoreNotFound bool
}

func newProjectRemove(a *app) *cobra.Command {
	var opt removeOptions
	cmd := &cobra.Command{
		Use:   "rm NAME",
		Short: "Remove a project with its components and event sources",
		Long: `Remove a project with its components and event sources, and stop its containers.
It shows what goes, and asks on a terminal; elsewhere it needs --yes. With
--cascade=false only a project that holds nothing any more is removed.

A project that a source owns is refused, with exit code 5, unless with one of:

  --detach   nothing is removed: the project runs on and is applied by hand from
             now on. Its source never takes it back by itself; it reports the
             file as NotOwner until that is gone, or until you hand the project
             over with maelctl project apply --adopt --source NAME.
  --suspend  the project is removed, and its source does not store it again
             until maelctl project resume.`,
		Aliases:           []string{"remove"},
		Example:           "  maelctl project rm shop\n  maelctl project rm shop --yes --ignore-not-found\n  maelctl project rm shop --detach\n  maelctl project rm shop --suspend --reason 'costs too much' --yes",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeOne(projectNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			opt.name = args[0]
			if opt.detach && opt.suspend {
				return usagef("--detach lets the project run, --suspend removes it: use one of them")
			}
			err := runRemove(cmd.Context(), a, opt)
			var exit *exitError
			if opt.ignoreNotFound && errors.As(err, &exit) && exit.code == exitNotFound {
				return printAbsent(a, opt)
			}
			return err
		},
	}
	opt.out.register(cmd)
	cmd.Flags().BoolVarP(&opt.yes, "yes", "y", false, "remove without asking")
	cmd.Flags().BoolVar(&opt.cascade, "cascade", true, "remove what is in the project too")
	cmd.Flags().BoolVar(&opt.detach, "detach", false, "remove nothing: let the project run on, applied by hand instead of by its source")
	cmd.Flags().BoolVar(&opt.suspend, "suspend", false, "keep its source from storing it again")
	cmd.Flags().StringVar(&opt.reason, "reason", "", "why, for the history")
	cmd.Flags().BoolVar(&opt.ignoreNotFound, "ignore-not-found", false, "a project that is not there is no error")
	return cmd
}

func runRemove(ctx context.Context, a *app, opt removeOptions) error {
	client := a.client()
	request := rpc.RemoveProjectRequest{
		Name: opt.name, DryRun: true, Actor: a.actor(), Detach: opt.detach, Suspend: opt.suspend, Reason: opt.reason,
	}
	plan, err := client.RemoveProject(ctx, request)
	if err != nil {
		return a.serverError(err)
	}
	if !opt.cascade && plan.Summary.Removed > 0 {
		return exitWith(exitConflict, fmt.Errorf("%s holds %s: leave out --cascade=false to remove them too", opt.name, plural(plan.Summary.Removed, "object")))
	}
	if !opt.out.machine() && !opt.detach {
		if err := a.writeChanges(a.stdout, plan.Changes); err != nil {
			return err
		}
	}
	if err := a.approveRemoval(ctx, opt, plan); err != nil {
		return err
	}
	request.DryRun = false
	request.RequestID = cluster.NewID()
	request.IfRevision = &plan.Revision
	answer, err := client.RemoveProject(ctx, request)
	if err != nil {
		return a.serverError(err)
	}
	if opt.out.machine() {
		return opt.out.print(a.stdout, document{value: answer})
	}
	done := "Removed: %[1]s\n"
	switch {
	case opt.detach:
		done = "Detached: %[1]s runs on at revision %[2]d and is applied by hand from now on.\n"
	case opt.suspend:
		done = "Removed: %[1]s. Its source does not store it again until `maelctl project resume %[1]s`.\n"
	}
	_, err = fmt.Fprintf(a.stdout, done, answer.Project, answer.Revision)
	return err
}

func (a *app) approveRemoval(ctx context.Context, opt removeOptions, plan rpc.ApplyAnswer) error {
	switch {
	case opt.yes, opt.detach: // which removes nothing
		return nil
	case a.asks(opt.out):
		return a.confirm(ctx, fmt.Sprintf("Remove the project %s?", opt.name))
	}
	return exitWith(exitConflict, fmt.Errorf("%s would be removed with %s: confirm with --yes", opt.name, plural(plan.Summary.Removed, "object")))
}

// printAbsent says of a project that is not there that nothing was removed.
func printAbsent(a *app, opt removeOptions) error {
	none := project.Diff(&project.Project{Name: opt.name}, nil, nil)
	answer := rpc.ApplyAnswer{Changes: none, Warnings: []project.Problem{}}
	return printChanges(a, opt.out, none, answer)
}
