package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"maelstrom/cluster"
	"maelstrom/cluster/rpc"
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
		Use:               "rm NAME",
		Aliases:           []string{"remove"},
		Short:             "Remove a project with its components and event sources",
		Example:           "  maelctl project rm shop\n  maelctl project rm shop --yes --ignore-not-found",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeProjects,
		RunE: func(cmd *cobra.Command, args []string) error {
			opt.name = args[0]
			if err := opt.out.validate(); err != nil {
				return err
			}
			return runRemove(cmd.Context(), a, opt)
		},
	}
	opt.out.register(cmd)
	cmd.Flags().BoolVarP(&opt.yes, "yes", "y", false, "remove without asking")
	cmd.Flags().BoolVar(&opt.ignoreNotFound, "ignore-not-found", false, "a project that is not there is no error")
	return cmd
}

func runRemove(ctx context.Context, a *app, opt removeOptions) error {
	client, err := a.client()
	if err != nil {
		return err
	}
	request := rpc.RemoveProjectRequest{Name: opt.name, DryRun: true, Actor: a.actor()}
	plan, err := client.RemoveProject(ctx, request)
	if err != nil {
		return a.ignoreNotFound(opt, a.serverError(err))
	}
	if !opt.yes {
		if err := a.approveRemoval(opt, plan); err != nil {
			return err
		}
	}
	request.DryRun = false
	request.RequestID = cluster.NewID()
	request.IfRevision = &plan.Revision
	answer, err := client.RemoveProject(ctx, request)
	if err != nil {
		return a.ignoreNotFound(opt, a.serverError(err))
	}
	return printChanges(a, opt.out, answer.Changes, answer)
}

func (a *app) approveRemoval(opt removeOptions, plan rpc.ApplyAnswer) error {
	if !a.stdinTTY || opt.out.machine() {
		return exitWith(exitConflict, fmt.Errorf("%s would be removed with %s: confirm with --yes", opt.name, plural(plan.Summary.Removed, "object")))
	}
	if err := plan.Changes.Text(a.stdout, a.outStyle().on); err != nil {
		return err
	}
	return a.confirm(fmt.Sprintf("Remove the project %s?", opt.name))
}

func (a *app) ignoreNotFound(opt removeOptions, err error) error {
	var exit *exitError
	if opt.ignoreNotFound && errors.As(err, &exit) && exit.code == exitNotFound {
		return nil
	}
	return err
}
