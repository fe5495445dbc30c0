package main

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"maelstrom/cluster/rpc"
)

// completeTimeout bounds the question that a shell's completion asks the
// daemon; without an answer there is nothing to complete.
const completeTimeout = 2 * time.Second

// names lists what the daemon knows of one kind, by name.
type names func(ctx context.Context, client *rpc.Client) ([]string, error)

type completion = func(cmd *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective)

// completeSeveral completes arguments, each once, by names that the daemon
// knows.
func (a *app) completeSeveral(list names) completion {
	return func(cmd *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
		ctx, cancel := context.WithTimeout(cmd.Context(), completeTimeout)
		defer cancel()
		a.away.hush()
		found, err := list(ctx, a.client())
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		found = slices.DeleteFunc(found, func(name string) bool {
			return !strings.HasPrefix(name, prefix) || slices.Contains(args, name)
		})
		return found, cobra.ShellCompDirectiveNoFileComp
	}
}

// completeOne completes the only argument of a verb.
func (a *app) completeOne(list names) completion {
	return func(cmd *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return a.completeSeveral(list)(cmd, nil, prefix)
	}
}

// completeFlag completes the value of a flag.
func (a *app) completeFlag(cmd *cobra.Command, flag string, list names) {
	complete := a.completeSeveral(list)
	cobra.CheckErr(cmd.RegisterFlagCompletionFunc(flag, func(cmd *cobra.Command, _ []string, prefix string) ([]string, cobra.ShellCompDirective) {
		return complete(cmd, nil, prefix)
	}))
}

// completeFiles leaves an argument to the shell, which knows files.
func completeFiles(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveDefault
}

func projectNames(ctx context.Context, client *rpc.Client) ([]string, error) {
	answer, err := client.ListProjects(ctx, rpc.ListProjectsRequest{})
	return storedNames(answer.Projects), err
}

func componentNames(ctx context.Context, client *rpc.Client) ([]string, error) {
	answer, err := client.ListComponents(ctx, rpc.ListComponentsRequest{})
	return namesOf(answer.Components, func(c rpc.Component) string { return c.Name }), err
}

func eventSourceNames(ctx context.Context, client *rpc.Client) ([]string, error) {
	answer, err := client.ListEventSources(ctx, rpc.ListEventSourcesRequest{})
	return namesOf(answer.EventSources, func(e rpc.EventSource) string { return e.Name }), err
}

func nodeIDs(ctx context.Context, client *rpc.Client) ([]string, error) {
	answer, err := client.Nodes(ctx)
	return namesOf(answer.Nodes, func(n rpc.Node) string { return n.ID }), err
}

func tokenNames(ctx context.Context, client *rpc.Client) ([]string, error) {
	answer, err := client.Tokens(ctx)
	return namesOf(answer.Tokens, func(t rpc.TokenInfo) string { return t.Name }), err
}

func namesOf[T any](items []T, name func(T) string) []string {
	out := make([]string, len(items))
	for i, item := range items {
		out[i] = name(item)
	}
	return out
}
