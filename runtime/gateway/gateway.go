// Package gateway is the HTTP front door of a node: it finds the component
// that a request is for, waits until one of its instances has a free slot,
// waking the component if it sleeps, and hands the request to the proxy.
package gateway

import (
	"context"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"maelstrom/cluster"
	"maelstrom/runtime/proxy"
)

// Snapshots is where the gateway reads what exists.
type Snapshots interface {
	Snapshot() *cluster.Snapshot
	Subscribe() (changed <-chan struct{}, cancel func())
}

// Waker takes a component from no instance to one. Wake returns once the
// placement is committed, a *cluster.Failure if it is refused, or another
// error if it is worth trying again.
type Waker interface {
	Wake(ctx context.Context, component string) error
}

// WakerFunc is a Waker that is a function.
type WakerFunc func(ctx context.Context, component string) error

// Wake calls f.
func (f WakerFunc) Wake(ctx context.Context, component string) error { return f(ctx, component) }

// Peers are the other nodes, as far as requests can be sent to instances there.
type Peers interface {
	// Live tells whether a node shows signs of life.
	Live(node string) bool

	// Dial connects to the peer port of a node by TLS, in a given protocol of
	// HTTP ("h2" or "http/1.1"), and fails where anybody else answers.
	Dial(ctx context.Context, node, protocol string) (net.Conn, error)
}

// Deps are the parts that the gateway talks to.
type Deps struct {
	Snapshots Snapshots
	Waker     Waker
	Peers     Peers // nil: only instances of this node are routed to
}

// Options set a gateway up. Zero fields take the defaults.
type Options struct {
	Node string // this one: its instances are dialled, those of others reached by Deps.Peers

	// Dial makes connections to instances; nil: a net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	// Engine forwards requests; nil: the proxy package's own.
	Engine proxy.Engine

	// TrustedProxies are the peers whose X-Forwarded-* fields are believed.
	TrustedProxies proxy.Trust

	// StartTime is what 95 of 100 starts of a component took at most, false if
	// none is known; nil: nothing is known of any.
	StartTime func(component string) (time.Duration, bool)

	QueueLimit   int           // waiting requests of one component
	QueueMemory  int64         // bytes of all waiting requests together; zero: no bound
	QueueTimeout time.Duration // longest wait; zero: the component's maxdurationseconds alone
	Stall        time.Duration // without a byte either way, an exchange is given up
	StreamStall  time.Duration // the same for streams and upgraded connections

	Logger     *slog.Logger          // nil: discarded
	AccessLog  *slog.Logger          // nil: no access log
	Registerer prometheus.Registerer // nil: no metrics
}

// DefaultQueueLimit is how many requests of one component may wait.
const DefaultQueueLimit = 10_000

// Gateway routes requests to instances. All methods are safe for concurrent use.
type Gateway struct {
	opt       Options
	snapshots Snapshots
	waker     Waker
	peers     Peers // nil: there are none
	engine    proxy.Engine
	begun     time.Time

	leaving   atomic.Bool
	ended     atomic.Bool               // Run is over: nobody is put in a queue any more
	unmatched map[result]*atomic.Uint64 // requests without a component, by their answer; never changed
	load      pulse
	received  received // from other nodes
	links     links    // to other nodes
	repeats   repeats
	engines   engines // of all nodes
	waiting   budget  // of what waits, of all components

	dispatchers atomic.Pointer[cluster.Map[*dispatcher]] // by component, those asked for so far

	mu     sync.Mutex // guards changes of dispatchers, and what follows
	wakes  []*dispatcher
	wakeUp chan struct{}
}

// New returns a gateway; nothing happens until Run.
func New(opt Options, deps Deps) *Gateway {
	if opt.QueueLimit <= 0 {
		opt.QueueLimit = DefaultQueueLimit
	}
	if opt.Stall <= 0 {
		opt.Stall = proxy.DefaultStall
	}
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	if opt.Engine == nil {
		opt.Engine = proxy.New(proxy.Options{
			Dial:           opt.Dial,
			TrustedProxies: opt.TrustedProxies,
			Stall:          opt.Stall,
			StreamStall:    opt.StreamStall,
		})
	}
	g := &Gateway{
		opt:       opt,
		snapshots: deps.Snapshots,
		waker:     deps.Waker,
		peers:     deps.Peers,
		engine:    opt.Engine,
		begun:     time.Now(),
		unmatched: map[result]*atomic.Uint64{},
		load:      newPulse(),
		wakeUp:    make(chan struct{}, 1),
	}
	g.links.g = g
	g.engines.byNode = map[string]engine{}
	g.waiting.limit = opt.QueueMemory
	for _, r := range []*refusal{refuseUnknown, refuseStopped, refuseMalformed} {
		g.unmatched[result{r.status, r.reason}] = new(atomic.Uint64)
	}
	g.dispatchers.Store(&cluster.Map[*dispatcher]{})
	if opt.Registerer != nil {
		if err := opt.Registerer.Register(&collector{g}); err != nil {
			opt.Logger.Error("gateway metrics not registered", "error", err)
		}
	}
	return g
}

// SetLeaving makes the health check tell load balancers to go elsewhere.
func (g *Gateway) SetLeaving(leaving bool) { g.leaving.Store(leaving) }

// dispatcher returns the dispatcher of a component that the snapshot has, nil
// if it has none of that name.
func (g *Gateway) dispatcher(component string) *dispatcher {
	if d, ok := g.dispatchers.Load().Get(component); ok {
		return d
	}
	if _, ok := g.snapshots.Snapshot().Components.Get(component); !ok {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	all := g.dispatchers.Load()
	if d, ok := all.Get(component); ok {
		return d
	}
	d := newDispatcher(g, component)
	more := all.With(map[string]*dispatcher{component: d}, nil)
	g.dispatchers.Store(&more)
	return d
}

// forget drops the dispatchers of components that are gone and idle.
func (g *Gateway) forget(gone []string) {
	if len(gone) == 0 {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	fewer := g.dispatchers.Load().With(nil, gone)
	g.dispatchers.Store(&fewer)
}
