package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"maelstrom/cluster/rpc"
)

// followLogs prints each line as soon as it comes. A daemon that ends the
// stream may be in the middle of a restart: it is asked again for what comes
// after the last lines.
func (a *app) followLogs(ctx context.Context, opt logsOptions, stream *rpc.LogReader) error {
	began, span := time.Now(), opt.request.Since
	printer := logPrinter{app: a, out: opt.out, containers: map[string]string{}}
	cursor := rpc.NewLogCursor()
	for {
		err := copyLogs(&printer, cursor, stream)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil && !transient(err) {
			return a.serverError(err)
		}
		fmt.Fprintln(a.stderr, "the daemon is away: the output goes on when it is back")
		opt.request.Since = longer(span, time.Since(began))
		opt.request.After = cursor.Resume()
		stream, err = reopen(ctx, func() (*rpc.LogReader, error) { return a.client().Logs(ctx, opt.request) })
		if err != nil {
			return a.serverError(err)
		}
	}
}

// longer lets a span before now begin at the same moment after some time; a
// moment stays.
func longer(since string, passed time.Duration) string {
	if span, err := time.ParseDuration(since); err == nil {
		return (span + passed).String()
	}
	return since
}

// copyLogs prints what a stream tells until its end.
func copyLogs(printer *logPrinter, cursor *rpc.LogCursor, stream *rpc.LogReader) error {
	defer stream.Close()
	for {
		entry, err := stream.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if !ofNode(entry) && !cursor.Fresh(entry) {
			continue
		}
		if err := printer.print(entry); err != nil {
			return err
		}
	}
}
