package main

import (
	"context"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"maelstrom/cluster/rpc"
)

func newProjectList(a *app) *cobra.Command {
	var request rpc.ListProjectsRequest
	var source string
	cmd := &cobra.Command{
		Use:     "ls",
		Aliases: []string{"list"},
		Short:   "List projects",
		Example: "  maelctl project ls\n  maelctl project ls --not-ready --output json",
		Args:    cobra.NoArgs,
	}
	flags := cmd.Flags()
	flags.StringVar(&request.Prefix, "prefix", "", "only names that begin with this")
	flags.BoolVar(&request.NotReady, "not-ready", false, "only projects that are not synced or not healthy")
	flags.StringVar(&source, "source", "", "only projects of this source; empty: applied by hand")
	a.completeFlag(cmd, "prefix", projectNames)
	return question[rpc.ProjectList]{
		call: func(ctx context.Context, client *rpc.Client, _ []string) (rpc.ProjectList, error) {
			if flags.Changed("source") {
				request.Source = &source
			}
			return client.ListProjects(ctx, request)
		},
		list: "projects",
		text: func(w io.Writer, answer rpc.ProjectList) error { return projectTable(a, answer.Projects).write(w) },
	}.on(a, cmd)
}

func projectTable(a *app, projects []rpc.Project) *table {
	s := a.outStyle()
	t := newTable(s, "NAME", "SOURCE", "REVISION", "SYNCED", "HEALTHY", "COMPONENTS", "AGE", "MESSAGE")
	for _, p := range projects {
		t.add(p.Name, orDash(p.Source), strconv.FormatInt(p.Revision, 10), yesNo(p.Synced), yesNo(p.Healthy),
			strconv.Itoa(p.Components), age(p.ModifiedAt), orDash(p.Message))
	}
	return t
}
