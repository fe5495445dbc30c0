package peer

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"maelstrom/cluster"
)

// database is what all feeds of a test follow.
type database struct {
	mu     sync.Mutex
	number int64
	nodes  map[string]*cluster.Node
	log    map[int64]string // nodes, by the number of their change
	polls  map[string]int   // by reader
}

type reader struct {
	*database
	node string
}

func (r reader) ChangeNumber(context.Context) (int64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.polls[r.node]++
	return r.number, nil
}

func (r reader) Changes(_ context.Context, since int64) (cluster.ChangeSet, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	cs := cluster.ChangeSet{Number: r.number, Nodes: map[string]*cluster.Node{}}
	for n := since + 1; n <= r.number; n++ {
		if id, is := r.log[n]; is {
			cs.Nodes[id] = r.nodes[id]
		}
	}
	return cs, nil
}

func (d *database) put(node cluster.Node) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.change(node.ID, &node)
}

// change stores a node, or nil if it is gone. The lock is held.
func (d *database) change(id string, node *cluster.Node) {
	d.number++
	d.nodes[id], d.log[d.number] = node, id
}

// world is some nodes in a bubble.
type world struct {
	t       *testing.T
	db      *database
	network *network
	members map[string]*member
	pairs   int // up to how many nodes keep streams in pairs; zero: as always

	authority *memory // of nodes that talk TLS; nil: they are known by whom they dial

	mu     sync.Mutex
	holder string
}

// member is a node of a world: all of it that hubs need.
type member struct {
	*world
	id      string
	epoch   int64
	counter int64
	feed    *cluster.Feed
	hub     *Hub
	server  *http.Server
	stop    context.CancelFunc
	tasks   sync.WaitGroup

	away    atomic.Bool // the database, from this node
	mu      sync.Mutex
	last    time.Time // of answered
	load    map[string]cluster.ComponentLoad
	meter   cluster.Meter
	memory  []cluster.NodeMemory
	changed chan struct{}
	decide  func(ctx context.Context, op, node, what string) error
}

func newWorld(t *testing.T, ids ...string) *world {
	w := emptyWorld(t)
	for _, id := range ids {
		w.join(id)
	}
	return w
}

func emptyWorld(t *testing.T) *world {
	return &world{t: t, network: newNetwork(), members: map[string]*member{}, db: &database{nodes: map[string]*cluster.Node{}, log: map[int64]string{}, polls: map[string]int{}}}
}

func (w *world) join(id string) *member {
	m := &member{world: w, id: id, changed: make(chan struct{}, 1), load: map[string]cluster.ComponentLoad{}}
	w.members[id] = m
	m.start()
	return m
}

func (w *world) close() {
	for _, m := range w.members {
		m.crash()
	}
	w.network.change(func() {
		clear(w.network.cut)
		for p := range w.network.pipes {
			p.in.Close()
			p.out.Close()
		}
	})
}

func (w *world) setHolder(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.holder = id
}

func (w *world) holderNow() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.holder
}

type nodeKey struct{}

// start is what a daemon does: its node has a new epoch.
func (m *member) start() {
	m.epoch++
	m.counter = 0
	m.db.put(cluster.Node{ID: m.id, Epoch: m.epoch, State: cluster.NodeUp, Peers: true, Address: m.id})
	way := m.way()
	m.feed = cluster.NewFeed(reader{m.db, m.id}, cluster.FeedOptions{})
	epoch := m.epoch
	m.hub = New(Options{Node: m.id, Version: "test", Epoch: func() int64 { return epoch }}, Deps{
		Feed: m.feed, Loads: m, Decider: m, Holder: m.holderNow, Answered: m.answered,
		Dial: way.dial, NodeOf: way.nodeOf,
	})
	if m.pairs > 0 {
		m.hub.pairs = m.pairs
	}
	m.server = &http.Server{
		Handler: m.hub.Handler(), ErrorLog: log.New(io.Discard, "", 0),
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			if named, ok := c.(namedConn); ok {
				return context.WithValue(ctx, nodeKey{}, named.node)
			}
			return ctx
		},
	}
	ctx, stop := context.WithCancel(context.Background())
	m.stop = stop
	m.tasks.Go(func() { m.server.Serve(way.listener) })
	feed, hub := m.feed, m.hub
	m.tasks.Go(func() { feed.Run(ctx) })
	m.tasks.Go(func() { hub.Run(ctx) })
	m.push()
}

