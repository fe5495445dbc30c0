// Package gateway is the HTTP front door of a node: it finds the component
// that a request is for, waits until one of its instances has a free slot,
// waking the component if it sleeps, and hands the request to the proxy.
package gateway

import (
	"context"
	"log/slog"
	"net"
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

// Deps are the parts that the gateway talks to.
type Deps struct {
	Snapshots Snapshots
	Waker     Waker
}

// Options set a gateway up. Zero fields take the defaults.
type Options struct {
	Node string // only instances of this node are dialled

	// Dial makes connections to instances; nil: a net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	// Engine forwards requests; nil: the proxy package's own.
	Engine proxy.Engine

	// TrustedProxies are the peers whose X-Forwarded-* fields are believed.
	TrustedProxies proxy.Trust

	QueueLimit   int           // waiting requests of one component
	QueueTimeout time.Duration // longest wait; zero: the component's maxdurationseconds alone
	Stall        time.Duration // without a byte either way, an exchange is given up
	StreamStall  time.Duration // the same for streams and upgraded connections

	Logger     *slog.Logger          // nil: discarded
	AccessLog  *slog.Logger          // nil: no access log
	Registerer prometheus.Registerer // nil: no metrics
}

// DefaultQueueLimit is how many requests of one component may wait.
const DefaultQueueLimit = 10_000
