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

	"maelstrom/cluster/rpc"
)

type logsOptions struct {
	out     outputFlags
	request rpc.LogsRequest
}

func newLogs(a *app) *cobra.Command {
	var opt logsOptions
	var components []string
	cmd := &cobra.Command{
		Use:   "logs [COMPONENT...]",
		Short: "Show the output of components",
		Long: `Show the output of the containers of components, by time; without a name, of all.
A name may contain * for any text. The node that is asked gets it from all nodes of
the cluster, and each line names its own; one that can't be reached is named on
standard error, and the others' output is shown.

With -f it goes on with what comes, also after a restart of the daemon: no line
is lost or shown twice.

With --previous also of containers that are gone, by a stop, crash, sleep or
deploy, and of components that were removed. A node keeps 20 MiB of each
component for 7 days, unless MAEL_LOG_RING_MIB and MAEL_LOG_RING_DAYS say
otherwise.`,
		Example: `  maelctl logs shop_web --since 10m
  maelctl logs -f 'shop_*'
  maelctl logs shop_web --previous --since 12h --until 11h
  maelctl logs shop_web --tail 20 --output ndjson`,
		ValidArgsFunction: a.completeSeveral(componentNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			opt.request.Components = append(components, args...)
			if err := checkLogs(opt.request); err != nil {
				return err
			}
			return runLogs(cmd.Context(), a, opt)
		},
	}
	opt.out.register(cmd)
	flags := cmd.Flags()
	flags.BoolVarP(&opt.request.Follow, "follow", "f", false, "go on with what comes, also of containers that start later")
	flags.StringVar(&opt.request.Since, "since", "", "from this long ago, or from this RFC 3339 time (default: all)")
	flags.StringVar(&opt.request.Until, "until", "", "up to this long ago, or to this RFC 3339 time (default: now)")
	flags.BoolVarP(&opt.request.Previous, "previous", "p", false, "also of containers that are gone, and of removed components")
	flags.IntVar(&opt.request.Tail, "tail", 0, "only the last lines of each container, with --previous of each component; 0: all")
	flags.StringSliceVar(&components, "components", nil, "the components, as the original names them")
	cobra.CheckErr(flags.MarkHidden("components"))
	return cmd
}

func checkLogs(request rpc.LogsRequest) error {
	if request.Tail < 0 {
		return usagef("--tail %d is negative", request.Tail)
	}
	if request.Follow && request.Until != "" {
		return usagef("--follow and --until exclude each other")
	}
	if err := checkMoment("--since", request.Since); err != nil {
		return err
	}
	return checkMoment("--until", request.Until)
}

func checkMoment(flag, text string) error {
	span, err := time.ParseDuration(text)
	if text == "" || err == nil && span >= 0 {
		return nil
	}
	if _, err := time.Parse(time.RFC3339, text); err != nil {
		return usagef("%s %q is neither a span such as 10m nor a time such as 2026-01-31T08:00:00Z", flag, text)
	}
	return nil
}

// logList is the JSON document of `logs`.
type logList struct {
	Entries []rpc.LogEntry `json:"entries"`
}

func runLogs(ctx context.Context, a *app, opt logsOptions) error {
	client := a.client()
	if !opt.request.Previous { // else the daemon tells, who knows what it kept
		if err := knownComponents(ctx, client, opt.request.Components); err != nil {
			return a.serverError(err)
		}
	}
	stream, err := client.Logs(ctx, opt.request)
	if err != nil {
		return a.serverError(err)
	}
	if opt.request.Follow {
		return a.followLogs(ctx, opt, stream)
	}
	defer stream.Close()
	return printLogs(a, opt, stream)
}

// printLogs prints a stream that has an end.
func printLogs(a *app, opt logsOptions, stream *rpc.LogReader) error {
	all := logList{Entries: []rpc.LogEntry{}}
	whole := opt.out.machine() && (opt.out.format != formatNDJSON || opt.out.shaped())
	printer := logPrinter{app: a, out: opt.out, containers: map[string]string{}}
	for {
		entry, err := stream.Next()
		switch {
		case errors.Is(err, io.EOF) && whole:
			return opt.out.print(a.stdout, document{value: all, list: "entries"})
		case errors.Is(err, io.EOF):
			if !printer.any && !opt.request.Previous && !opt.out.machine() {
				fmt.Fprintln(a.stderr, "no output of a container that is there now; --previous shows that of earlier ones")
			}
			return nil
		case err != nil:
			return a.serverError(err)
		case whole && !ofNode(entry):
			all.Entries = append(all.Entries, entry)
		default:
			err = printer.print(entry)
		}
		if err != nil {
			return err
		}
	}
}

// knownComponents refuses a name that is no pattern and nobody has: its output
// would be waited for in vain.
func knownComponents(ctx context.Context, client *rpc.Client, names []string) error {
	names = slices.DeleteFunc(slices.Clone(names), func(name string) bool { return strings.Contains(name, "*") })
	if len(names) == 0 {
		return nil
	}
	known, err := componentNames(ctx, client)
	if err != nil {
		return err
	}
	for _, name := range names {
		if !slices.Contains(known, strings.ToLower(name)) {
			return exitWith(exitNotFound, fmt.Errorf("there is no component %q: `maelctl comp ls` lists them by their full names", name))
		}
	}
	return nil
}
