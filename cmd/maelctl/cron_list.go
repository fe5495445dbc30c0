package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"maelstrom/cluster/rpc"
	"maelstrom/project"
)

func newCronList(a *app) *cobra.Command {
	request := rpc.ListEventSourcesRequest{EventSourceFilter: rpc.EventSourceFilter{Type: project.TypeCron}}
	cmd := &cobra.Command{
		Use:     "ls",
		Aliases: []string{"list"},
		Short:   "List schedules, when they fire next, and how they went last",
		Long: `List the event sources of type cron and when they fire next. With --last also
how each was fired last: when, the status of the answer, how long it took, and
what went wrong; ? while the database is away, which alone knows.`,
		Example: "  maelctl cron ls --last\n  maelctl cron ls --project shop --last --output json",
		Args:    cobra.NoArgs,
	}
	cmd.Flags().StringVar(&request.Project, "project", "", "only schedules of this project")
	cmd.Flags().StringVar(&request.Component, "component", "", "only schedules of this component")
	cmd.Flags().BoolVar(&request.Last, "last", false, "show how each was fired last")
	a.completeFlag(cmd, "project", projectNames)
	a.completeFlag(cmd, "component", componentNames)
	return question[rpc.EventSourceList]{
		call: func(ctx context.Context, client *rpc.Client, _ []string) (rpc.EventSourceList, error) {
			return client.ListEventSources(ctx, request)
		},
		list: "event_sources",
		text: func(w io.Writer, answer rpc.EventSourceList) error {
			return cronTable(a, answer, request.Last).write(w)
		},
	}.on(a, cmd)
}

func cronTable(a *app, answer rpc.EventSourceList, last bool) *table {
	head := []string{"NAME", "STATE", "SUMMARY", "NEXT"}
	if last {
		head = append(head, "LAST", "STATUS", "TOOK", "ERROR")
	}
	t := newTable(a.outStyle(), head...)
	for _, s := range answer.EventSources {
		next := "-"
		if s.NextAt != nil {
			next = s.NextAt.UTC().Format(time.RFC3339)
		}
		cells := []string{s.Name, string(s.State), s.Summary, next}
		switch {
		case last && answer.LastUnknown:
			cells = append(cells, "?", "?", "?", "?")
		case last:
			cells = append(cells, lastCells(s.Last)...)
		}
		t.add(cells...)
	}
	return t
}

func lastCells(f *rpc.LastFiring) []string {
	switch {
	case f == nil:
		return []string{"-", "-", "-", "-"}
	case f.Running:
		return []string{f.Due.UTC().Format(time.RFC3339), "running", "-", "-"}
	}
	status, failure := "-", f.Error
	if f.Status != 0 {
		status = strconv.Itoa(f.Status)
	}
	if failure == "" {
		failure = string(f.Reason)
	}
	return []string{f.Due.UTC().Format(time.RFC3339), status, fmt.Sprintf("%.1fs", f.Seconds), orDash(failure)}
}
