package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"maelstrom/cluster/rpc"
)

func newProjectStatus(a *app) *cobra.Command {
	var target targetFlags
	cmd := &cobra.Command{
		Use:   "status [NAME]",
		Short: "Show how a project, or all of a source, stands to what is declared",
		Long: `Show how a project, or each project of a source, stands to what is declared: its
conditions with their reasons, the source revision that is stored beside the one
that was tried last, and what is wrong with its file.`,
		Example: `  maelctl project status shop
  maelctl project status --source infra --json project,conditions`,
	}
	target.register(a, cmd)
	return question[rpc.StatusAnswer]{
		call: func(ctx context.Context, client *rpc.Client, args []string) (rpc.StatusAnswer, error) {
			named, err := target.target(args)
			if err != nil {
				return rpc.StatusAnswer{}, err
			}
			return client.ProjectStatus(ctx, named)
		},
		list: "projects",
		text: func(w io.Writer, answer rpc.StatusAnswer) error {
			for i, p := range answer.Projects {
				if i > 0 {
					fmt.Fprintln(w)
				}
				if err := printStatus(w, a, p); err != nil {
					return err
				}
			}
			return nil
		},
	}.on(a, cmd)
}

func printStatus(w io.Writer, a *app, p rpc.ProjectStatus) error {
	s := a.outStyle()
	fmt.Fprintf(w, "%s synced: %s, healthy: %s\n", s.bold(projectTitle(p.Project)), yesNo(p.Project.Synced), yesNo(p.Project.Healthy))
	if p.Project.Message != "" {
		fmt.Fprintln(w, s.yellow(oneLine(p.Project.Message)))
	}
	printOrigin(w, a, p)
	if err := conditionTable(a, p.Conditions).write(w); err != nil {
		return err
	}
	if p.File != nil {
		printProblems(w, s, p.File.Problems)
	}
	return nil
}

// printOrigin says where a project comes from, and what of it is stored.
func printOrigin(w io.Writer, a *app, p rpc.ProjectStatus) {
	f := p.File
	if f == nil && p.Project.Source == "" {
		fmt.Fprintln(w, "applied by hand")
		return
	}
	fmt.Fprintf(w, "source %s", p.Project.Source)
	if f != nil {
		at := f.Path
		for _, problem := range f.Problems {
			at = fmt.Sprintf("%s:%d:%d", problem.File, problem.Line, problem.Column)
			break
		}
		fmt.Fprintf(w, ", file %s, last good %s, attempted %s", oneLine(at), orDash(f.LastGood), orDash(f.Attempted))
	}
	fmt.Fprintln(w)
	if skip := p.Skipped; skip != nil {
		fmt.Fprintf(w, "skips %s since %s, by %s\n", orDash(skip.SourceRevision), skip.Since.Local().Format(time.DateTime), orDash(skip.Actor))
	}
}

// printDeclaredBy shows, of a project that a source keeps or that somebody has
// suspended, where it comes from and its conditions.
func printDeclaredBy(w io.Writer, a *app, p rpc.ProjectStatus) error {
	if p.Project.Source == "" && p.Suspended == nil && p.Pinned == nil && p.Skipped == nil {
		return nil
	}
	if p.Project.SourceRevision != "" {
		fmt.Fprintf(w, "commit %s\n", p.Project.SourceRevision)
	}
	printOrigin(w, a, p)
	fmt.Fprintln(w)
	if err := conditionTable(a, p.Conditions).write(w); err != nil {
		return err
	}
	if p.File != nil && len(p.File.Problems) > 0 {
		fmt.Fprintln(w)
		printProblems(w, a.outStyle(), p.File.Problems)
	}
	return nil
}
