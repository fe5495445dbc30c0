package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"maelstrom/cluster/rpc"
	"maelstrom/project"
)

// formatMarkdown is the format that only `project diff` has.
const formatMarkdown = "md"

type diffOptions struct {
	files        fileFlags
	out          outputFlags
	prune        string
	detailedExit bool
	savePlan     string
	refs         refOptions
}

func newProjectDiff(a *app) *cobra.Command {
	var opt diffOptions
	cmd := &cobra.Command{
		Use:   "diff",
		Short: "Show what an apply would change, and what that means for what runs",
		Long: `Show what an apply would change: each field with its old and new value, where it
is written, and whether containers are replaced. Nothing is changed.

With --save-plan it is kept in a file for 'project apply --plan', which applies
just that. The file holds the values of variables: it is readable by its owner
alone.

With --base, and --head if it is not HEAD, two revisions of the git repository
here are compared with each other, without a daemon: every project in it, or one
file (-f) or directory (-r). Names and routes that projects of --head claim from
each other are told, and files that are not valid, which is exit code 3.

Exit code 0, also with changes; with --detailed-exitcode 2 if there are any.`,
		Example: `  maelctl project diff
  maelctl project diff -f shop.yml --output md
  maelctl project diff --save-plan shop.plan
  maelctl project diff --base origin/main --head HEAD --output md
  maelctl project diff --detailed-exitcode && echo "nothing to do"`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := opt.checkRefs(cmd); err != nil {
				return err
			}
			if opt.refs.base != "" {
				return runDiffRefs(a, opt)
			}
			return runDiff(cmd.Context(), a, opt)
		},
	}
	opt.files.register(cmd)
	opt.out.register(cmd, formatMarkdown)
	opt.out.registerFormat(cmd)
	cmd.Flags().BoolVar(&opt.detailedExit, "detailed-exitcode", false, "exit with 2 if there are changes")
	cmd.Flags().StringVar(&opt.savePlan, "save-plan", "", "write what an apply would do to this file")
	cobra.CheckErr(cmd.RegisterFlagCompletionFunc("save-plan", completeFiles))
	registerPrune(cmd, &opt.prune)
	opt.refs.register(cmd)
	return cmd
}

func registerPrune(cmd *cobra.Command, prune *string) {
	cmd.Flags().StringVar(prune, "prune", string(rpc.PruneAuto), "what the file no longer has: auto removes it, never keeps it, confirm asks whatever --auto-approve says")
	modes := []string{string(rpc.PruneAuto), string(rpc.PruneNever), string(rpc.PruneConfirm)}
	cobra.CheckErr(cmd.RegisterFlagCompletionFunc("prune", cobra.FixedCompletions(modes, cobra.ShellCompDirectiveNoFileComp)))
}

func pruneMode(text string) (rpc.PruneMode, error) {
	switch mode := rpc.PruneMode(text); mode {
	case rpc.PruneAuto, rpc.PruneNever, rpc.PruneConfirm:
		return mode, nil
	}
	return "", usagef("--prune %q is not one of auto, never, confirm", text)
}

func runDiff(ctx context.Context, a *app, opt diffOptions) error {
	mode, err := pruneMode(opt.prune)
	if err != nil {
		return err
	}
	b, loaded, err := a.load(opt.files)
	if err != nil {
		return err
	}
	answer, err := a.plan(ctx, loaded, rpc.DiffRequest{ProjectFiles: b.files(), Prune: mode})
	if err != nil {
		return err
	}
	if opt.savePlan != "" {
		if err := a.savePlan(ctx, opt.savePlan, applyOptions{prune: opt.prune, ifRevision: anyRevision}, b, answer); err != nil {
			return err
		}
	}
	if err := printChanges(a, opt.out, answer.Changes, answer); err != nil {
		return err
	}
	if opt.detailedExit && !answer.Changes.Empty() {
		return errReported(exitChanges)
	}
	return nil
}

// plan asks the daemon what an apply would do, and shows the warnings that
// only the daemon has.
func (a *app) plan(ctx context.Context, loaded project.Loaded, request rpc.DiffRequest) (rpc.DiffAnswer, error) {
	answer, err := a.client().DiffProject(ctx, request)
	printProblems(a.stderr, a.errStyle(), without(answer.Warnings, loaded.Problems))
	return answer, a.serverError(err)
}

// printChanges prints changes as the output flags say; value is the whole
// document for programs.
func printChanges(a *app, out outputFlags, changes project.Changes, value any) error {
	if out.format == formatMarkdown {
		return changes.Markdown(a.stdout)
	}
	return out.print(a.stdout, document{value: value, text: func(w io.Writer) error {
		return a.writeChanges(w, changes)
	}})
}

func (a *app) writeChanges(w io.Writer, changes project.Changes) error {
	if changes.Empty() {
		_, err := fmt.Fprintf(w, "%s: nothing to change.\n", changes.Project)
		for _, note := range changes.Notes {
			if err == nil {
				_, err = fmt.Fprintf(w, "Note: %s\n", note)
			}
		}
		return err
	}
	return changes.Text(w, a.outStyle().on)
}
