package rpc

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
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
	s.tellAway(w.Header())
	q, err := parseLogQuery(r.URL.Query(), time.Now())
	if err != nil {
		plain(w, http.StatusBadRequest, err.Error())
		return
	}
	if status, err := s.checkKept(&q); err != nil {
		if status == http.StatusNotFound {
			w.Header().Set(headerError, reasonNotFound)
		}
		plain(w, status, err.Error())
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
	_ = l.rc.SetWriteDeadline(time.Now().Add(logStall)) // not every writer has one
	if _, err := l.w.Write(line); err != nil {
		return fmt.Errorf("write log line: %w", err)
	}
	return nil
}
