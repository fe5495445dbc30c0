package main

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"maelstrom/cluster"
	"maelstrom/cluster/rpc"
)

type rollbackOptions struct {
	out         outputFlags
	to          string
	pin         bool
	force       bool
	dryRun      bool
	autoApprove bool
	reason      string
}

func newProjectRollback(a *app) *cobra.Command {
	var opt rollbackOptions
	cmd := &cobra.Command{
		Use:   "rollback NAME",
		Short: "Make a project what it was at an earlier revision",
		Long: `Make a project what it was at an earlier revision: the one that --to names by its
number or by the beginning of the commit it came from, else the one before the
present content. That content becomes a new revision, so a rollback can be rolled
back as well. It shows what will change, and asks on a terminal; elsewhere it
needs --auto-approve.

A project that a source owns stays the source's. The source leaves it alone until
it declares something else for it than it does now: the next commit that touches
the project goes live by itself. With --pin it stays until maelctl project resume.

The rollback refuses, with exit code 5, if an image is neither on this machine
nor at its registry any more; --force goes back all the same.`,
		Example: `  maelctl project rollback shop
  maelctl project rollback shop --to 12 --reason 'checkout fails'
  maelctl project rollback shop --to 4f2a9c1 --pin --auto-approve
  maelctl project rollback shop --dry-run`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeOne(projectNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runRollback(cmd.Context(), a, opt, args[0])
		},
	}
	opt.out.register(cmd)
	flags := cmd.Flags()
	flags.StringVar(&opt.to, "to", "", "revision to go back to: its number, or the beginning of its commit")
	cobra.CheckErr(cmd.RegisterFlagCompletionFunc("to", a.completeRevision))
	flags.BoolVar(&opt.pin, "pin", false, "stay there until maelctl project resume")
	flags.BoolVar(&opt.force, "force", false, "go back even to an image that can't be had any more")
	flags.BoolVar(&opt.dryRun, "dry-run", false, "show what would change, and change nothing")
	flags.BoolVar(&opt.autoApprove, "auto-approve", false, "go back without asking")
	flags.StringVar(&opt.reason, "reason", "", "why, for the history")
	return cmd
}

func runRollback(ctx context.Context, a *app, opt rollbackOptions, name string) error {
	request := rpc.RollbackRequest{
		Name: name, Pin: opt.pin, Force: opt.force, Reason: opt.reason, Actor: a.actor(), DryRun: true,
	}
	if err := parseTo(opt.to, &request); err != nil {
		return err
	}
	client := a.client()
	plan, err := client.Rollback(ctx, request)
	if err != nil {
		return a.serverError(err)
	}
	if opt.dryRun {
		return printChanges(a, opt.out, plan.Changes, plan)
	}
	if !opt.out.machine() {
		if err := a.writeChanges(a.stdout, plan.Changes); err != nil {
			return err
		}
	}
	if err := a.approveRollback(ctx, opt, plan); err != nil {
		return err
	}
	request.DryRun, request.RequestID, request.IfRevision = false, cluster.NewID(), &plan.Revision
	request.To, request.SourceRevision = plan.To.Number, ""
	answer, err := client.Rollback(ctx, request)
	if err != nil {
		return a.serverError(err)
	}
	if opt.out.machine() {
		return opt.out.print(a.stdout, document{value: answer})
	}
	return a.printRolledBack(answer)
}

var commitPrefix = regexp.MustCompile(`^[0-9A-Fa-f]{4,64}$`)

// parseTo reads --to. What has no more than six digits is a revision's number.
func parseTo(to string, request *rpc.RollbackRequest) error {
	const digits = 6
	number, err := strconv.ParseInt(to, 10, 64)
	switch {
	case to == "":
	case err == nil && len(to) <= digits && number > 0:
		request.To = number
	case commitPrefix.MatchString(to):
		request.SourceRevision = to
	default:
		return usagef("--to %q is neither the number of a revision nor the beginning of a commit", to)
	}
	return nil
}

func (a *app) approveRollback(ctx context.Context, opt rollbackOptions, plan rpc.RollbackAnswer) error {
	switch {
	case opt.autoApprove, plan.Empty() && plan.Source == "":
		return nil
	case a.asks(opt.out):
		return a.confirm(ctx, fmt.Sprintf("Go back to revision %d?", plan.To.Number))
	}
	return exitWith(exitConflict, fmt.Errorf("%s would go back to revision %d: confirm with --auto-approve", plan.Project, plan.To.Number))
}

func (a *app) printRolledBack(answer rpc.RollbackAnswer) error {
	if answer.Empty() && answer.Source == "" {
		return nil // that was said
	}
	fmt.Fprintf(a.stdout, "Rolled back: %s is at revision %d, with the content of revision %d.\n", answer.Project, answer.Revision, answer.To.Number)
	switch {
	case answer.Pinned != nil:
		fmt.Fprintf(a.stdout, "It stays there until `maelctl project resume %s`.\n", answer.Project)
	case answer.Skipped != nil:
		fmt.Fprintf(a.stdout, "Source %s goes on when it declares something else for it than at %s.\n", answer.Source, orDash(short(answer.Skipped.SourceRevision)))
	}
	return nil
}

// completeRevision completes the number of a revision that there is content
// of, with what it is.
func (a *app) completeRevision(cmd *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), completeTimeout)
	defer cancel()
	answer, err := a.client().History(ctx, rpc.HistoryRequest{Name: args[0], Limit: completeRevisions})
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	var found []string
	for _, r := range answer.Revisions {
		number := strconv.FormatInt(r.Number, 10)
		if r.Digest != "" && strings.HasPrefix(number, prefix) {
			found = append(found, cobra.CompletionWithDesc(number, strings.Join(strings.Fields(commitText(r)+" "+what(r)), " ")))
		}
	}
	return found, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
}

// completeRevisions is how many revisions are offered.
const completeRevisions = 20
