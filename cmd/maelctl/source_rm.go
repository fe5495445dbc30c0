package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"maelstrom/cluster/rpc"
)

type sourceRemoval struct {
	out     outputFlags
	request rpc.RemoveSourceRequest
	yes     bool
}

func newSourceRemove(a *app) *cobra.Command {
	var opt sourceRemoval
	cmd := &cobra.Command{
		Use:     "rm NAME",
		Aliases: []string{"remove"},
		Short:   "Remove a source; its projects stay, or go with it",
		Long: `Remove a source. If it has projects, say what becomes of them: with --detach they
go on as if they were applied by hand, with --cascade they are removed too, with
all that is in them. What a file declares is removed where the file is; --force
removes it all the same, and is for what is left of a sources file that no node
has any more.

It asks on a terminal; elsewhere it needs --yes. Exit code 7 if some projects
could not be removed: they go on as if applied by hand.`,
		Example:           "  maelctl source rm shop --detach\n  maelctl source rm shop --cascade --yes",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeOne(sourceNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			opt.request.Name, opt.request.Actor = args[0], a.actor()
			if opt.request.Detach && opt.request.Cascade {
				return usagef("--detach and --cascade exclude each other")
			}
			return runSourceRemove(cmd.Context(), a, opt)
		},
	}
	opt.out.register(cmd)
	flags := cmd.Flags()
	flags.BoolVar(&opt.request.Detach, "detach", false, "keep its projects, as if they were applied by hand")
	flags.BoolVar(&opt.request.Cascade, "cascade", false, "remove its projects too")
	flags.BoolVar(&opt.request.Force, "force", false, "remove what a sources file declares, too; it comes back if some node still has that file")
	flags.BoolVarP(&opt.yes, "yes", "y", false, "remove without asking")
	return cmd
}

func runSourceRemove(ctx context.Context, a *app, opt sourceRemoval) error {
	client := a.client()
	preview := opt.request
	preview.DryRun = true
	plan, err := client.RemoveSource(ctx, preview)
	if err != nil {
		return a.serverError(err)
	}
	request := opt.request
	request.IfVersion = plan.Version
	if len(plan.Projects) == 0 || request.Detach || request.Cascade { // else the daemon says what is missing
		if err := a.approveSourceRemoval(ctx, opt, plan); err != nil {
			return err
		}
	}
	answer, err := client.RemoveSource(ctx, request)
	if err != nil {
		return a.serverError(err)
	}
	err = opt.out.print(a.stdout, document{value: answer, text: func(w io.Writer) error {
		for _, name := range answer.Removed {
			fmt.Fprintf(w, "Removed: project %s\n", name)
		}
		_, err := fmt.Fprintf(w, "Removed: source %s\n", answer.Name)
		return err
	}})
	if err != nil || len(answer.Failed) == 0 {
		return err
	}
	for _, failed := range answer.Failed {
		a.warn("project %s was not removed: %s", failed.Project, failed.Message)
	}
	return errReported(exitPartial)
}

func (a *app) approveSourceRemoval(ctx context.Context, opt sourceRemoval, plan rpc.RemoveSourceAnswer) error {
	what := "the source " + plan.Name
	if opt.request.Cascade && len(plan.Projects) > 0 {
		what += fmt.Sprintf(" and %s (%s)", plural(len(plan.Projects), "project"), strings.Join(plan.Projects, ", "))
	}
	switch {
	case opt.yes:
		return nil
	case a.asks(opt.out):
		return a.confirm(ctx, "Remove "+what+"?")
	}
	return exitWith(exitConflict, fmt.Errorf("%s would be removed: confirm with --yes", what))
}
