package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"maelstrom/cluster/rpc"
	"maelstrom/project"
)

func newEventSource(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "es", Aliases: []string{"eventsource"}, Short: "Look at event sources, enable and disable them"}
	cmd.AddCommand(newEventSourceList(a), newEventSourceSwitch(a, true), newEventSourceSwitch(a, false))
	return cmd
}

func registerFilter(a *app, cmd *cobra.Command, filter *rpc.EventSourceFilter) {
	flags := cmd.Flags()
	flags.StringVar(&filter.Prefix, "prefix", "", "only names that begin with this")
	flags.StringVar(&filter.Project, "project", "", "only those of this project")
	flags.StringVar(&filter.Component, "component", "", "only those of this component")
	flags.StringVar((*string)(&filter.Type), "type", "", "only those of this type: http, cron, sqs, awsstepfunc")
	cobra.CheckErr(cmd.RegisterFlagCompletionFunc("project", a.completeProjects))
	cobra.CheckErr(cmd.RegisterFlagCompletionFunc("component", a.completeComponents))
	types := []string{string(project.TypeHTTP), string(project.TypeCron), string(project.TypeSQS), string(project.TypeAWSStepFunc)}
	cobra.CheckErr(cmd.RegisterFlagCompletionFunc("type", cobra.FixedCompletions(types, cobra.ShellCompDirectiveNoFileComp)))
}

func newEventSourceList(a *app) *cobra.Command {
	var out outputFlags
	var request rpc.ListEventSourcesRequest
	cmd := &cobra.Command{
		Use:     "ls",
		Aliases: []string{"list"},
		Short:   "List event sources",
		Example: "  maelctl es ls\n  maelctl es ls --type cron --component shop_web",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			answer, err := ask(cmd, a, out, func(ctx context.Context, client *rpc.Client) (rpc.EventSourceList, error) {
				return client.ListEventSources(ctx, request)
			})
			if err != nil {
				return err
			}
			return out.print(a.stdout, document{value: answer, list: "event_sources", text: func(w io.Writer) error {
				return eventSourceTable(a, answer.EventSources).write(w)
			}})
		},
	}
	out.register(cmd)
	registerFilter(a, cmd, &request.EventSourceFilter)
	return cmd
}

func eventSourceTable(a *app, sources []rpc.EventSource) *table {
	t := newTable(a.outStyle(), "EVENT SOURCE", "TYPE", "COMPONENT", "STATE", "WHAT", "NEXT")
	for _, e := range sources {
		next := "-"
		if e.NextAt != nil {
			next = e.NextAt.UTC().Format(time.RFC3339)
		}
		t.add(e.Name, string(e.Type), e.Component, string(e.State), e.Summary, next)
	}
	return t
}

func newEventSourceSwitch(a *app, enable bool) *cobra.Command {
	verb, past := "disable", "disabled"
	if enable {
		verb, past = "enable", "enabled"
	}
	var out outputFlags
	var request rpc.SwitchRequest
	cmd := &cobra.Command{
		Use:   verb + " [NAME...]",
		Short: "Make event sources " + past,
		Long: fmt.Sprintf(`Make event sources %s: those named, those that the flags select, or all
with --all. It counts until it is changed here again; an apply leaves it.`, past),
		Example:           fmt.Sprintf("  maelctl es %[1]s shop_web-cron-0\n  maelctl es %[1]s --project shop --type cron", verb),
		ValidArgsFunction: a.completeEventSources,
		RunE: func(cmd *cobra.Command, args []string) error {
			request.Names = args
			if len(args) == 0 && request.EventSourceFilter == (rpc.EventSourceFilter{}) && !request.All {
				return usagef("name event sources, select them by a flag, or say --all")
			}
			answer, err := ask(cmd, a, out, func(ctx context.Context, client *rpc.Client) (rpc.SwitchAnswer, error) {
				if enable {
					return client.EnableEventSources(ctx, request)
				}
				return client.DisableEventSources(ctx, request)
			})
			if err != nil {
				return err
			}
			return out.print(a.stdout, document{value: answer, list: "event_sources", text: func(w io.Writer) error {
				for _, name := range answer.Changed {
					fmt.Fprintf(w, "%s %s\n", name, past)
				}
				_, err := fmt.Fprintf(w, "%d of %s changed.\n", len(answer.Changed), plural(len(answer.EventSources), "event source"))
				return err
			}})
		},
	}
	out.register(cmd)
	registerFilter(a, cmd, &request.EventSourceFilter)
	cmd.Flags().BoolVar(&request.All, "all", false, "all event sources of the cluster")
	return cmd
}
