package peer

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"maelstrom/cluster"
)

const (
	// lostAfter is how long a node is not heard until it counts as lost.
	lostAfter = 10 * time.Second

	// glance is how often it is looked at who is heard.
	glance = 100 * time.Millisecond

	// frozen is a time between two glances that tells of a pause of this
	// process, in which nobody could be heard.
	frozen = time.Second
)

// Feed is the view of the database, and of what nodes tell.
type Feed interface {
	Snapshot() *cluster.Snapshot
	Subscribe() (changed <-chan struct{}, cancel func())
	Hint()
	PushInstances(cluster.InstanceList)
	SetSilent(nodes map[string]bool)
	SetReach(away bool, cut map[string]bool)
}

// Loads is what this node's gateway sees.
type Loads interface {
	Load() cluster.Load
	LoadChanged() <-chan struct{}
}

// Decider decides, if this node holds the role placement; else its answer is
// cluster.ErrNotHolder.
type Decider interface {
	WakeFor(ctx context.Context, node, component string) error
	Sleep(ctx context.Context, component string) error
	Reserve(ctx context.Context, run cluster.Run) error
}

// Options say who this node is.
type Options struct {
	Node    string
	Version string       // of the daemon
	Epoch   func() int64 // of this start of the daemon
	Logger  *slog.Logger // nil: silent
}

// Deps are the parts that a Hub works with.
type Deps struct {
	Feed    Feed
	Loads   Loads
	Decider Decider
	Holder  func() string // who holds the role placement, as last seen; empty: nobody

	Answered func() time.Time // when the database did last; zero: not yet

	// Dial connects to the peer port of a node, by TLS in a given protocol of
	// HTTP, and fails where anybody else answers.
	Dial func(ctx context.Context, node cluster.Node, protocol string) (net.Conn, error)

	// NodeOf returns the node that has sent a request, if that is proven.
	NodeOf func(*http.Request) (node string, ok bool)
}

// Hub keeps a stream to each other node of the cluster. What comes by it makes
// things fast; every fact is in the database too. All methods are safe for
// concurrent use.
type Hub struct {
	opt  Options
	deps Deps
	log  *slog.Logger

	news        chan struct{} // buffered 1: somebody is heard again
	loadChanged chan struct{} // buffered 1
	memory      toldMemory    // of reportLoads alone
	loads       *sums

	mu      sync.Mutex // guards what follows
	open    bool       // Run runs, and this node does not leave
	remotes map[string]*remote

	others   map[string]*cluster.Node // expected, of othersOf
	othersOf cluster.Map[*cluster.Node]

	list    []byte // own instances, as they are sent
	told    int64  // change number that others were told of
	learned int64  // change number that others have told
	looked  time.Time
	own     ownReach

	begun time.Time
	pairs int       // maxPairs
	nodes int       // that are up, with this one
	who   string    // holds the role placement, as last seen; empty: nobody
	took  time.Time // when this node took it last
	voice *hearsay  // of the digest that counts; nil: none came yet
	relay relay

	ending sync.WaitGroup // of streams that others have opened
}

// remote is another node as it is seen from here.
type remote struct {
	since  time.Time // from when on it could have been heard
	heard  time.Time
	stream *stream            // nil: there is none
	forget context.CancelFunc // ends calling it; nil: it calls us
	load   teller
	reach  *reach    // what it has said of the database; nil: nothing
	told   time.Time // when
	spare  bool      // it could do without its stream

	parting time.Time // when it was told that it was removed; zero: it was not
	expels  bool      // it says that this node was removed

	tells   *hearsay // by its last digest; nil: it sent none
	relayed relayed
}

// New returns a Hub; nothing happens before Run.
func New(opt Options, deps Deps) *Hub {
	h := &Hub{
		opt: opt, deps: deps, log: opt.Logger,
		news: make(chan struct{}, 1), loadChanged: make(chan struct{}, 1),
		loads: newSums(), remotes: map[string]*remote{}, pairs: maxPairs,
	}
	if h.log == nil {
		h.log = slog.New(slog.DiscardHandler)
	}
	return h
}

// Run keeps the streams, and the Feed's view of who is heard, until ctx ends.
func (h *Hub) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	changed, unsubscribe := h.deps.Feed.Subscribe()
	var loops sync.WaitGroup
	defer func() {
		unsubscribe()
		cancel()
		h.close()
		loops.Wait()
		h.ending.Wait()
	}()
	h.start()
	loops.Go(func() { h.reportLoads(ctx) })
	tick := time.NewTicker(glance)
	defer tick.Stop()
	for {
		snap := h.deps.Feed.Snapshot()
		h.follow(snap)
		h.meet(ctx, snap, &loops)
		silent, paused := h.silent(snap)
		h.deps.Feed.SetSilent(silent)
		h.deps.Feed.SetReach(h.lookAround(paused))
		h.tellNumber(snap)
		h.tellDigest()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		case <-h.news:
		case <-tick.C:
		}
	}
}

func (h *Hub) start() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.open, h.looked = true, time.Now()
	h.begun = h.looked
	h.own = ownReach{base: h.looked, since: h.looked}
}

func (h *Hub) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.open = false
	for _, r := range h.remotes {
		if r.stream != nil {
			r.stream.conn.Close()
		}
		r.since, r.heard = time.Time{}, time.Time{}
	}
}

