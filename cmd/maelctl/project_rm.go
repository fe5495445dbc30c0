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
	ignoreNotFound bool
}

func newProjectRemove(a *app) *cobra.Command {
	var opt removeOptions
	cmd := &cobra.Command{
		Use:   "rm NAME",
		Short: "Remove a project with its components and event sources",
		Long: `Remove a project with its components and event sources, and stop its containers.
It shows what goes, and asks on a terminal; elsewhere it needs --yes.`,
		Aliases:           []string{"remove"},
		Example:           "  maelctl project rm shop\n  maelctl project rm shop --yes --ignore-not-found",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeOne(projectNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			opt.name = args[0]
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
	cmd.Flags().BoolVar(&opt.ignoreNotFound, "ignore-not-found", false, "a project that is not there is no error")
	return cmd
}

func runRemove(ctx context.Context, a *app, opt removeOptions) error {
	client := a.client()
	request := rpc.RemoveProjectRequest{Name: opt.name, DryRun: true, Actor: a.actor()}
	plan, err := client.RemoveProject(ctx, request)
	if err != nil {
		return a.serverError(err)
	}
	if !opt.out.machine() {
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
	_, err = fmt.Fprintf(a.stdout, "Removed: %s\n", answer.Project)
	return err
}

func (a *app) approveRemoval(ctx context.Context, opt removeOptions, plan rpc.ApplyAnswer) error {
	switch {
	case opt.yes:
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
