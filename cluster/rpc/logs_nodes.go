package rpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"maelstrom/cluster"
)

// The pace of output that comes from another node.
const (
	nodeLogOpen   = 3 * time.Second // until its answer begins
	nodeLogPing   = time.Second     // between signs of life, where it has nothing to tell
	nodeLogSilent = 5 * time.Second // without one, it is not waited for
	nodeLogPause  = time.Second     // before it is tried again
	nodeLogStall  = 10 * time.Minute
)

// nodeLog is the output of one other node, once it has answered.
type nodeLog struct {
	server *Server
	query  *logQuery
	node   *cluster.Node
	out    chan<- LogEntry
	cursor *LogCursor
	away   bool // that it can't be reached was told
}

// openNode asks a node for its part of the output. The reader ends with the
// context, or when cut is called.
func (l *nodeLog) openNode(ctx context.Context) (reader *LogReader, cut context.CancelFunc, err error) {
	if !l.server.deps.Peers.Live(l.node.ID) {
		return nil, nil, errNotHeard
	}
	ctx, cut = context.WithCancel(ctx)
	late := time.AfterFunc(nodeLogOpen, cut)
	reader, err = l.server.node(l.node.ID).Logs(ctx, l.request())
	if !late.Stop() && err == nil {
		reader.Close()
		err = context.DeadlineExceeded
	}
	if err != nil {
		cut()
		if ctx.Err() != nil && !errors.As(err, new(*Error)) {
			err = context.DeadlineExceeded
		}
	}
	return reader, cut, err
}

var errNotHeard = errors.New("it is not heard")

// request is the query as another node, with a clock of its own, is to have it.
func (l *nodeLog) request() LogsRequest {
	q := l.query
	req := LogsRequest{Components: q.components, Tail: q.tail, Follow: q.follow, Previous: q.previous, After: map[string]time.Time{}}
	if !q.since.IsZero() {
		req.Since = time.Since(q.since).String()
	}
	if !q.until.IsZero() {
		req.Until = time.Since(q.until).String()
	}
	for component, at := range q.after {
		req.After[component] = at
	}
	for component, at := range l.cursor.Resume() {
		req.After[component] = at
	}
	return req
}

// copy passes a node's lines on until it has told all, or does not answer any
// more.
func (l *nodeLog) copy(ctx context.Context, reader *LogReader, cut context.CancelFunc) error {
	defer cut()
	defer reader.Close()
	watch := time.AfterFunc(nodeLogSilent, cut)
	defer watch.Stop()
	reader.heard = func() { watch.Reset(nodeLogSilent) }
	for {
		entry, err := reader.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, context.Canceled) && ctx.Err() == nil:
			return fmt.Errorf("it has not answered for %s", nodeLogSilent)
		case err != nil && ctx.Err() == nil:
			return fmt.Errorf("it broke off: %s", whyUnreachable(err))
		case err != nil:
			return ctx.Err()
		}
		watch.Stop() // it is for us to go on
		if l.cursor.Fresh(entry) && !l.send(ctx, entry) {
			return ctx.Err()
		}
		watch.Reset(nodeLogSilent)
	}
}

func (l *nodeLog) send(ctx context.Context, entry LogEntry) bool {
	select {
	case l.out <- entry:
		return true
	case <-ctx.Done():
		return false
	}
}

// lacks says that output of the node is missing, and why, once until it is
// there again.
func (l *nodeLog) lacks(ctx context.Context, why string) {
	if l.away || ctx.Err() != nil {
		return
	}
	l.away = true
	l.notice(ctx, fmt.Sprintf("the output of node %s is missing: %s", l.node.DisplayName(), why))
}

func (l *nodeLog) notice(ctx context.Context, text string) {
	l.send(ctx, LogEntry{Time: time.Now().UTC(), Node: l.node.ID, Stream: StreamNotice, Text: text})
}

// failed tells of an error of opening a node's output. One that keeps none of
// what is asked for lacks nothing.
func (l *nodeLog) failed(ctx context.Context, err error) {
	var told *Error
	switch {
	case errors.As(err, &told) && told.Kind == KindNotFound:
	case errors.As(err, &told) && told.Kind == KindInvalid:
		l.lacks(ctx, told.Message)
	case l.matters():
		l.lacks(ctx, whyUnreachable(err))
	}
}

// matters tells whether a node has, or may have, output that the query selects.
func (l *nodeLog) matters() bool {
	if l.query.previous {
		return true
	}
	snap := l.server.deps.Feed.Snapshot()
	placements, _ := snap.ByNode.Get(l.node.ID)
	for _, p := range placements {
		if l.query.selects(p.Component) {
			return true
		}
	}
	return len(l.query.unplaced(snap, l.node.ID)) > 0
}

