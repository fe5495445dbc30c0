package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"maelstrom/cluster"
	"maelstrom/cluster/rpc"
)

type eventsOptions struct {
	out     outputFlags
	request rpc.ListEventsRequest
	kinds   []string
	since   string
	follow  bool
}

func newEvents(a *app) *cobra.Command {
	var opt eventsOptions
	cmd := &cobra.Command{
		Use:   "events",
		Short: "Show what happened: syncs, failures, nodes, roles, wakes, crashes, jobs",
		Long: `Show what happened, oldest first: what sources and users have changed, what could
not be done, and what nodes, roles, instances and jobs did. With -f it goes on with
what happens, also after a restart of the daemon. Events are kept for up to 90 days.`,
		Example: `  maelctl events --since 2h
  maelctl events -f --kind failed,recovered,drift
  maelctl events --project shop --output ndjson`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runEvents(cmd.Context(), a, opt) },
	}
	opt.register(cmd)
	flags := cmd.Flags()
	flags.StringVar(&opt.request.Source, "source", "", "only those of this source")
	flags.StringVar(&opt.request.Project, "project", "", "only those of this project")
	flags.StringVar(&opt.request.Component, "component", "", "only those of this component")
	flags.StringVar(&opt.request.Node, "node", "", "only those of this node, by its id")
	a.completeFlag(cmd, "source", sourceNames)
	a.completeFlag(cmd, "project", projectNames)
	a.completeFlag(cmd, "component", componentNames)
	a.completeFlag(cmd, "node", nodeIDs)
	return cmd
}

func newSourceEvents(a *app) *cobra.Command {
	var opt eventsOptions
	cmd := &cobra.Command{
		Use:               "events NAME",
		Short:             "Show what happened to a source and its projects",
		Example:           "  maelctl source events shop --since 1h\n  maelctl source events shop -f",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeOne(sourceNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			opt.request.Source = args[0]
			return runEvents(cmd.Context(), a, opt)
		},
	}
	opt.register(cmd)
	return cmd
}

func (opt *eventsOptions) register(cmd *cobra.Command) {
	opt.out.register(cmd)
	flags := cmd.Flags()
	flags.StringVar(&opt.since, "since", "", "from this long ago, or from this RFC 3339 time (default: the latest --limit)")
	flags.IntVar(&opt.request.Limit, "limit", 100, "only the newest so many of the past")
	flags.StringSliceVar(&opt.kinds, "kind", nil, "only these kinds, comma-separated")
	flags.BoolVarP(&opt.follow, "follow", "f", false, "go on with what happens")
	kinds := namesOf(cluster.EventKinds, func(k cluster.EventKind) string { return string(k) })
	cobra.CheckErr(cmd.RegisterFlagCompletionFunc("kind", cobra.FixedCompletions(kinds, cobra.ShellCompDirectiveNoFileComp)))
}

// check completes the request by the flags.
func (opt *eventsOptions) check(now time.Time) error {
	if opt.request.Limit < 1 {
		return usagef("--limit %d is less than 1", opt.request.Limit)
	}
	for _, kind := range opt.kinds {
		if !slices.Contains(cluster.EventKinds, cluster.EventKind(kind)) {
			kinds := namesOf(cluster.EventKinds, func(k cluster.EventKind) string { return string(k) })
			return usagef("--kind %q is none of %s", kind, strings.Join(kinds, ", "))
		}
		opt.request.Kinds = append(opt.request.Kinds, cluster.EventKind(kind))
	}
	if opt.since == "" {
		return nil
	}
	since, err := time.Parse(time.RFC3339, opt.since)
	if span, wrong := time.ParseDuration(opt.since); wrong == nil && span >= 0 {
		since, err = now.Add(-span), nil
	}
	if err != nil {
		return usagef("--since %q is neither a span such as 10m nor a time such as 2026-01-31T08:00:00Z", opt.since)
	}
	opt.request.Since = &since
	return nil
}

func runEvents(ctx context.Context, a *app, opt eventsOptions) error {
	if err := opt.check(time.Now()); err != nil {
		return err
	}
	if opt.follow {
		return a.followEvents(ctx, opt)
	}
	answer, err := a.client().ListEvents(ctx, opt.request)
	if err != nil {
		return a.serverError(err)
	}
	return opt.out.print(a.stdout, document{value: answer, list: "events", text: func(w io.Writer) error {
		for _, e := range answer.Events {
			if err := a.printEvent(w, e); err != nil {
				return err
			}
		}
		return nil
	}})
}

const (
	// reopenEvery is how often a stream that has ended is opened again,
	// reopenPatience for how long.
	reopenEvery    = time.Second
	reopenPatience = 5 * time.Minute
)

// followEvents prints each event as soon as it comes. A daemon that ends the
// stream may be in the middle of a restart: it is asked again for what comes
// after the last event.
func (a *app) followEvents(ctx context.Context, opt eventsOptions) error {
	stream, err := a.client().FollowEvents(ctx, opt.request)
	if err != nil {
		return a.serverError(err)
	}
	for {
		last, err := a.copyEvents(stream, opt.out)
		if last > 0 {
			opt.request.After, opt.request.Limit = last, maxEvents
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil && !transient(err) {
			return a.serverError(err)
		}
		fmt.Fprintln(a.stderr, "the daemon is away: what happens meanwhile follows when it is back")
		stream, err = reopen(ctx, func() (*rpc.EventReader, error) { return a.client().FollowEvents(ctx, opt.request) })
		if err != nil {
			return a.serverError(err)
		}
		fmt.Fprintln(a.stderr, "the daemon is back")
	}
}

// maxEvents is the most that a daemon tells at a time.
const maxEvents = 10_000

// reopen opens a stream again as soon as the daemon answers. It takes the
// client anew each time: a daemon that starts may have another address or token.
func reopen[Stream any](ctx context.Context, open func() (Stream, error)) (Stream, error) {
	ticker := time.NewTicker(reopenEvery)
	defer ticker.Stop()
	patience := time.NewTimer(reopenPatience)
	defer patience.Stop()
	for {
		stream, err := open()
		if err == nil || ctx.Err() != nil || !transient(err) {
			return stream, err
		}
		select {
		case <-ticker.C:
		case <-patience.C:
			return stream, err
		case <-ctx.Done():
			return stream, ctx.Err()
		}
	}
}

// copyEvents prints what a stream tells until its end, and returns the id of
// the last event; 0: there was none.
func (a *app) copyEvents(stream *rpc.EventReader, out outputFlags) (last int64, err error) {
	defer stream.Close()
	for {
		e, err := stream.Next()
		if errors.Is(err, io.EOF) {
			return last, nil
		}
		if err != nil {
			return last, err
		}
		if err := a.printFollowed(out, e); err != nil {
			return last, err
		}
		last = e.ID
	}
}

// printFollowed prints one event of a stream; in YAML it is a document.
func (a *app) printFollowed(out outputFlags, e cluster.Event) error {
	if out.format == formatYAML && !out.shaped() {
		if _, err := io.WriteString(a.stdout, "---\n"); err != nil {
			return err
		}
	}
	return out.print(a.stdout, document{value: e, foreign: true, text: func(w io.Writer) error { return a.printEvent(w, e) }})
}
