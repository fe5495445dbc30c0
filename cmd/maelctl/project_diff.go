package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"maelstrom/cluster/rpc"
	"maelstrom/project"
)

type diffOptions struct {
	files        fileFlags
	out          outputFlags
	prune        string
	detailedExit bool
}

func newProjectDiff(a *app) *cobra.Command {
	var opt diffOptions
	cmd := &cobra.Command{
		Use:   "diff",
		Short: "Show what an apply would change, and what that means for what runs",
		Long: `Show what an apply would change: each field with its old and new value, where it
is written, and whether containers are replaced. Nothing is changed.

Exit code 0, also with changes; with --detailed-exitcode 2 if there are any.`,
		Example: `  maelctl project diff
  maelctl project diff -f shop.yml --output md
  maelctl project diff --detailed-exitcode && echo "nothing to do"`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := opt.out.validate(); err != nil {
				return err
			}
			return runDiff(cmd.Context(), a, opt)
		},
	}
	opt.files.register(cmd)
	opt.out.register(cmd, "md")
	cmd.Flags().StringVar(&opt.out.format, "format", "text", "")
	cobra.CheckErr(cmd.Flags().MarkHidden("format"))
	cmd.Flags().BoolVar(&opt.detailedExit, "detailed-exitcode", false, "exit with 2 if there are changes")
	registerPrune(cmd, &opt.prune)
	return cmd
}

func registerPrune(cmd *cobra.Command, prune *string) {
	cmd.Flags().StringVar(prune, "prune", string(rpc.PruneAuto), "components that the file no longer has: auto removes them, never keeps them, confirm refuses")
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
	b, _, err := a.load(opt.files)
	if err != nil {
		return err
	}
	answer, err := a.plan(ctx, rpc.DiffRequest{ProjectFiles: b.files(), Prune: mode})
	if err != nil {
		return err
	}
	if err := printChanges(a, opt.out, answer.Changes, answer); err != nil {
		return err
	}
	if opt.detailedExit && !answer.Changes.Empty() {
		return errReported(exitChanges)
	}
	return nil
}

// plan asks the daemon what an apply would do.
func (a *app) plan(ctx context.Context, request rpc.DiffRequest) (rpc.DiffAnswer, error) {
	client, err := a.client()
	if err != nil {
		return rpc.DiffAnswer{}, err
	}
	answer, err := client.DiffProject(ctx, request)
	return answer, a.serverError(err)
}

// printChanges prints changes as the output flags say; value is the whole
// document for programs.
func printChanges(a *app, out outputFlags, changes project.Changes, value any) error {
	if out.format == "md" {
		return changes.Markdown(a.stdout)
	}
	return out.print(a.stdout, document{value: value, text: func(w io.Writer) error {
		if changes.Empty() {
			_, err := fmt.Fprintf(w, "%s: nothing to change.\n", changes.Project)
			return err
		}
		return changes.Text(w, a.outStyle().on)
	}})
}

// files is the bundle as a daemon wants it.
func (b *bundle) files() rpc.ProjectFiles {
	files := rpc.ProjectFiles{
		Base:       rpc.SourceFile{Path: b.in.File, Data: b.in.Data},
		EnvFiles:   map[string]rpc.SourceFile{},
		Variables:  b.variables,
		AllowUnset: b.in.AllowUnset,
	}
	if b.in.OverlayFile != "" {
		files.Overlay = &rpc.SourceFile{Path: b.in.OverlayFile, Data: b.in.OverlayData}
	}
	for name, file := range b.envfiles {
		files.EnvFiles[name] = rpc.SourceFile{Path: file.Path, Data: file.Data, Warning: file.Warning}
	}
	return files
}

// validateOnServer asks the daemon for problems that only the cluster knows:
// names and routes that other projects own.
func (a *app) validateOnServer(ctx context.Context, b *bundle) ([]project.Problem, error) {
	client, err := a.client()
	if err != nil {
		return nil, err
	}
	answer, err := client.ValidateProject(ctx, rpc.ValidateRequest{ProjectFiles: b.files()})
	if err != nil {
		return nil, a.serverError(err)
	}
	local := map[project.Problem]bool{}
	for _, p := range project.Load(b.in).Problems {
		local[p] = true
	}
	var found []project.Problem
	for _, p := range answer.Problems {
		if !local[p] {
			found = append(found, p)
		}
	}
	return found, nil
}
