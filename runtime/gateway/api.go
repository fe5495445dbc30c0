package gateway

import (
	"context"
	"net/http"
	"time"

	"maelstrom/cluster"
)

// InstanceLoad is what the gateway knows of one instance.
type InstanceLoad struct {
	InFlight    int
	Queued      int // waiting for any instance of its component
	Total       int64
	LastRequest time.Time // zero: none seen
}

// Gateway routes requests to instances.
type Gateway struct{ opt Options }

// New returns a gateway; nothing happens until Run.
func New(opt Options, deps Deps) *Gateway { return &Gateway{opt: opt} }

// Run follows the snapshots and wakes components until ctx ends.
func (g *Gateway) Run(ctx context.Context) error { return nil }

// Public is the handler for the world.
func (g *Gateway) Public() http.Handler { return nil }

// Private is the handler for components on this host: it honours
// MAELSTROM-COMPONENT before every route.
func (g *Gateway) Private() http.Handler { return nil }

// ServeComponent answers r by a component, as the private handler would if r
// named it.
func (g *Gateway) ServeComponent(w http.ResponseWriter, r *http.Request, component string) {}

// SetLeaving makes the health check tell load balancers to go elsewhere.
func (g *Gateway) SetLeaving(leaving bool) {}

// Load reports what each component is asked to do, and starts the next peak.
func (g *Gateway) Load() cluster.Load { return cluster.Load{} }

// LoadChanged sends when a queue has grown or a component's load came from or
// went to nothing. Sends coalesce.
func (g *Gateway) LoadChanged() <-chan struct{} { return nil }

// InstanceLoads reports on every instance known here, by placement.
func (g *Gateway) InstanceLoads() map[string]InstanceLoad { return nil }

// Drain stops routing to an instance and returns once nothing is in flight on
// it, upgraded connections included, or with ctx's error.
func (g *Gateway) Drain(ctx context.Context, placement string) error { return nil }

// NewServer returns a server for the public or the private port: limits set,
// HTTP/1.1 and HTTP/2 in clear by prior knowledge. The caller listens.
func NewServer(addr string, handler http.Handler, opt ServerOptions) *http.Server { return nil }

// ServerOptions are a server's limits. Zero fields take the defaults.
type ServerOptions struct {
	ReadHeader  time.Duration // until a request's header is here
	Idle        time.Duration // between two requests of a connection
	HeaderBytes int
}
