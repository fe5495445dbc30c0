package rpc

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"maelstrom/cluster"
)

const eventBuffer = 64 // events between the database and the client

// serveEvents answers PathEvents: what happened, and with follow what happens,
// an event a line.
func (s *Server) serveEvents(w http.ResponseWriter, r *http.Request) {
	noted := &recalled{}
	s.tellAway(w.Header(), noted)
	q, follow, err := parseEventQuery(r.URL.Query(), time.Now())
	if err != nil {
		plain(w, http.StatusBadRequest, err.Error())
		return
	}
	if err := s.checkSubject(r.Context(), q); err != nil {
		status, reason := http.StatusServiceUnavailable, reasonUnavailable
		if classify(err).Kind == KindNotFound {
			status, reason = http.StatusNotFound, reasonNotFound
		}
		w.Header().Set(headerError, reason)
		plain(w, status, err.Error())
		return
	}
	ctx, cancel := context.WithCancel(withCaller(r.Context(), caller{recalled: noted}))
	defer cancel()
	events := make(chan cluster.Event, eventBuffer)
	var reading sync.WaitGroup
	if follow {
		if s.recall() != nil {
			_, _ = s.events(ctx, q) // what is noted of it goes ahead of the stream
		}
		reading.Go(func() { s.followEvents(ctx, q, events) })
	} else {
		found, err := s.events(ctx, q)
		if err != nil {
			w.Header().Set(headerError, reasonUnavailable)
			plain(w, http.StatusServiceUnavailable, err.Error())
			return
		}
		reading.Go(func() { sendEvents(ctx, found, events) })
	}
	s.tellAway(w.Header(), noted)
	out := newLineWriter(w)
	if err := out.copy(ctx, events); err != nil {
		s.deps.Logger.Debug("event stream ended", "error", err)
	}
	cancel()
	reading.Wait()
}

func sendEvents(ctx context.Context, found []cluster.Event, out chan<- cluster.Event) {
	defer close(out)
	for _, e := range found {
		select {
		case out <- e:
		case <-ctx.Done():
			return
		}
	}
}

func parseEventQuery(values url.Values, now time.Time) (q cluster.EventQuery, follow bool, err error) {
	req := ListEventsRequest{
		Source: values.Get("source"), Project: values.Get("project"),
		Component: values.Get("component"), Node: values.Get("node"),
	}
	for kind := range strings.SplitSeq(values.Get("kinds"), ",") {
		if kind != "" {
			req.Kinds = append(req.Kinds, cluster.EventKind(kind))
		}
	}
	for name, to := range map[string]func(int64){
		"after": func(n int64) { req.After = n }, "limit": func(n int64) { req.Limit = int(n) },
	} {
		if text := values.Get(name); text != "" {
			n, err := strconv.ParseInt(text, 10, 64)
			if err != nil || n < 0 {
				return q, false, fmt.Errorf("%s %q is not a number", name, text)
			}
			to(n)
		}
	}
	since, err := parseMoment("since", values.Get("since"), now)
	if err != nil {
		return q, false, err
	}
	req.Since = &since
	if follow, err = parseBool(values, "follow", false); err != nil {
		return q, false, err
	}
	q, err = req.query()
	return q, follow, err
}

// lineWriter writes events as JSON, one a line.
type lineWriter struct {
	w  http.ResponseWriter
	rc *http.ResponseController
}

func newLineWriter(w http.ResponseWriter) *lineWriter {
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	return &lineWriter{w: w, rc: http.NewResponseController(w)}
}

// copy writes events until they end, the client is gone, or ctx ends.
func (l *lineWriter) copy(ctx context.Context, events <-chan cluster.Event) error {
	ticker := time.NewTicker(logKeepAlive)
	defer ticker.Stop()
	if err := l.rc.Flush(); err != nil { // the header tells the client that it is accepted
		return fmt.Errorf("write events: %w", err)
	}
	for {
		var err error
		select {
		case e, ok := <-events:
			if !ok {
				return nil
			}
			err = l.write(e)
		case <-ticker.C:
			err = l.raw([]byte("\n"))
		case <-ctx.Done():
			return nil
		}
		if err == nil && len(events) == 0 {
			err = l.rc.Flush()
		}
		if err != nil {
			return fmt.Errorf("write events: %w", err)
		}
	}
}

func (l *lineWriter) write(e cluster.Event) error {
	line, err := encode(e)
	if err != nil {
		return err
	}
	return l.raw(append(line, '\n'))
}

func (l *lineWriter) raw(line []byte) error {
	// A stream may last; only a client that takes nothing must not.
	_ = l.rc.SetWriteDeadline(time.Now().Add(logStall)) // not every writer has one
	_, err := l.w.Write(line)
	return err
}
