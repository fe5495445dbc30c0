package rpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// errNotKept answers a question about the past that nobody can answer.
var errNotKept = errors.New("this node keeps no output: previous and until need MAEL_LOG_RING_MIB and MAEL_LOG_RING_DAYS above 0")

// checkKept tells whether a query about what is gone can be answered.
func (s *Server) checkKept(q *logQuery) (status int, err error) {
	if s.deps.Kept == nil && (q.previous || !q.until.IsZero()) {
		return http.StatusBadRequest, errNotKept
	}
	if !q.previous {
		return http.StatusOK, nil
	}
	kept, err := s.deps.Kept.KeptComponents()
	if err != nil {
		return http.StatusInternalServerError, err
	}
	snap := s.deps.Feed.Snapshot()
	for _, name := range q.components {
		_, declared := snap.Components.Get(name)
		if !declared && !slices.Contains(kept, name) && !strings.Contains(name, "*") {
			return http.StatusNotFound, fmt.Errorf("there is no component %q, and no output of one is kept", name)
		}
	}
	return http.StatusOK, nil
}

// keptTail reads the kept output of several components: what there is by time,
// then what comes in the order of its arrival.
type keptTail struct {
	server *Server
	query  logQuery
	out    chan<- LogEntry

	open map[string]bool // by component
	wg   sync.WaitGroup
}

// keptHead is a stream and the line that it would give next.
type keptHead struct {
	component string
	stream    KeptStream
	line      KeptLine
}

func (t *keptTail) run(ctx context.Context) {
	defer t.wg.Wait()
	changed, cancel := t.server.deps.Feed.Subscribe()
	defer cancel()
	streams, whole := t.merge(ctx, t.opened())
	if !t.query.follow || !whole {
		closeAll(streams)
		return
	}
	for {
		for _, h := range streams {
			t.wg.Go(func() { t.follow(ctx, h) })
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
		streams = t.opened()
	}
}

// opened opens the streams of components that were not opened yet.
func (t *keptTail) opened() []*keptHead {
	var heads []*keptHead
	for component, containers := range t.components() {
		if t.open[component] {
			continue
		}
		since, tail, again := t.query.from(component)
		if again {
			containers = nil
		}
		stream, err := t.server.deps.Kept.OpenKept(component, KeptOptions{
			Since: since, Until: t.query.until, Tail: tail, Containers: containers,
		})
		if err != nil {
			t.server.deps.Logger.Warn("kept output not opened", "component", component, "error", err)
			continue
		}
		t.open[component] = true
		heads = append(heads, &keptHead{component: component, stream: stream})
	}
	slices.SortFunc(heads, func(x, y *keptHead) int { return strings.Compare(x.component, y.component) })
	return heads
}

// components are those that the query selects, each with the containers to
// show; nil: all.
func (t *keptTail) components() map[string][]string {
	found := map[string][]string{}
	for _, i := range t.server.logSources(&t.query) {
		if found[i.Component] = append(found[i.Component], i.ContainerID); t.query.previous {
			found[i.Component] = nil
		}
	}
	if !t.query.previous {
		return found
	}
	kept, err := t.server.deps.Kept.KeptComponents()
	if err != nil {
		t.server.deps.Logger.Warn("kept output not listed", "error", err)
	}
	for _, component := range kept {
		if t.query.selects(component) {
			found[component] = nil
		}
	}
	return found
}

// merge reads every stream to its present end, oldest line first. Whole tells
// that nothing cut it short.
func (t *keptTail) merge(ctx context.Context, heads []*keptHead) (all []*keptHead, whole bool) {
	var live []*keptHead
	for _, h := range heads {
		if t.advance(h) {
			live = append(live, h)
		}
	}
	for len(live) > 0 {
		oldest := 0
		for i, h := range live {
			if h.line.Time.Before(live[oldest].line.Time) {
				oldest = i
			}
		}
		if !t.send(ctx, live[oldest]) {
			return heads, false
		}
		if !t.advance(live[oldest]) {
			live = slices.Delete(live, oldest, oldest+1)
		}
	}
	return heads, true
}

// advance tells whether there is a line now.
func (t *keptTail) advance(h *keptHead) bool {
	line, err := h.stream.Next()
	h.line = line
	if err != nil && !errors.Is(err, io.EOF) {
		t.server.deps.Logger.Warn("kept output not read", "component", h.component, "error", err)
	}
	return err == nil
}

func (t *keptTail) follow(ctx context.Context, h *keptHead) {
	defer h.stream.Close()
	for h.stream.Wait(ctx) == nil {
		for t.advance(h) {
			if !t.send(ctx, h) {
				return
			}
		}
	}
}

func (t *keptTail) send(ctx context.Context, h *keptHead) bool {
	entry := LogEntry{
		Time:      h.line.Time,
		Component: h.component,
		Instance:  h.line.Instance,
		Node:      t.server.deps.Node,
		Stream:    h.line.Stream,
		Text:      h.line.Text,
	}
	if t.query.previous {
		entry.Container, entry.Version = h.line.Container, h.line.Version
	}
	select {
	case t.out <- entry:
		return true
	case <-ctx.Done():
		return false
	}
}

func closeAll(heads []*keptHead) {
	for _, h := range heads {
		_ = h.stream.Close()
	}
}

// NoticeStream is a stream that only says why there is no output.
func NoticeStream(text string) LogStream { return &noticeStream{text: text} }

type noticeStream struct {
	text string
	told bool
}

func (n *noticeStream) Next() (LogLine, error) {
	if n.told {
		return LogLine{}, io.EOF
	}
	n.told = true
	return LogLine{Time: time.Now(), Stream: StreamNotice, Text: n.text}, nil
}

func (n *noticeStream) Close() error { return nil }
