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

	"maelstrom/cluster"
)

// ListEvents lists what happened, oldest first.
func (c *Client) ListEvents(ctx context.Context, req ListEventsRequest) (answer EventList, err error) {
	err = c.call(ctx, "EventService.List", req, &answer)
	return answer, err
}

// EventReader reads events one by one.
type EventReader struct {
	client *Client
	body   io.ReadCloser
	lines  *bufio.Scanner
}

// FollowEvents opens the stream of what req selects and of what happens from
// now on. It ends with ctx.
func (c *Client) FollowEvents(ctx context.Context, req ListEventsRequest) (*EventReader, error) {
	if c.err != nil {
		return nil, c.err
	}
	query := url.Values{"follow": {"true"}}
	for name, value := range map[string]string{
		"source": req.Source, "project": req.Project, "component": req.Component, "node": req.Node,
		"kinds": strings.ReplaceAll(joinKinds(req.Kinds), " ", ""),
	} {
		if value != "" {
			query.Set(name, value)
		}
	}
	if req.After > 0 {
		query.Set("after", strconv.FormatInt(req.After, 10))
	}
	if req.Limit > 0 {
		query.Set("limit", strconv.Itoa(req.Limit))
	}
	if req.Since != nil {
		query.Set("since", req.Since.UTC().Format(time.RFC3339Nano))
	}
	resp, err := c.do(ctx, http.MethodGet, PathEvents+"?"+query.Encode(), nil)
	if err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(make([]byte, 0, 64<<10), maxLogLine)
	return &EventReader{client: c, body: resp.Body, lines: lines}, nil
}

// Next returns the next event; io.EOF at the end.
func (r *EventReader) Next() (cluster.Event, error) {
	for r.lines.Scan() {
		line := bytes.TrimSpace(r.lines.Bytes())
		if len(line) == 0 { // the daemon is there, and has nothing to tell
			continue
		}
		var e cluster.Event
		if err := json.Unmarshal(line, &e); err != nil {
			return e, fmt.Errorf("read event: %w", err)
		}
		return e, nil
	}
	switch err := r.lines.Err(); {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return cluster.Event{}, fmt.Errorf("read events: %w", err)
	case err != nil:
		return cluster.Event{}, r.client.unreachable(err)
	}
	return cluster.Event{}, io.EOF
}

// Close ends the stream.
func (r *EventReader) Close() error { return r.body.Close() }
