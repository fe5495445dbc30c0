package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"maelstrom/cluster"
	"maelstrom/cluster/rpc"
	"maelstrom/project"
)

type applyOptions struct {
	files       fileFlags
	out         outputFlags
	prune       string
	autoApprove bool
	dryRun      bool
	adopt       bool
	ifRevision  int64 // negative: any
	after       afterApply
	plan        string // a file that project diff has saved
	source      string // that the project is handed to
	approve     string // the hash of removals

	applied string // what is said afterwards, given project, file and revision
}

const anyRevision = -1

func newProjectApply(a *app) *cobra.Command {
	opt := applyOptions{applied: "Applied: %[1]s is at revision %[3]d.\n"}
	cmd := &cobra.Command{
		Use:   "apply",
		Short: "Make the cluster run what a file declares",
		Long: `Make the cluster run what a file declares. The project is changed as a whole or
not at all; applying the same file again changes nothing.

If something is removed, apply asks on a terminal, and elsewhere needs
--auto-approve. What is applied is what was shown: if something else has changed
the project in between, apply refuses with exit code 5.

With --wait each step of each instance is shown: on a terminal as a list that
stays up to date, elsewhere as a line for each step, on standard error. It ends
when every node works by the new revision, each new version is proven and has
taken over, and nothing in the project fails. A component that sleeps is started
once to prove a changed version, and sleeps on.

Exit code 8 if a version fails to roll out or to be released, which is said at
once, or if it takes longer than --timeout: the project is applied all the same,
and the versions before run on. Exit code 5 as soon as another revision has taken
the place of this one, with whose it is.

With --rollback-on-failure, which implies --wait, the project then goes back to
its last good revision, as 'project rollback' does: the newest one with the
versions that served last. Not so if somebody has changed it since, or if what
this apply has changed is in effect. The exit code stays 8.

With --plan exactly what 'project diff --save-plan' has shown is applied, without
a question. Exit code 5 if an object that the plan touches has changed since, or
if it was made for another cluster; other changes do not matter. A plan that was
applied before, and whose objects are still as it made them, changes nothing.

With --adopt a project that a source keeps is applied by hand from now on; with
--adopt --source NAME a project becomes that source's, which must declare it. With
--approve-prune no file is applied: the removals go that a source's brake holds,
exit code 5 if what it holds has changed.`,
		Example: `  maelctl project apply
  maelctl project apply -f shop.yml --overlay production --auto-approve
  maelctl project apply --dry-run
  maelctl project apply --wait --timeout 2m
  maelctl project apply --rollback-on-failure
  maelctl project apply --plan shop.plan`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if opt.ifRevision < 0 && cmd.Flags().Changed("if-revision") {
				return usagef("--if-revision %d is negative", opt.ifRevision)
			}
			if err := checkTimeout(opt.after.timeout); err != nil {
				return err
			}
			if opt.approve != "" {
				if err := checkApproveFlags(cmd); err != nil {
					return err
				}
				return a.approvePrune(cmd.Context(), opt.out, opt.approve)
			}
			if opt.source != "" && !opt.adopt {
				return usagef("--source hands the project to a source, which takes --adopt")
			}
			if opt.plan != "" {
				if err := checkPlanFlags(cmd); err != nil {
					return err
				}
				return a.applyPlan(cmd.Context(), opt.plan, opt)
			}
			return runApply(cmd.Context(), a, opt)
		},
	}
	opt.files.register(cmd)
	opt.out.register(cmd)
	registerPrune(cmd, &opt.prune)
	flags := cmd.Flags()
	flags.StringVar(&opt.plan, "plan", "", "apply exactly what this file holds, which project diff --save-plan has written")
	cobra.CheckErr(cmd.RegisterFlagCompletionFunc("plan", completeFiles))
	flags.BoolVar(&opt.autoApprove, "auto-approve", false, "remove without asking")
	flags.BoolVar(&opt.dryRun, "dry-run", false, "show what would change, and change nothing")
	flags.BoolVar(&opt.adopt, "adopt", false, "take over a project that a source owns, or hand it to --source")
	flags.StringVar(&opt.source, "source", "", "with --adopt: the source that keeps the project from now on")
	a.completeFlag(cmd, "source", sourceNames)
	flags.StringVar(&opt.approve, "approve-prune", "", "let the removals go that a source's brake holds, by the hash that it shows")
	flags.Int64Var(&opt.ifRevision, "if-revision", anyRevision, "only if the stored project is at this revision; 0: only if it is not stored")
	opt.after.register(cmd)
	flags.Lookup("if-revision").DefValue = "any"
	return cmd
}

