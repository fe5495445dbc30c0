package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"maelstrom/cluster/rpc"
)

// completeTimeout bounds the question that a shell's completion asks the
// daemon; without an answer there is nothing to complete.
const completeTimeout = 2 * time.Second

// completeNames completes by names that the daemon knows.
func (a *app) completeNames(cmd *cobra.Command, names func(context.Context, *rpc.Client) ([]string, error)) ([]string, cobra.ShellCompDirective) {
	ctx, cancel := context.WithTimeout(cmd.Context(), completeTimeout)
	defer cancel()
	client, err := a.client()
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	found, err := names(ctx, client)
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	return found, cobra.ShellCompDirectiveNoFileComp
}

func (a *app) completeProjects(cmd *cobra.Command, _ []string, prefix string) ([]string, cobra.ShellCompDirective) {
	return a.completeNames(cmd, func(ctx context.Context, client *rpc.Client) ([]string, error) {
		answer, err := client.ListProjects(ctx, rpc.ListProjectsRequest{Prefix: prefix})
		var names []string
		for _, p := range answer.Projects {
			names = append(names, p.Name)
		}
		return names, err
	})
}

func (a *app) completeComponents(cmd *cobra.Command, _ []string, prefix string) ([]string, cobra.ShellCompDirective) {
	return a.completeNames(cmd, func(ctx context.Context, client *rpc.Client) ([]string, error) {
		answer, err := client.ListComponents(ctx, rpc.ListComponentsRequest{Prefix: prefix})
		var names []string
		for _, c := range answer.Components {
			names = append(names, c.Name)
		}
		return names, err
	})
}

func (a *app) completeEventSources(cmd *cobra.Command, _ []string, prefix string) ([]string, cobra.ShellCompDirective) {
	return a.completeNames(cmd, func(ctx context.Context, client *rpc.Client) ([]string, error) {
		answer, err := client.ListEventSources(ctx, rpc.ListEventSourcesRequest{EventSourceFilter: rpc.EventSourceFilter{Prefix: prefix}})
		var names []string
		for _, e := range answer.EventSources {
			names = append(names, e.Name)
		}
		return names, err
	})
}
