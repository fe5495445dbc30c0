package main

import (
	"context"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"maelstrom/cluster/rpc"
)

func newProjectList(a *app) *cobra.Command {
	var out outputFlags
	var request rpc.ListProjectsRequest
	var source string
	var watch bool
	cmd := &cobra.Command{
		Use:     "ls",
		Aliases: []string{"list"},
		Short:   "List projects",
		Long: `List projects, those too that only a file of a source declares so far. With --watch
it goes on: on a terminal the list stays up to date, elsewhere each change is printed
as it comes.`,
		Example: "  maelctl project ls\n  maelctl project ls --not-ready --output json\n  maelctl project ls --source infra --watch",
		Args:    cobra.NoArgs,
	}
	out.register(cmd)
	flags := cmd.Flags()
	flags.StringVar(&request.Prefix, "prefix", "", "only names that begin with this")
	flags.BoolVar(&request.NotReady, "not-ready", false, "only projects that are not synced or not healthy")
	flags.StringVar(&source, "source", "", "only projects of this source; empty: applied by hand")
	flags.BoolVarP(&watch, "watch", "w", false, "go on with what changes")
	a.completeFlag(cmd, "prefix", projectNames)
	a.completeFlag(cmd, "source", sourceNames)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if flags.Changed("source") {
			request.Source = &source
		}
		list := func(ctx context.Context) (rpc.ProjectList, error) { return a.client().ListProjects(ctx, request) }
		if watch {
			return a.watchProjects(cmd.Context(), out, list)
		}
		answer, err := list(cmd.Context())
		if err != nil {
			return a.serverError(err)
		}
		return out.print(a.stdout, document{value: answer, list: "projects", text: func(w io.Writer) error {
			return projectTable(a, answer.Projects).write(w)
		}})
	}
	return cmd
}

var projectColumns = []string{"NAME", "SOURCE", "REVISION", "SYNCED", "HEALTHY", "COMPONENTS", "AGE", "MESSAGE"}

func projectTable(a *app, projects []rpc.Project) *table {
	t := newTable(a.outStyle(), projectColumns...)
	for _, p := range projects {
		t.add(projectTitle(p), orDash(p.Source), projectRevision(p), yesNo(p.Synced), yesNo(p.Healthy),
			strconv.Itoa(p.Components), age(p.ModifiedAt), orDash(p.Message))
	}
	return t
}

// projectRevision is what is stored of a project: its revision and the commit
// that it came from.
func projectRevision(p rpc.Project) string {
	switch {
	case p.Revision == 0:
		return "-"
	case p.SourceRevision == "":
		return strconv.FormatInt(p.Revision, 10)
	}
	return strconv.FormatInt(p.Revision, 10) + "@" + shortRevision(p.SourceRevision)
}
