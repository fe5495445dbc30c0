package gateway

import (
	"context"
	"net"
	"sync"
	"time"

	"maelstrom/cluster"
	"maelstrom/runtime/proxy"
)

const (
	// glance is how often nodes that are not heard are looked at.
	glance = 250 * time.Millisecond

	// quiet is for how long no connection to such a node said anything until what
	// it has not begun to answer is sent elsewhere. One that says it leaves is
	// not heard either, but finishes what it has.
	quiet = 2 * time.Second

	// severAfter is when all connections to it are broken.
	severAfter = 10 * time.Second
)

// link is the way to another node.
type link struct {
	node  string
	peer  proxy.Peer
	tries [len(tryOutcomes)]counter

	missed time.Time // since when it is not heard; zero: it is. Guarded by links.mu
}

// links are the ways to other nodes, each made when it is needed first.
type links struct {
	g        *Gateway
	mu       sync.Mutex
	byNode   map[string]*link
	watching bool
}

// to returns the way to a node.
func (l *links) to(node string) *link {
	l.mu.Lock()
	defer l.mu.Unlock()
	if found := l.byNode[node]; found != nil {
		return found
	}
	made := &link{node: node, peer: l.g.engine.Connect(func(ctx context.Context, protocol string) (net.Conn, error) {
		return l.g.peers.Dial(ctx, node, protocol)
	})}
	if l.byNode == nil {
		l.byNode = map[string]*link{}
	}
	l.byNode[node] = made
	return made
}

// all are those that there are.
func (l *links) all() []*link {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make([]*link, 0, len(l.byNode))
	for _, one := range l.byNode {
		all = append(all, one)
	}
	return all
}

// follow notes who is heard, and breaks with nodes that are gone.
func (l *links) follow(snap *cluster.Snapshot) {
	for _, one := range l.noteAll(snap) {
		one.peer.Sever()
	}
}

// noteAll notes who is heard, and returns the ways to nodes that are gone. What
// breaks with a node is done without the lock: to close its connections may take
// a while, in which others are asked.
func (l *links) noteAll(snap *cluster.Snapshot) (gone []*link) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for node, one := range l.byNode {
		if _, known := snap.Nodes.Get(node); !known {
			delete(l.byNode, node)
			gone = append(gone, one)
			continue
		}
		l.note(one, snap.Hears(node))
	}
	return gone
}

// note notes whether a node is heard. The lock is held.
func (l *links) note(one *link, heard bool) {
	if heard {
		one.missed = time.Time{}
		return
	}
	if one.missed.IsZero() {
		one.missed = time.Now()
	}
	if !l.watching {
		l.watching = true
		time.AfterFunc(glance, l.watch)
	}
}

// watch looks after the nodes that are not heard until there are none.
func (l *links) watch() {
	now := time.Now()
	for one, missed := range l.unheard() {
		one.tend(missed, now)
	}
}

// unheard are the nodes that were not heard at the last look, and since when. It
// looks again, and sees to it that somebody does later if there are any.
func (l *links) unheard() map[*link]time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.watching = false
	if l.g.ended.Load() {
		return nil
	}
	silent := map[*link]time.Time{}
	for node, one := range l.byNode {
		if !one.missed.IsZero() {
			silent[one] = one.missed
			l.note(one, l.g.peers.Live(node))
		}
	}
	return silent
}

// tend ends what waits in vain for a node that is not heard since a time.
func (one *link) tend(missed, now time.Time) {
	heard := one.peer.Heard()
	if heard.Before(missed.Add(-quiet)) {
		heard = missed.Add(-quiet) // the last sign of life by other ways
	}
	switch silence := now.Sub(heard); {
	case silence >= severAfter:
		one.peer.Sever()
	case silence >= quiet:
		one.peer.Abandon()
	}
}

// close breaks with all nodes, unless somebody still waits for one.
func (l *links) close() {
	if l.g.repeats.active.Load() > 0 {
		return
	}
	for _, one := range l.all() {
		one.peer.Sever()
	}
}

// reaches tells whether requests can be sent to instances of a node.
func (g *Gateway) reaches(snap *cluster.Snapshot, node string) bool {
	if node == g.opt.Node {
		return true
	}
	if g.peers == nil || !snap.Hears(node) {
		return false
	}
	row, known := snap.Nodes.Get(node)
	return known && row.Peers
}
