package main

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"maelstrom/cluster/rpc"
)

func newSource(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "source",
		Short: "Keep projects as git repositories and directories declare them",
	}
	cmd.AddCommand(
		newSourceAdd(a), newSourceSet(a), newSourceList(a), newSourceShow(a), newSourceRemove(a),
		newSourceTry(a), newSourceEvents(a), newSourceDeliveries(a), newSourceApply(a),
	)
	return cmd
}

func sourceNames(ctx context.Context, client *rpc.Client) ([]string, error) {
	answer, err := client.ListSources(ctx)
	return namesOf(answer.Sources, func(s rpc.SourceInfo) string { return s.Name }), err
}

func notifierNames(ctx context.Context, client *rpc.Client) ([]string, error) {
	answer, err := client.ListNotifiers(ctx)
	return namesOf(answer.Notifiers, func(n rpc.NotifierInfo) string { return n.Name }), err
}

// storedNames are the projects that have a name: a file that never parsed has
// none.
func storedNames(projects []rpc.Project) []string {
	names := namesOf(projects, func(p rpc.Project) string { return p.Name })
	return slices.Compact(slices.DeleteFunc(names, func(name string) bool { return name == "" }))
}
