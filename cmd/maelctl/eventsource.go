package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
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
	flags.StringVar((*string)(&filter.Type), "type", "", "only those of this type: "+strings.Join(eventSourceTypes, ", "))
	a.completeFlag(cmd, "prefix", eventSourceNames)
	a.completeFlag(cmd, "project", projectNames)
	a.completeFlag(cmd, "component", componentNames)
	cobra.CheckErr(cmd.RegisterFlagCompletionFunc("type", cobra.FixedCompletions(eventSourceTypes, cobra.ShellCompDirectiveNoFileComp)))
}

var eventSourceTypes = []string{
	string(project.TypeHTTP), string(project.TypeCron), string(project.TypeSQS), string(project.TypeAWSStepFunc),
}

func checkFilter(filter rpc.EventSourceFilter) error {
	if filter.Type != "" && !slices.Contains(eventSourceTypes, string(filter.Type)) {
		return usagef("--type %q is not one of %s", filter.Type, strings.Join(eventSourceTypes, ", "))
	}
	return nil
}

func newEventSourceList(a *app) *cobra.Command {
	var request rpc.ListEventSourcesRequest
	cmd := &cobra.Command{
		Use:     "ls",
		Aliases: []string{"list"},
		Short:   "List event sources",
		Example: "  maelctl es ls\n  maelctl es ls --type cron --component shop_web",
		Args:    cobra.NoArgs,
	}
	registerFilter(a, cmd, &request.EventSourceFilter)
	return question[rpc.EventSourceList]{
		call: func(ctx context.Context, client *rpc.Client, _ []string) (rpc.EventSourceList, error) {
			if err := checkFilter(request.EventSourceFilter); err != nil {
				return rpc.EventSourceList{}, err
			}
			return client.ListEventSources(ctx, request)
		},
		list: "event_sources",
		text: func(w io.Writer, answer rpc.EventSourceList) error {
			return eventSourceTable(a, answer.EventSources).write(w)
		},
	}.on(a, cmd)
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
	verb, past, call := "disable", "disabled", (*rpc.Client).DisableEventSources
	if enable {
		verb, past, call = "enable", "enabled", (*rpc.Client).EnableEventSources
	}
	var request rpc.SwitchRequest
	cmd := &cobra.Command{
		Use:   verb + " [NAME...]",
		Short: "Make event sources " + past,
		Long: fmt.Sprintf(`Make event sources %s: those named, those that the flags select, or all
with --all. It counts until it is changed here again; an apply leaves it.`, past),
		Example:           fmt.Sprintf("  maelctl es %[1]s shop_web-cron-0\n  maelctl es %[1]s --project shop --type cron", verb),
		ValidArgsFunction: a.completeSeveral(eventSourceNames),
	}
	registerFilter(a, cmd, &request.EventSourceFilter)
	cmd.Flags().BoolVar(&request.All, "all", false, "all event sources of the cluster")
	return question[rpc.SwitchAnswer]{
		call: func(ctx context.Context, client *rpc.Client, args []string) (rpc.SwitchAnswer, error) {
			request.Names = args
			if err := checkSwitch(request); err != nil {
				return rpc.SwitchAnswer{}, err
			}
			return call(client, ctx, request)
		},
		list: "event_sources",
		text: func(w io.Writer, answer rpc.SwitchAnswer) error {
			for _, name := range answer.Changed {
				fmt.Fprintf(w, "%s %s\n", name, past)
			}
			_, err := fmt.Fprintf(w, "%d of %s changed.\n", len(answer.Changed), plural(len(answer.EventSources), "event source"))
			return err
		},
	}.on(a, cmd)
}

// checkSwitch wants exactly one way of saying which event sources are meant.
func checkSwitch(request rpc.SwitchRequest) error {
	if err := checkFilter(request.EventSourceFilter); err != nil {
		return err
	}
	ways := 0
	for _, given := range []bool{len(request.Names) > 0, request.EventSourceFilter != (rpc.EventSourceFilter{}), request.All} {
		if given {
			ways++
		}
	}
	if ways != 1 {
		return usagef("name event sources, or select them by flags, or say --all: one of the three")
	}
	return nil
}