// follow keeps a node's output coming until ctx ends: a node that was removed may
// join again.
func (l *nodeLog) follow(ctx context.Context, reader *LogReader, cut context.CancelFunc) {
	pause := time.NewTicker(nodeLogPause)
	defer pause.Stop()
	for err := error(nil); ; reader, cut, err = l.openNode(ctx) {
		if err == nil && reader != nil {
			if l.away {
				l.away = false
				l.notice(ctx, fmt.Sprintf("the output of node %s goes on", l.node.DisplayName()))
			}
			err = l.copy(ctx, reader, cut)
		}
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			l.failed(ctx, err)
		}
		select {
		case <-pause.C:
		case <-ctx.Done():
			return
		}
	}
}

// nodeLogs are those of all other nodes.
type nodeLogs struct {
	server *Server
	query  *logQuery
	asked  map[string]bool
	wg     sync.WaitGroup
}

// opened is a node's log that has been tried to open.
type opened struct {
	*nodeLog
	reader *LogReader // nil: err says why not
	cut    context.CancelFunc
	err    error
}

// open asks every other node that may have something to say, all at once.
func (n *nodeLogs) open(ctx context.Context) []*opened {
	var list []*opened
	for _, node := range n.server.others() {
		log := &nodeLog{server: n.server, query: n.query, node: node, cursor: NewLogCursor()}
		if n.asked[node.ID] || !n.query.follow && !log.matters() {
			continue
		}
		n.asked[node.ID] = true
		list = append(list, &opened{nodeLog: log})
	}
	var all sync.WaitGroup
	for _, o := range list {
		all.Go(func() { o.reader, o.cut, o.err = o.openNode(ctx) })
	}
	all.Wait()
	return list
}

// follow passes on what this node and the others say, in the order of its
// arrival, also of nodes that join later.
func (n *nodeLogs) follow(ctx context.Context, own <-chan LogEntry, list []*opened, out chan<- LogEntry) {
	defer n.wg.Wait()
	changed, unsubscribe := n.server.deps.Feed.Subscribe()
	defer unsubscribe()
	n.start(ctx, list, out)
	for {
		select {
		case entry, ok := <-own:
			if !ok {
				own = nil
				continue
			}
			select {
			case out <- entry:
			case <-ctx.Done():
				return
			}
		case <-changed:
			n.start(ctx, n.later(), out)
		case <-ctx.Done():
			return
		}
	}
}

// later are the nodes that have joined since.
func (n *nodeLogs) later() []*opened {
	var list []*opened
	for _, node := range n.server.others() {
		if !n.asked[node.ID] {
			n.asked[node.ID] = true
			list = append(list, &opened{nodeLog: &nodeLog{server: n.server, query: n.query, node: node, cursor: NewLogCursor()}})
		}
	}
	return list
}

func (n *nodeLogs) start(ctx context.Context, list []*opened, out chan<- LogEntry) {
	for _, o := range list {
		o.out = out
		n.wg.Go(func() {
			if o.err != nil {
				o.failed(ctx, o.err)
			}
			o.nodeLog.follow(ctx, o.reader, o.cut)
		})
	}
}

// merge passes on what this node and the others have, oldest line first, and
// last what is missing.
func (n *nodeLogs) merge(ctx context.Context, own <-chan LogEntry, list []*opened, out chan<- LogEntry) {
	sources := []<-chan LogEntry{own}
	for _, o := range list {
		lines := make(chan LogEntry, logBuffer)
		o.out = lines
		sources = append(sources, lines)
		n.wg.Go(func() {
			defer close(lines)
			if o.err == nil {
				o.err = o.copy(ctx, o.reader, o.cut)
			}
			if o.err != nil {
				o.failed(ctx, o.err)
			}
		})
	}
	defer n.wg.Wait()
	mergeByTime(ctx, sources, out)
}

// mergeByTime reads channels of lines, each in its order, to their ends.
func mergeByTime(ctx context.Context, sources []<-chan LogEntry, out chan<- LogEntry) {
	heads := make([]LogEntry, 0, len(sources))
	live := make([]<-chan LogEntry, 0, len(sources))
	for _, source := range sources {
		if entry, ok := <-source; ok {
			heads, live = append(heads, entry), append(live, source)
		}
	}
	for len(live) > 0 {
		oldest := 0
		for i, head := range heads {
			if head.Time.Before(heads[oldest].Time) {
				oldest = i
			}
		}
		select {
		case out <- heads[oldest]:
		case <-ctx.Done():
			return
		}
		entry, ok := <-live[oldest]
		if heads[oldest] = entry; !ok {
			heads, live = slices.Delete(heads, oldest, oldest+1), slices.Delete(live, oldest, oldest+1)
		}
	}
}