// way is how a member is reached, and reaches others.
type way struct {
	listener net.Listener
	dial     func(ctx context.Context, node cluster.Node, protocol string) (net.Conn, error)
	nodeOf   func(*http.Request) (node string, ok bool)
}

func (m *member) way() way {
	if m.authority != nil {
		return m.secured()
	}
	return way{
		listener: m.network.listen(m.id),
		dial: func(ctx context.Context, node cluster.Node, _ string) (net.Conn, error) {
			return m.network.dial(ctx, m.id, node.Address)
		},
		nodeOf: func(r *http.Request) (string, bool) {
			node, ok := r.Context().Value(nodeKey{}).(string)
			return node, ok
		},
	}
}

// answered is when the database did last, as far as m knows.
func (m *member) answered() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.away.Load() {
		m.last = time.Now()
	}
	return m.last
}

// crash ends a daemon without a word.
func (m *member) crash() {
	if m.stop == nil {
		return
	}
	m.server.Close()
	m.stop()
	m.tasks.Wait()
	m.stop = nil
}

// push reports one instance that tells how often was reported.
func (m *member) push() {
	m.counter++
	m.hub.PushInstances(cluster.InstanceList{Node: m.id, Epoch: m.epoch, Counter: m.counter, Instances: []cluster.Instance{
		{Placement: m.id, Node: m.id, State: cluster.InstanceReady, Restarts: int(m.counter), ReadyAt: time.Now()},
	}})
}

// knows tells what m has of another's latest report.
func (m *member) knows(other *member) string {
	i, ok := m.feed.Snapshot().Instances.Get(other.id)
	if !ok {
		return "nothing"
	}
	list, _ := m.feed.Snapshot().Lists.Get(other.id)
	return fmt.Sprintf("epoch %d, report %d", list.Epoch, i.Restarts)
}

func (m *member) latest() string { return fmt.Sprintf("epoch %d, report %d", m.epoch, m.counter) }

func (m *member) setLoad(component string, l cluster.ComponentLoad) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.load[component] = l
	signal(m.changed)
}

// setMeter lets a node have a meter.
func (m *member) setMeter(epoch int64, clock time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.meter = cluster.Meter{Epoch: epoch, Clock: clock}
}

// setMemory tells what a component takes there.
func (m *member) setMemory(component string, mib int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.memory = []cluster.NodeMemory{{Node: m.id, Uses: map[string]cluster.MemoryUse{component: {MiB: mib}}}}
}

// Load is Loads.Load.
func (m *member) Load() cluster.Load {
	m.mu.Lock()
	defer m.mu.Unlock()
	l := cluster.Load{Node: m.id, Components: map[string]cluster.ComponentLoad{}, Memory: m.memory}
	for name, one := range m.load {
		l.Components[name] = one
	}
	if m.meter.Clock > 0 {
		l.Meters = map[string]cluster.Meter{m.id: m.meter}
	}
	return l
}

// LoadChanged is Loads.LoadChanged.
func (m *member) LoadChanged() <-chan struct{} { return m.changed }

func (m *member) decision(ctx context.Context, op, node, what string) error {
	m.mu.Lock()
	decide := m.decide
	m.mu.Unlock()
	if decide == nil {
		return cluster.ErrNotHolder
	}
	return decide(ctx, op, node, what)
}

func (m *member) setDecide(decide func(ctx context.Context, op, node, what string) error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.decide = decide
}

// WakeFor is Decider.WakeFor.
func (m *member) WakeFor(ctx context.Context, node, component string) error {
	return m.decision(ctx, "wake", node, component)
}

// Sleep is Decider.Sleep.
func (m *member) Sleep(ctx context.Context, component string) error {
	return m.decision(ctx, "sleep", "", component)
}

// Reserve is Decider.Reserve.
func (m *member) Reserve(ctx context.Context, run cluster.Run) error {
	return m.decision(ctx, "reserve", run.Node, run.ID)
}

// pass lets virtual time go by.
func pass(d time.Duration) { idle(context.Background(), d) }
