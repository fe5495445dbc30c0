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
	cmd := &cobra.Command{
		Use:               "get NAME",
		Short:             "Show a project: its components, event sources and latest revisions",
		Example:           "  maelctl project get shop",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeOne(projectNames),
	}
	cmd.Flags().IntVar(&revisions, "revisions", 5, "how many of the latest revisions to show")
	return question[rpc.ProjectDetail]{
		call: func(ctx context.Context, client *rpc.Client, args []string) (rpc.ProjectDetail, error) {
			if revisions < 1 {
				return rpc.ProjectDetail{}, usagef("--revisions %d is less than 1", revisions)
			}
			return client.GetProject(ctx, rpc.GetProjectRequest{Name: args[0], Revisions: revisions})
		},
		text: func(w io.Writer, answer rpc.ProjectDetail) error { return printProject(w, a, answer) },
	}.on(a, cmd)
}

func printProject(w io.Writer, a *app, p rpc.ProjectDetail) error {
	s := a.outStyle()
	fmt.Fprintf(w, "%s at revision %d, %s ago; synced: %s, healthy: %s\n", s.bold(p.Project.Name), p.Project.Revision,
		age(p.Project.ModifiedAt), yesNo(p.Project.Synced), yesNo(p.Project.Healthy))
	if p.Project.Message != "" {
		fmt.Fprintln(w, s.yellow(oneLine(p.Project.Message)))
	}
	fmt.Fprintln(w)
	if err := componentTable(a, p.Components).write(w); err != nil {
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
	return t.write(w)
}
