package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"

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
}

func newProjectApply(a *app) *cobra.Command {
	var opt applyOptions
	cmd := &cobra.Command{
		Use:   "apply",
		Short: "Make the cluster run what a file declares",
		Long: `Make the cluster run what a file declares. The project is changed as a whole or
not at all; applying the same file again changes nothing.

If something is removed, apply asks on a terminal, and elsewhere needs
--auto-approve.`,
		Example: `  maelctl project apply
  maelctl project apply -f shop.yml --overlay production --auto-approve
  maelctl project apply --dry-run`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := opt.out.validate(); err != nil {
				return err
			}
			return runApply(cmd.Context(), a, opt)
		},
	}
	opt.files.register(cmd)
	opt.out.register(cmd)
	registerPrune(cmd, &opt.prune)
	flags := cmd.Flags()
	flags.BoolVar(&opt.autoApprove, "auto-approve", false, "remove without asking")
	flags.BoolVar(&opt.dryRun, "dry-run", false, "show what would change, and change nothing")
	flags.BoolVar(&opt.adopt, "adopt", false, "take over a project that a source owns")
	flags.Int64Var(&opt.ifRevision, "if-revision", -1, "only if the stored project is at this revision; 0: only if it is not stored")
	return cmd
}

func newProjectPut(a *app) *cobra.Command {
	opt := applyOptions{prune: string(rpc.PruneAuto), autoApprove: true, ifRevision: -1}
	opt.files.allowUnset = true
	opt.files.workingDir = true
	cmd := &cobra.Command{
		Use:   "put",
		Short: "Apply without questions (the original's verb)",
		Long: `Apply a file without questions: 'project apply --prune=auto --auto-approve
--allow-unset', as the original's verb did. With --diffonly it is
'project diff --allow-unset'.`,
		Example: `  maelctl project put --file maelstrom.yml --env prod.env
  maelctl project put --diffonly`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := opt.out.validate(); err != nil {
				return err
			}
			return runApply(cmd.Context(), a, opt)
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&opt.files.file, "file", "f", "", "project file (default: maelstrom.yml or maelstrom.yaml here)")
	flags.StringArrayVar(&opt.files.env, "env", nil, "dotenv file whose variables count before the shell's (repeatable)")
	flags.StringVar(&opt.files.overlay, "overlay", "", "merge maelstrom.NAME.yml beside the file")
	flags.BoolVar(&opt.dryRun, "diffonly", false, "show what would change, and change nothing")
	opt.out.register(cmd)
	return cmd
}

func runApply(ctx context.Context, a *app, opt applyOptions) error {
	mode, err := pruneMode(opt.prune)
	if err != nil {
		return err
	}
	b, _, err := a.load(opt.files)
	if err != nil {
		return err
	}
	plan, err := a.plan(ctx, rpc.DiffRequest{ProjectFiles: b.files(), Prune: mode, Adopt: opt.adopt})
	if err != nil {
		return err
	}
	if opt.dryRun || plan.Changes.Empty() {
		return printChanges(a, opt.out, plan.Changes, plan)
	}
	if !opt.out.machine() {
		if err := plan.Changes.Text(a.stdout, a.outStyle().on); err != nil {
			return err
		}
	}
	if err := a.approve(opt, plan.Changes); err != nil {
		return err
	}
	client, err := a.client()
	if err != nil {
		return err
	}
	answer, err := client.ApplyProject(ctx, a.applyRequest(opt, b, plan))
	if err != nil {
		return a.serverError(err)
	}
	if opt.out.machine() {
		return opt.out.print(a.stdout, document{value: answer})
	}
	_, err = fmt.Fprintf(a.stdout, "%s %s is at revision %d.\n", a.outStyle().green("Applied:"), answer.Project, answer.Revision)
	return err
}

// applyRequest asks for what the plan has shown: it is tied to the versions
// that the plan has seen.
func (a *app) applyRequest(opt applyOptions, b *bundle, plan rpc.DiffAnswer) rpc.ApplyRequest {
	request := rpc.ApplyRequest{
		ProjectFiles: b.files(),
		Prune:        rpc.PruneMode(opt.prune),
		Adopt:        opt.adopt,
		RequestID:    cluster.NewID(),
		IfVersions:   plan.Versions,
		Actor:        a.actor(),
	}
	if request.Prune == rpc.PruneConfirm {
		request.ApprovedRemovals = removals(plan.Changes)
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
func (a *app) approve(opt applyOptions, changes project.Changes) error {
	removed := changes.Summary.Removed
	if removed == 0 || opt.autoApprove && rpc.PruneMode(opt.prune) != rpc.PruneConfirm {
		return nil
	}
	if !a.stdinTTY || opt.out.machine() {
		return exitWith(exitConflict, fmt.Errorf("%s would be removed: confirm with --auto-approve, or keep what the file no longer has with --prune=never", plural(removed, "object")))
	}
	return a.confirm(fmt.Sprintf("Remove %s?", plural(removed, "object")))
}

var errDeclined = errors.New("nothing was changed")

// confirm asks a question on the terminal; anything but yes is no.
func (a *app) confirm(question string) error {
	fmt.Fprintf(a.stderr, "%s Only 'yes' continues: ", question)
	answer, _ := bufio.NewReader(a.stdin).ReadString('\n')
	if strings.TrimSpace(answer) != "yes" {
		return exitWith(exitConflict, errDeclined)
	}
	return nil
}