// Leave tells the others that this node stops: they send nothing here any
// more, without waiting for a silence.
func (h *Hub) Leave() {
	h.mu.Lock()
	h.open = false
	streams := h.streams()
	h.mu.Unlock()
	for _, s := range streams {
		_ = s.send(&frame{Bye: true}) // one that is not told finds out
	}
}

// meet keeps who there is to hear equal to the nodes of the cluster.
func (h *Hub) meet(ctx context.Context, snap *cluster.Snapshot, loops *sync.WaitGroup) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.open {
		return
	}
	now := time.Now()
	for id := range h.expected(snap) {
		r := h.remote(id)
		switch {
		case r.forget == nil && h.calls(id, r, now):
			calling, forget := context.WithCancel(ctx)
			r.forget = forget
			loops.Go(func() { h.keepCalling(calling, id) })
		case r.forget != nil && h.hangsUp(id, r, now):
			r.forget()
			r.forget = nil
		}
	}
	for id, r := range h.remotes {
		if node, ok := snap.Nodes.Get(id); ok && node.Peers {
			r.parting = time.Time{}
		} else if h.part(snap, id, r, now) {
			delete(h.remotes, id)
		}
	}
}

// expected are the other nodes that can be heard. Nobody changes the answer. The
// lock is held.
func (h *Hub) expected(snap *cluster.Snapshot) map[string]*cluster.Node {
	if h.others != nil && h.othersOf == snap.Nodes {
		return h.others
	}
	h.othersOf, h.others = snap.Nodes, make(map[string]*cluster.Node, snap.Nodes.Len())
	for id, node := range snap.Nodes.All() {
		if id != h.opt.Node && node.Peers {
			h.others[id] = node
		}
	}
	return h.others
}

func (h *Hub) remote(id string) *remote {
	r := h.remotes[id]
	if r == nil {
		r = &remote{since: time.Now()}
		h.remotes[id] = r
	}
	return r
}

// silent returns the nodes that are not heard. After a pause of this process
// all that were heard before it are given another moment.
func (h *Hub) silent(snap *cluster.Snapshot) (silent map[string]bool, paused bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	paused = now.Sub(h.looked) > frozen
	h.looked = now
	silent = map[string]bool{}
	for id := range h.expected(snap) {
		r := h.remote(id)
		if paused {
			r.since = now
			if r.stream != nil {
				r.heard = now
			}
		}
		switch {
		case r.lives(now):
		case h.vouched(id, now):
			r.since = now // who tells of it would have told if it were lost
		default:
			silent[id] = true
		}
	}
	return silent, paused
}

// sorted are the ids of the others. The lock is held.
func (h *Hub) sorted() []string { return slices.Sorted(maps.Keys(h.remotes)) }

func (r *remote) lives(now time.Time) bool {
	return !r.heard.IsZero() && now.Sub(r.heard) < silence
}

// Live tells whether a node shows signs of life: requests may be sent to it.
func (h *Hub) Live(node string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := h.remotes[node]
	return node == h.opt.Node || r != nil && h.hears(node, r, time.Now())
}

// Lost tells whether a node that should have been heard was not for so long
// that what it runs is to run elsewhere.
func (h *Hub) Lost(node string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	r, now := h.remotes[node], time.Now()
	if !h.open || r == nil || r.since.IsZero() || now.Sub(h.looked) > frozen || h.vouched(node, now) {
		return false
	}
	return now.Sub(r.since) >= lostAfter && now.Sub(r.heard) >= lostAfter
}

// Dial connects to the peer port of a node, in a given protocol of HTTP.
func (h *Hub) Dial(ctx context.Context, node, protocol string) (net.Conn, error) {
	row, ok := h.deps.Feed.Snapshot().Nodes.Get(node)
	if !ok || !row.Peers {
		return nil, errors.Join(ErrNoStream, cluster.ErrNotFound)
	}
	return h.deps.Dial(ctx, *row, protocol)
}

// PushInstances takes in the full list of this node's own instances, and sends
// it to all others.
func (h *Hub) PushInstances(l cluster.InstanceList) {
	h.deps.Feed.PushInstances(l)
	encoded, err := (&frame{Instances: &l}).encode()
	if err != nil {
		h.log.Error("other nodes are not told of instances", "error", err)
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.list = encoded
	for _, s := range h.streams() {
		s.put(partInstances, encoded)
	}
}

// tellNumber hints others at a change that this node was first to see.
func (h *Hub) tellNumber(snap *cluster.Snapshot) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if snap.Restored || snap.Number == h.told {
		return
	}
	h.told = snap.Number
	if h.told > h.learned {
		h.hintAll(h.told)
	}
}

// hintAll tells all of a change. The lock is held.
func (h *Hub) hintAll(number int64) {
	encoded, err := (&frame{Hint: number}).encode()
	if err != nil {
		return
	}
	for _, s := range h.streams() {
		s.put(partHint, encoded)
	}
}

// streams are those that there are. The lock is held.
func (h *Hub) streams() []*stream {
	var all []*stream
	for _, r := range h.remotes {
		if r.stream != nil {
			all = append(all, r.stream)
		}
	}
	return all
}

func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