func runApply(ctx context.Context, a *app, opt applyOptions) error {
	mode, err := pruneMode(opt.prune)
	if err != nil {
		return err
	}
	b, loaded, err := a.load(opt.files)
	if err != nil {
		return err
	}
	plan, err := a.plan(ctx, loaded, rpc.DiffRequest{ProjectFiles: b.files(), Prune: mode, Adopt: opt.adopt})
	if err != nil {
		return err
	}
	if opt.ifRevision >= 0 && opt.ifRevision != plan.Revision {
		return exitWith(exitConflict, fmt.Errorf("%s is at revision %d, not %d", plan.Project, plan.Revision, opt.ifRevision))
	}
	if opt.dryRun {
		return printChanges(a, opt.out, plan.Changes, plan)
	}
	if !opt.out.machine() {
		if err := a.writeChanges(a.stdout, plan.Changes); err != nil {
			return err
		}
	}
	if err := a.approve(ctx, opt, plan.Changes); err != nil {
		return err
	}
	answer, err := a.client().ApplyProject(ctx, a.applyRequest(opt, b, plan))
	if err != nil {
		return a.serverError(err)
	}
	return a.finishApply(ctx, opt, b.in.File, answer)
}

func (a *app) printApplied(opt applyOptions, file string, answer appliedDocument) error {
	if opt.out.machine() {
		return opt.out.print(a.stdout, document{value: answer})
	}
	if answer.Empty() {
		return nil // that was said
	}
	_, err := fmt.Fprintf(a.stdout, opt.applied, answer.Project, file, answer.Revision)
	return err
}

// applyRequest asks for what the plan has shown: it is tied to the versions
// that the plan has seen, and to its removals.
func (a *app) applyRequest(opt applyOptions, b *bundle, plan rpc.DiffAnswer) rpc.ApplyRequest {
	request := rpc.ApplyRequest{
		ProjectFiles: b.files(),
		Prune:        rpc.PruneNever,
		Adopt:        opt.adopt,
		Source:       opt.source,
		RequestID:    cluster.NewID(),
		IfVersions:   plan.Versions,
		Actor:        a.actor(),
	}
	if rpc.PruneMode(opt.prune) != rpc.PruneNever {
		request.Prune, request.ApprovedRemovals = rpc.PruneConfirm, removals(plan.Changes)
	}
	if opt.ifRevision >= 0 {
		request.IfRevision = &opt.ifRevision
	}
	return request
}

// removals are the full names of all that changes remove.
func removals(changes project.Changes) []string {
	var names []string
	for _, list := range [][]project.ObjectChange{changes.Components.Removed, changes.EventSources.Removed} {
		for _, object := range list {
			names = append(names, object.Name)
		}
	}
	return names
}

// approve asks before anything is removed.
func (a *app) approve(ctx context.Context, opt applyOptions, changes project.Changes) error {
	removed := changes.Summary.Removed
	if removed == 0 || opt.autoApprove && rpc.PruneMode(opt.prune) != rpc.PruneConfirm {
		return nil
	}
	if a.asks(opt.out) {
		return a.confirm(ctx, fmt.Sprintf("Remove %s?", plural(removed, "object")))
	}
	how := "confirm with --auto-approve"
	if opt.autoApprove {
		how = "--prune=confirm asks on a terminal, and there is none"
	}
	return exitWith(exitConflict, fmt.Errorf("%s would be removed: %s, or keep what the file no longer has with --prune=never", plural(removed, "object"), how))
}
