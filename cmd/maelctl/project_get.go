package main

import (
	"context"
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"maelstrom/cluster/rpc"
)

func newProjectShow(a *app) *cobra.Command {
	var revisions int
	var revision int64
	cmd := &cobra.Command{
		Use:   "get NAME",
		Short: "Show a project: its components, event sources and latest revisions",
		Long: `Show a project: its components, event sources and latest revisions. With
--revision, show the project as it was then, as a file without its secrets.`,
		Example:           "  maelctl project get shop\n  maelctl project get shop --revision 12",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeOne(projectNames),
	}
	cmd.Flags().IntVar(&revisions, "revisions", 5, "how many of the latest revisions to show")
	cmd.Flags().Int64Var(&revision, "revision", 0, "show the project as it was at this revision")
	past := question[rpc.RevisionAnswer]{
		call: func(ctx context.Context, client *rpc.Client, args []string) (rpc.RevisionAnswer, error) {
			return client.Revision(ctx, rpc.RevisionRequest{Name: args[0], Number: revision})
		},
		text: func(w io.Writer, answer rpc.RevisionAnswer) error { return printRevision(w, a, answer) },
	}
	present := question[rpc.ProjectDetail]{
		call: func(ctx context.Context, client *rpc.Client, args []string) (rpc.ProjectDetail, error) {
			if revisions < 1 {
				return rpc.ProjectDetail{}, usagef("--revisions %d is less than 1", revisions)
			}
			return client.GetProject(ctx, rpc.GetProjectRequest{Name: args[0], Revisions: revisions})
		},
		text: func(w io.Writer, answer rpc.ProjectDetail) error { return printProject(w, a, answer) },
	}
	var out outputFlags
	out.register(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if cmd.Flags().Changed("revision") {
			return past.ask(cmd.Context(), a, &out, args)
		}
		return present.ask(cmd.Context(), a, &out, args)
	}
	return cmd
}

func printProject(w io.Writer, a *app, p rpc.ProjectDetail) error {
	s := a.outStyle()
	fmt.Fprintf(w, "%s at revision %d, %s ago; synced: %s, healthy: %s\n", s.bold(p.Project.Name), p.Project.Revision,
		age(p.Project.ModifiedAt), yesNo(p.Project.Synced), yesNo(p.Project.Healthy))
	if p.Project.Message != "" {
		fmt.Fprintln(w, s.yellow(oneLine(p.Project.Message)))
	}
	if err := printDeclaredBy(w, a, p.ProjectStatus); err != nil {
		return err
	}
	fmt.Fprintln(w)
	if err := printComponents(w, a, p.Components); err != nil {
		return err
	}
	fmt.Fprintln(w)
	if err := eventSourceTable(a, p.EventSources).write(w); err != nil {
		return err
	}
	fmt.Fprintln(w)
	t := newTable(s, "REVISION", "AGE", "BY", "WHAT")
	for _, r := range p.Revisions {
		t.add(strconv.FormatInt(r.Number, 10), age(r.Time), orDash(r.Actor), r.Summary)
	}
	if err := t.write(w); err != nil {
		return err
	}
	return printEvents(w, a, p.Events)
}
