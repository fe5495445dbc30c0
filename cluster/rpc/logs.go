package rpc

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"maelstrom/cluster"
)

const (
	logPing      = time.Second      // what the original's clients expect
	logKeepAlive = 15 * time.Second // an empty line between ndjson
	logStall     = 30 * time.Second // a client that takes nothing for so long is gone
	maxLogTail   = 1 << 20
)

// logQuery is a request for output.
type logQuery struct {
	components []string // full names, * stands for any text; empty: all
	since      time.Time
	tail       int
	follow     bool
	ndjson     bool
}

func parseLogQuery(values url.Values, now time.Time) (logQuery, error) {
	q := logQuery{ndjson: values.Get("format") == "ndjson"}
	if format := values.Get("format"); format != "" && !q.ndjson {
		return q, fmt.Errorf("format %q is unknown: it is ndjson, or left out", format)
	}
	for name := range strings.SplitSeq(strings.Join(values["components"], ","), ",") {
		if name = strings.ToLower(strings.TrimSpace(name)); name != "" {
			q.components = append(q.components, name)
		}
	}
	var err error
	if q.since, err = parseSince(values.Get("since"), now); err != nil {
		return q, err
	}
	if q.tail, err = parseTail(values.Get("tail")); err != nil {
		return q, err
	}
	if q.follow, err = parseFollow(values, !q.ndjson); err != nil {
		return q, err
	}
	if !q.ndjson && values.Get("since") == "" {
		q.since = now // the original shows what comes from now on
	}
	return q, nil
}

// parseSince reads a span before now, such as 10m, or a time.
func parseSince(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if span, err := time.ParseDuration(text); err == nil {
		if span < 0 {
			span = -span
		}
		return now.Add(-span), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("since %q is neither a span such as 10m nor a time such as 2006-01-02T15:04:05Z", text)
	}
	return at, nil
}

func parseTail(text string) (int, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxLogTail {
		return 0, fmt.Errorf("tail %q is not a number from 1 to %d", text, maxLogTail)
	}
	return n, nil
}

func parseFollow(values url.Values, missing bool) (bool, error) {
	if !values.Has("follow") {
		return missing, nil
	}
	text := values.Get("follow")
	if text == "" {
		return true, nil
	}
	follow, err := strconv.ParseBool(text)
	if err != nil {
		return false, fmt.Errorf("follow %q is neither true nor false", text)
	}
	return follow, nil
}

// selects tells whether the query asks for a component.
func (q *logQuery) selects(component string) bool {
	if len(q.components) == 0 {
		return true
	}
	for _, pattern := range q.components {
		if globMatch(pattern, component) {
			return true
		}
	}
	return false
}

// globMatch compares with a pattern in which * stands for any text.
func globMatch(pattern, text string) bool {
	first, rest, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == text
	}
	text, ok := strings.CutPrefix(text, first)
	if !ok {
		return false
	}
	for {
		middle, after, more := strings.Cut(rest, "*")
		if !more {
			return strings.HasSuffix(text, rest)
		}
		at := strings.Index(text, middle)
		if at < 0 {
			return false
		}
		text, rest = text[at+len(middle):], after
	}
}

// serveLogs answers PathLogs.
func (s *Server) serveLogs(w http.ResponseWriter, r *http.Request) {
	q, err := parseLogQuery(r.URL.Query(), time.Now())
	if err != nil {
		plain(w, http.StatusBadRequest, err.Error())
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	out := newLogWriter(w, q.ndjson)
	entries, wait := s.openLogs(ctx, q)
	if err := out.copy(ctx, entries); err != nil {
		s.deps.Logger.Debug("log stream ended", "error", err)
	}
	cancel()
	wait()
}

// logSources are the instances of this node that have output and q selects.
func (s *Server) logSources(q *logQuery) []*cluster.Instance {
	var list []*cluster.Instance
	snap := s.deps.Feed.Snapshot()
	placements, _ := snap.ByNode.Get(s.deps.Node)
	for id := range placements {
		i, ok := snap.Instances.Get(id)
		if ok && i.ContainerID != "" && q.selects(i.Component) {
			list = append(list, i)
		}
	}
	return list
}

// logWriter writes entries in one of the two formats.
type logWriter struct {
	w      http.ResponseWriter
	rc     *http.ResponseController
	ndjson bool
}

func newLogWriter(w http.ResponseWriter, ndjson bool) *logWriter {
	kind := "text/plain; charset=utf-8"
	if ndjson {
		kind = "application/x-ndjson"
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	return &logWriter{w: w, rc: http.NewResponseController(w), ndjson: ndjson}
}

// copy writes entries until they end, the client is gone, or ctx ends.
func (l *logWriter) copy(ctx context.Context, entries <-chan LogEntry) error {
	period := logPing
	if l.ndjson {
		period = logKeepAlive
	}
	ticker := time.NewTicker(period)
	defer ticker.Stop()
	if err := l.write(nil); err != nil { // the header tells the client that it is accepted
		return err
	}
	for {
		var err error
		select {
		case entry, ok := <-entries:
			if !ok {
				return nil
			}
			err = l.write(&entry)
		case <-ticker.C:
			err = l.ping()
		case <-ctx.Done():
			return nil
		}
		if err == nil && len(entries) == 0 {
			err = l.rc.Flush()
		}
		if err != nil {
			return err
		}
	}
}

func (l *logWriter) ping() error {
	if l.ndjson {
		return l.raw([]byte("\n"))
	}
	return l.raw([]byte("PING\r\n"))
}

// write writes one entry; nil flushes the header.
func (l *logWriter) write(e *LogEntry) error {
	if e == nil {
		return l.rc.Flush()
	}
	var line []byte
	var err error
	if l.ndjson {
		line, err = json.Marshal(e)
		line = append(line, '\n')
	} else {
		line, err = json.Marshal(originalLogEntry{Component: e.Component, Stream: e.Stream, Data: e.Text})
		line = append(line, '\r', '\n')
	}
	if err != nil {
		return fmt.Errorf("encode log line: %w", err)
	}
	return l.raw(line)
}

func (l *logWriter) raw(line []byte) error {
	// A stream may last; only a client that takes nothing must not.
	_ = l.rc.SetWriteDeadline(time.Now().Add(logStall)) // not every writer has one
	if _, err := l.w.Write(line); err != nil {
		return fmt.Errorf("write log line: %w", err)
	}
	return nil
}
