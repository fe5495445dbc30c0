package rpc

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// maxLogLine bounds one line of output, as JSON.
const maxLogLine = 16 << 20

// LogsRequest selects output of containers.
type LogsRequest struct {
	Components []string // full names, * stands for any text; empty: all
	Since      string   // a span before now, such as 10m, or a time; empty: from the start
	Until      string   // the same; empty: to the end
	Tail       int      // last lines of each container, with Previous of each component; 0: all
	Follow     bool     // go on with what comes, also of later containers
	Previous   bool     // also of containers that are gone, and of removed components

	// After are moments by component: of these all is shown that was written
	// then or later, whatever Since, Tail and Previous say.
	After map[string]time.Time
}

// LogReader reads output line by line.
type LogReader struct {
	client *Client
	body   io.ReadCloser
	lines  *bufio.Scanner
	heard  func() // at each sign of life; nil: nobody looks
}

// Logs opens the output of containers. The stream ends with ctx.
func (c *Client) Logs(ctx context.Context, req LogsRequest) (*LogReader, error) {
	if c.err != nil {
		return nil, c.err
	}
	query := url.Values{"format": {"ndjson"}, "follow": {strconv.FormatBool(req.Follow)}}
	if len(req.Components) > 0 {
		query.Set("components", strings.Join(req.Components, ","))
	}
	if req.Since != "" {
		query.Set("since", req.Since)
	}
	if req.Until != "" {
		query.Set("until", req.Until)
	}
	if req.Previous {
		query.Set("previous", "true")
	}
	if req.Tail > 0 {
		query.Set("tail", strconv.Itoa(req.Tail))
	}
	for component, at := range req.After {
		query.Add("after", component+afterMark+at.Format(time.RFC3339Nano))
	}
	resp, err := c.do(ctx, http.MethodGet, PathLogs+"?"+query.Encode(), nil)
	if err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(make([]byte, 0, 64<<10), maxLogLine)
	return &LogReader{client: c, body: resp.Body, lines: lines}, nil
}

// Next returns the next line; io.EOF at the end.
func (r *LogReader) Next() (LogEntry, error) {
	for r.lines.Scan() {
		if r.heard != nil {
			r.heard()
		}
		line := bytes.TrimSpace(r.lines.Bytes())
		if len(line) == 0 { // the daemon is there, and has nothing to tell
			continue
		}
		var entry LogEntry
		if err := json.Unmarshal(line, &entry); err != nil {
			return entry, fmt.Errorf("read log line: %w", err)
		}
		return entry, nil
	}
	switch err := r.lines.Err(); {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return LogEntry{}, fmt.Errorf("read logs: %w", err)
	case err != nil:
		return LogEntry{}, r.client.unreachable(err)
	}
	return LogEntry{}, io.EOF
}

// Close ends the stream.
func (r *LogReader) Close() error { return r.body.Close() }
