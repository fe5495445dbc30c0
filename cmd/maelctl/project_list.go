package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"maelstrom/cluster/rpc"
)

func newProjectList(a *app) *cobra.Command {
	var out outputFlags
	var request rpc.ListProjectsRequest
	var source string
	cmd := &cobra.Command{
		Use:     "ls",
		Aliases: []string{"list"},
		Short:   "List projects",
		Example: "  maelctl project ls\n  maelctl project ls --not-ready --output json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("source") {
				request.Source = &source
			}
			answer, err := ask(cmd, a, out, func(ctx context.Context, client *rpc.Client) (rpc.ProjectList, error) {
				return client.ListProjects(ctx, request)
			})
			if err != nil {
				return err
			}
			return out.print(a.stdout, document{value: answer, list: "projects", text: func(w io.Writer) error {
				return projectTable(a, answer.Projects).write(w)
			}})
		},
	}
	out.register(cmd)
	cmd.Flags().StringVar(&request.Prefix, "prefix", "", "only names that begin with this")
	cmd.Flags().BoolVar(&request.NotReady, "not-ready", false, "only projects that are not synced or not healthy")
	cmd.Flags().StringVar(&source, "source", "", "only projects of this source; empty: applied by hand")
	return cmd
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

func newProjectShow(a *app) *cobra.Command {
	var out outputFlags
	var revisions int
	cmd := &cobra.Command{
		Use:               "get NAME",
		Short:             "Show a project: its components, event sources and latest revisions",
		Example:           "  maelctl project get shop",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeProjects,
		RunE: func(cmd *cobra.Command, args []string) error {
			answer, err := ask(cmd, a, out, func(ctx context.Context, client *rpc.Client) (rpc.ProjectDetail, error) {
				return client.GetProject(ctx, rpc.GetProjectRequest{Name: args[0], Revisions: revisions})
			})
			if err != nil {
				return err
			}
			return out.print(a.stdout, document{value: answer, text: func(w io.Writer) error {
				return printProject(w, a, answer)
			}})
		},
	}
	out.register(cmd)
	cmd.Flags().IntVar(&revisions, "revisions", 5, "how many of the latest revisions to show")
	return cmd
}

func printProject(w io.Writer, a *app, p rpc.ProjectDetail) error {
	s := a.outStyle()
	fmt.Fprintf(w, "%s at revision %d, %s ago\n", s.bold(p.Project.Name), p.Project.Revision, age(p.Project.ModifiedAt))
	if p.Project.Message != "" {
		fmt.Fprintln(w, s.yellow(p.Project.Message))
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

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// age is how long ago a time was, in one unit.
func age(at time.Time) string {
	if at.IsZero() {
		return "-"
	}
	d := max(time.Since(at), 0)
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}

// ageOf is age for a time that may not be known.
func ageOf(at *time.Time) string {
	if at == nil {
		return "-"
	}
	return age(*at)
}
