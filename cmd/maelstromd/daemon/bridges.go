package daemon

import (
	"context"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"maelstrom/runtime"
)

// bridgeRefresh is how often the engine is asked for its networks: a new one
// gets its listener within this time.
const (
	bridgeRefresh = 30 * time.Second
	bridgeLearn   = 5 * time.Second
)

// bridgeGateways keeps a service-to-service listener on the gateway address
// of each of the engine's bridge networks, for that network's containers.
type bridgeGateways struct {
	list  func(context.Context) ([]runtime.Bridge, error)
	serve func(subnet netip.Prefix) *http.Server
	bind  listenFunc
	port  int
	log   *slog.Logger

	known atomic.Pointer[map[string]runtime.Bridge] // by network
	open  map[runtime.Bridge]*http.Server           // owned by Run
}

// learn asks the engine for its networks once, so that the first containers
// get the right address. An engine that is down is asked again by Run.
func (b *bridgeGateways) learn(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, bridgeLearn)
	defer cancel()
	if bridges, err := b.list(ctx); err == nil {
		b.remember(bridges)
	}
}

// Run follows the engine's networks until ctx ends, then closes all listeners.
func (b *bridgeGateways) Run(ctx context.Context) error {
	b.open = map[runtime.Bridge]*http.Server{}
	defer func() {
		for _, server := range b.open {
			server.Close()
		}
	}()
	tick := time.NewTicker(bridgeRefresh)
	defer tick.Stop()
	for {
		b.refresh(ctx)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// refresh opens and closes listeners so that they match the engine's networks.
// While the engine is down they stay.
func (b *bridgeGateways) refresh(ctx context.Context) {
	bridges, err := b.list(ctx)
	if err != nil {
		b.log.Debug("bridge networks not listed", "error", err)
		return
	}
	b.remember(bridges)
	for bridge, server := range b.open {
		if !slices.Contains(bridges, bridge) {
			server.Close()
			delete(b.open, bridge)
		}
	}
	for _, bridge := range bridges {
		if _, ok := b.open[bridge]; !ok {
			b.openListener(ctx, bridge)
		}
	}
}

func (b *bridgeGateways) remember(bridges []runtime.Bridge) {
	known := map[string]runtime.Bridge{}
	for _, bridge := range bridges {
		known[bridge.Network] = bridge
	}
	if old := b.known.Load(); old == nil || !maps.Equal(*old, known) {
		b.known.Store(&known)
	}
}

func (b *bridgeGateways) openListener(ctx context.Context, bridge runtime.Bridge) {
	listener, err := b.bind.bind(ctx, bridge.Gateway, b.port, "MAEL_PRIVATE_PORT")
	if err != nil {
		// Tried again at each refresh; said once at each.
		b.log.Warn("containers of a network cannot reach components", "network", bridge.Network, "error", err)
		return
	}
	server := b.serve(bridge.Subnet)
	b.open[bridge] = server
	go serveUntilClosed(server, subnetListener{Listener: listener, subnet: bridge.Subnet}, b.log)
	b.log.Info("serving containers of a network", "network", bridge.Network, "address", listener.Addr().String())
}

// privateURL is where a container on a network reaches other components.
func (b *bridgeGateways) privateURL(network string) string {
	gateway := "127.0.0.1"
	if known := b.known.Load(); known != nil && network != "host" {
		bridge, ok := (*known)[network]
		if !ok {
			bridge, ok = (*known)["bridge"]
		}
		if ok {
			gateway = bridge.Gateway.String()
		}
	}
	return "http://" + net.JoinHostPort(gateway, strconv.Itoa(b.port))
}

// serveUntilClosed serves until the server is shut down or closed.
func serveUntilClosed(server *http.Server, listener net.Listener, log *slog.Logger) {
	if err := server.Serve(listener); err != nil && err != http.ErrServerClosed {
		log.Error("listener failed", "address", listener.Addr().String(), "error", err)
	}
}
