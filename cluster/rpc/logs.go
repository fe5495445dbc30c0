package rpc

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"maelstrom/cluster"
)

const (
	logPing      = time.Second      // what the original's clients expect
	logKeepAlive = 15 * time.Second // an empty line between ndjson
	logStall     = 30 * time.Second // a client that takes nothing for so long is gone
)

// A 404 or 503 with this header is about what was asked for, not about the
// address.
const (
	headerError    = "Maelstrom-Error"
	reasonNotFound = "not_found"

	reasonUnavailable = "unavailable"
)

// serveLogs answers PathLogs.
func (s *Server) serveLogs(w http.ResponseWriter, r *http.Request) {
	s.tellAway(w.Header(), nil)
	q, err := parseLogQuery(r.URL.Query(), time.Now())
	if err != nil {
		plain(w, http.StatusBadRequest, err.Error())
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	nodes := &nodeLogs{server: s, query: &q, asked: map[string]bool{}}
	others := nodes.open(ctx)
	status, err := s.checkKept(&q)
	if err != nil && !slices.ContainsFunc(others, func(o *opened) bool { return o.err == nil }) {
		refuseLogs(w, status, err)
		return
	}
	var own <-chan LogEntry
	wait := func() {}
	if err == nil {
		own, wait = s.openLogs(ctx, q)
	}
	entries := own
	var gathering sync.WaitGroup
	if s.deps.Peers != nil {
		all := make(chan LogEntry, logBuffer)
		entries = all
		gathering.Go(func() {
			defer close(all)
			s.gatherLogs(ctx, nodes, own, others, all)
		})
	}
	out := newLogWriter(w, q.ndjson)
	out.name = s.nodeNamer()
	if err := out.copy(ctx, entries); err != nil {
		s.deps.Logger.Debug("log stream ended", "error", err)
	}
	cancel()
	wait()
	gathering.Wait()
}

func refuseLogs(w http.ResponseWriter, status int, err error) {
	if status == http.StatusNotFound {
		w.Header().Set(headerError, reasonNotFound)
	}
	plain(w, status, err.Error())
}

// gatherLogs passes on the output of this node, nil for none, and of the others.
func (s *Server) gatherLogs(ctx context.Context, nodes *nodeLogs, own <-chan LogEntry, others []*opened, out chan<- LogEntry) {
	if nodes.query.follow {
		nodes.follow(ctx, own, others, out)
		return
	}
	if own == nil {
		none := make(chan LogEntry)
		close(none)
		own = none
	}
	nodes.merge(ctx, own, others, out)
}

// nodeNamer names the node of a line, where there is more than one.
func (s *Server) nodeNamer() func(id string) string {
	if s.deps.Peers == nil || s.deps.Feed.Snapshot().Nodes.Len() < 2 {
		return nil
	}
	return s.nodeName
}

// serveOwnLogs answers PathLogs for another node: the output of this one.
func (s *Server) serveOwnLogs(w http.ResponseWriter, r *http.Request) {
	q, err := parseLogQuery(r.URL.Query(), time.Now())
	if err != nil {
		plain(w, http.StatusBadRequest, err.Error())
		return
	}
	if status, err := s.checkKept(&q); err != nil {
		refuseLogs(w, status, err)
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	out := newLogWriter(w, true)
	out.period, out.stall = nodeLogPing, nodeLogStall // a merge may wait long for older lines of others
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
	for _, i := range q.unplaced(snap, s.deps.Node) {
		if i.ContainerID != "" {
			list = append(list, i)
		}
	}
	return list
}

// unplaced are the instances that a node runs without a row, of those that the
// query selects.
func (q *logQuery) unplaced(snap *cluster.Snapshot, node string) (list []*cluster.Instance) {
	for component, instances := range snap.Unplaced.All() {
		if !q.selects(component) {
			continue
		}
		for _, i := range instances {
			if i.Node == node {
				list = append(list, i)
			}
		}
	}
	return list
}

// logWriter writes entries in one of the two formats.
type logWriter struct {
	w      http.ResponseWriter
	rc     *http.ResponseController
	ndjson bool
	period time.Duration          // between signs of life
	stall  time.Duration          // of a client, after which it is gone
	name   func(id string) string // of a node; nil: there is one only
}

func newLogWriter(w http.ResponseWriter, ndjson bool) *logWriter {
	kind, period := "text/plain; charset=utf-8", logPing
	if ndjson {
		kind, period = "application/x-ndjson", logKeepAlive
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	return &logWriter{w: w, rc: http.NewResponseController(w), ndjson: ndjson, period: period, stall: logStall}
}

// copy writes entries until they end, the client is gone, or ctx ends.
func (l *logWriter) copy(ctx context.Context, entries <-chan LogEntry) error {
	ticker := time.NewTicker(l.period)
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
	if l.name != nil {
		e.NodeName = l.name(e.Node)
	}
	var line []byte
	var err error
	if l.ndjson {
		line, err = json.Marshal(e)
		line = append(line, '\n')
	} else if e.Stream == StreamNotice { // the original's clients know two streams
		return nil
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
	_ = l.rc.SetWriteDeadline(time.Now().Add(l.stall)) // not every writer has one
	if _, err := l.w.Write(line); err != nil {
		return fmt.Errorf("write log line: %w", err)
	}
	return nil
}
