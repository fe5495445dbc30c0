package rpc

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"maelstrom/cluster"
)

const logBuffer = 256 // lines between the containers and the client

// openLogs reads the output that q selects into a channel, which is closed at
// its end. Wait returns when nothing reads any more, soon after ctx ends.
func (s *Server) openLogs(ctx context.Context, q logQuery) (entries <-chan LogEntry, wait func()) {
	out := make(chan LogEntry, logBuffer)
	var done sync.WaitGroup
	if s.deps.Kept != nil {
		kept := &keptTail{server: s, query: q, out: out, open: map[string]bool{}}
		done.Go(func() {
			defer close(out)
			kept.run(ctx)
		})
		return out, done.Wait
	}
	tail := &logTail{server: s, query: q, out: out, open: map[string]bool{}, last: map[string]time.Time{}}
	done.Go(func() {
		defer close(out)
		if q.follow {
			tail.follow(ctx)
		} else {
			tail.merge(ctx)
		}
	})
	return out, done.Wait
}

// logTail reads the output of several containers.
type logTail struct {
	server *Server
	query  logQuery
	out    chan<- LogEntry

	mu   sync.Mutex
	open map[string]bool      // by container id, once opened
	last map[string]time.Time // of the latest line, by container id
	wg   sync.WaitGroup
}

// follow reads every container, those that start later included, until ctx
// ends. Lines come in the order of their arrival.
func (t *logTail) follow(ctx context.Context) {
	defer t.wg.Wait()
	changed, cancel := t.server.deps.Feed.Subscribe()
	defer cancel()
	for {
		for _, source := range t.server.logSources(&t.query) {
			t.start(ctx, source)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// start reads a container that is not being read yet. One that was there when
// the request came is shown from where the query says, a later one wholly.
func (t *logTail) start(ctx context.Context, source *cluster.Instance) {
	t.mu.Lock()
	seen := t.open[source.ContainerID]
	t.open[source.ContainerID] = true
	t.mu.Unlock()
	if seen {
		return
	}
	stream, err := t.openOne(ctx, source)
	if err != nil {
		t.forget(source.ContainerID) // tried again at the next change
		return
	}
	t.wg.Go(func() {
		stop := context.AfterFunc(ctx, func() { _ = stream.Close() })
		defer stop()
		defer stream.Close()
		for {
			line, err := stream.Next()
			if err != nil {
				t.ended(ctx, source, err)
				return
			}
			if !t.send(ctx, source, line) {
				return
			}
		}
	})
}

func (t *logTail) openOne(ctx context.Context, source *cluster.Instance) (LogStream, error) {
	since, tail, _ := t.query.from(source.Component)
	opt := LogOptions{Follow: t.query.follow, Since: since, Tail: tail}
	t.mu.Lock()
	if last, again := t.last[source.ContainerID]; again {
		opt.Since, opt.Tail = last.Add(1), 0
	}
	t.mu.Unlock()
	stream, err := t.server.deps.Logs.OpenLog(ctx, source.ContainerID, opt)
	if err != nil && ctx.Err() == nil {
		t.server.deps.Logger.Warn("container log not opened", "component", source.Component, "instance", source.Placement, "error", err)
	}
	return stream, err
}

// ended tells why a stream ended. One that broke off is opened again at the
// next change, after its latest line.
func (t *logTail) ended(ctx context.Context, source *cluster.Instance, err error) {
	if errors.Is(err, io.EOF) || ctx.Err() != nil {
		return
	}
	t.server.deps.Logger.Debug("container log broke off", "component", source.Component, "instance", source.Placement, "error", err)
	t.forget(source.ContainerID)
}

func (t *logTail) forget(container string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.open, container)
}

func (t *logTail) send(ctx context.Context, source *cluster.Instance, line LogLine) bool {
	entry := LogEntry{
		Time:      line.Time,
		Component: source.Component,
		Instance:  source.Placement,
		Node:      source.Node,
		Stream:    line.Stream,
		Text:      line.Text,
	}
	select {
	case t.out <- entry:
		t.mu.Lock()
		t.last[source.ContainerID] = line.Time
		t.mu.Unlock()
		return true
	case <-ctx.Done():
		return false
	}
}

// logHead is a stream and the line that it would give next.
type logHead struct {
	source *cluster.Instance
	stream LogStream
	line   LogLine
}

// merge reads every container to its end, oldest line first.
func (t *logTail) merge(ctx context.Context) {
	var heads []*logHead
	defer func() {
		for _, h := range heads {
			_ = h.stream.Close()
		}
	}()
	for _, source := range t.server.logSources(&t.query) {
		stream, err := t.openOne(ctx, source)
		if err != nil {
			continue
		}
		heads = append(heads, &logHead{source: source, stream: stream})
		heads = t.advance(ctx, heads, len(heads)-1)
	}
	for len(heads) > 0 {
		oldest := 0
		for i, h := range heads {
			if h.line.Time.Before(heads[oldest].line.Time) {
				oldest = i
			}
		}
		if !t.send(ctx, heads[oldest].source, heads[oldest].line) {
			return
		}
		heads = t.advance(ctx, heads, oldest)
	}
}

// advance reads the next line of head i, which leaves the list at its end.
func (t *logTail) advance(ctx context.Context, heads []*logHead, i int) []*logHead {
	h := heads[i]
	line, err := h.stream.Next()
	if err == nil {
		h.line = line
		return heads
	}
	t.ended(ctx, h.source, err)
	_ = h.stream.Close()
	return append(heads[:i], heads[i+1:]...)
}
