package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"maelstrom/cluster/rpc"
)

type logsOptions struct {
	request rpc.LogsRequest
	format  string
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
		ValidArgsFunction: a.completeComponents,
		RunE: func(cmd *cobra.Command, args []string) error {
			opt.request.Components = append(components, args...)
			return runLogs(cmd, a, opt)
		},
	}
	flags := cmd.Flags()
	flags.BoolVarP(&opt.request.Follow, "follow", "f", false, "go on with what comes, also of containers that start later")
	flags.StringVar(&opt.request.Since, "since", "", "from this long ago, or from this RFC 3339 time (default: all)")
	flags.IntVar(&opt.request.Tail, "tail", 0, "only the last lines of each container; 0: all")
	flags.StringVarP(&opt.format, "output", "o", "text", "output format: text or ndjson")
	flags.StringSliceVar(&components, "components", nil, "the components, as the original names them")
	cobra.CheckErr(flags.MarkHidden("components"))
	return cmd
}

func runLogs(cmd *cobra.Command, a *app, opt logsOptions) error {
	if opt.format != "text" && opt.format != "ndjson" {
		return usagef("--output %q is neither text nor ndjson", opt.format)
	}
	client, err := a.client()
	if err != nil {
		return err
	}
	stream, err := client.Logs(cmd.Context(), opt.request)
	if err != nil {
		return a.serverError(err)
	}
	defer stream.Close()
	for {
		entry, err := stream.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return a.serverError(err)
		}
		if err := a.printLogEntry(opt.format, entry); err != nil {
			return err
		}
	}
}

func (a *app) printLogEntry(format string, entry rpc.LogEntry) error {
	if format == "ndjson" {
		return json.NewEncoder(a.stdout).Encode(entry)
	}
	s := a.outStyle()
	text := entry.Text
	if entry.Stream == "stderr" {
		text = s.yellow(text)
	}
	_, err := fmt.Fprintf(a.stdout, "%s %s %s\n", s.faint(entry.Time.Local().Format(time.TimeOnly)), s.bold("["+entry.Component+"]"), text)
	return err
}
