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
		Long: `Show the output of the containers of components; without a name, of all. A name
may contain * for any text.`,
		Example: `  maelctl logs shop_web --since 10m
  maelctl logs -f 'shop_*'
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
	flags.IntVar(&opt.request.Tail, "tail", 0, "only the last lines of each container; 0: all")
	flags.StringSliceVar(&components, "components", nil, "the components, as the original names them")
	cobra.CheckErr(flags.MarkHidden("components"))
	return cmd
}

func checkLogs(request rpc.LogsRequest) error {
	if request.Tail < 0 {
		return usagef("--tail %d is negative", request.Tail)
	}
	if request.Since == "" {
		return nil
	}
	span, err := time.ParseDuration(request.Since)
	if err == nil && span >= 0 {
		return nil
	}
	if _, err := time.Parse(time.RFC3339, request.Since); err != nil {
		return usagef("--since %q is neither a span such as 10m nor a time such as 2026-01-31T08:00:00Z", request.Since)
	}
	return nil
}

// logList is the JSON document of `logs`.
type logList struct {
	Entries []rpc.LogEntry `json:"entries"`
}

func runLogs(ctx context.Context, a *app, opt logsOptions) error {
	client := a.client()
	if err := knownComponents(ctx, client, opt.request.Components); err != nil {
		return a.serverError(err)
	}
	stream, err := client.Logs(ctx, opt.request)
	if err != nil {
		return a.serverError(err)
	}
	defer stream.Close()
	all := logList{Entries: []rpc.LogEntry{}}
	whole := !opt.request.Follow && opt.out.machine() && (opt.out.format != formatNDJSON || opt.out.shaped())
	for {
		entry, err := stream.Next()
		switch {
		case errors.Is(err, io.EOF) && whole:
			return opt.out.print(a.stdout, document{value: all, list: "entries"})
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return a.serverError(err)
		case whole:
			all.Entries = append(all.Entries, entry)
		default:
			err = a.printLogEntry(opt.out, entry)
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

// printLogEntry prints one entry as soon as it comes; in YAML each is a
// document of a stream.
func (a *app) printLogEntry(out outputFlags, entry rpc.LogEntry) error {
	if out.format == formatYAML && !out.shaped() {
		if _, err := io.WriteString(a.stdout, "---\n"); err != nil {
			return err
		}
	}
	return out.print(a.stdout, document{value: entry, foreign: true, text: func(w io.Writer) error {
		s := a.outStyle()
		text := entry.Text
		if entry.Stream == "stderr" {
			text = s.yellow(text)
		}
		_, err := fmt.Fprintf(w, "%s %s %s\n", s.faint(entry.Time.Local().Format(time.TimeOnly)), s.bold("["+entry.Component+"]"), text)
		return err
	}})
}
