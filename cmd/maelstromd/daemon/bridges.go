package daemon

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"maelstrom/project"
	"maelstrom/runtime"
)

// bridgeRefresh is how often the engine is asked for its networks: a new one
// gets its listener within this time, or when a container is to start on it.
const (
	bridgeRefresh = 30 * time.Second
	bridgeLearn   = 5 * time.Second
	bridgeFresh   = time.Second // for which a list is believed at starts
)

// defaultBridge is the network of components that name none.
const defaultBridge = "bridge"

// bridgeGateways keeps a service-to-service listener on the gateway address
// of each of the engine's bridge networks, for that network's containers, and
// what answers the names of components there.
type bridgeGateways struct {
	list  func(context.Context) ([]runtime.Bridge, error)
	serve func(subnet netip.Prefix) *http.Server
	bind  listenFunc
	port  int
	names *serviceNames // nil: off
	log   *slog.Logger

	known   atomic.Pointer[map[string]runtime.Bridge] // by network: IPv4 where there is any
	subnets atomic.Pointer[[]netip.Prefix]            // of all, as last listed

	mu        sync.Mutex
	refreshed time.Time
	closed    bool
	open      map[runtime.Bridge]*http.Server
}

// learn asks the engine for its networks once and listens there, so that the
// first containers find what they are told. An engine that is down is asked
// again by Run.
func (b *bridgeGateways) learn(ctx context.Context) { b.refresh(ctx) }

// Run follows the engine's networks until ctx ends, then closes all listeners.
func (b *bridgeGateways) Run(ctx context.Context) error {
	defer b.close()
	tick := time.NewTicker(bridgeRefresh)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		b.refresh(ctx)
	}
}

func (b *bridgeGateways) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	for bridge, server := range b.open {
		server.Close()
		b.names.close(bridge)
	}
	clear(b.open)
}

// refresh opens and closes listeners so that they match the engine's networks.
// While the engine is down they stay.
func (b *bridgeGateways) refresh(ctx context.Context) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refreshLocked(ctx)
}

func (b *bridgeGateways) refreshLocked(ctx context.Context) {
	if b.closed {
		return
	}
	limited, cancel := context.WithTimeout(ctx, bridgeLearn)
	defer cancel()
	bridges, err := b.list(limited)
	if err != nil {
		b.log.Debug("bridge networks not listed", "error", err)
		return
	}
	b.refreshed = time.Now()
	b.remember(bridges)
	for bridge, server := range b.open {
		if !slices.Contains(bridges, bridge) {
			server.Close()
			b.names.close(bridge)
			delete(b.open, bridge)
		}
	}
	for _, bridge := range bridges {
		if _, ok := b.open[bridge]; !ok {
			b.openListener(ctx, bridge)
		}
		b.names.ensure(ctx, bridge)
	}
}

func (b *bridgeGateways) remember(bridges []runtime.Bridge) {
	known := map[string]runtime.Bridge{}
	subnets := make([]netip.Prefix, 0, len(bridges))
	for _, bridge := range bridges {
		subnets = append(subnets, bridge.Subnet)
		if first, ok := known[bridge.Network]; !ok || first.Gateway.Is6() && bridge.Gateway.Is4() {
			known[bridge.Network] = bridge
		}
	}
	if old := b.known.Load(); old == nil || !maps.Equal(*old, known) {
		b.known.Store(&known)
	}
	b.subnets.Store(&subnets)
}

// hold tells whether an address, with or without a port, is one of containers.
func (b *bridgeGateways) hold(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = address
	}
	addr, err := netip.ParseAddr(host)
	subnets := b.subnets.Load()
	return err == nil && subnets != nil && slices.ContainsFunc(*subnets, func(subnet netip.Prefix) bool {
		return subnet.Contains(addr.Unmap().WithZone(""))
	})
}

func (b *bridgeGateways) openListener(ctx context.Context, bridge runtime.Bridge) {
	listener, err := b.bind.bind(ctx, bridge.Gateway, b.port, "MAEL_PRIVATE_PORT")
	if err != nil {
		// Tried again at each refresh; said once at each.
		b.log.Warn("containers of a network cannot reach components", "network", bridge.Network, "error", err)
		return
	}
	server := b.serve(bridge.Subnet)
	if b.open == nil {
		b.open = map[runtime.Bridge]*http.Server{}
	}
	b.open[bridge] = server
	go serveUntilClosed(server, subnetListener{Listener: listener, subnet: bridge.Subnet}, b.log)
	b.log.Info("serving containers of a network", "network", bridge.Network, "address", listener.Addr().String())
}

// of returns the bridge of a container's network. Networks that users make
// come and go: unless they were listed just now, the engine is asked.
func (b *bridgeGateways) of(network string) (runtime.Bridge, bool) {
	switch {
	case network == "" || network == "default":
		network = defaultBridge
	case network == "host" || network == "none" || strings.HasPrefix(network, "container:"):
		return runtime.Bridge{}, false
	}
	if network != defaultBridge {
		b.mu.Lock()
		if time.Since(b.refreshed) >= bridgeFresh {
			b.refreshLocked(context.Background())
		}
		b.mu.Unlock()
	}
	return b.listed(network)
}

func (b *bridgeGateways) listed(network string) (runtime.Bridge, bool) {
	known := b.known.Load()
	if known == nil {
		return runtime.Bridge{}, false
	}
	bridge, ok := (*known)[network]
	return bridge, ok
}

// privateURL is where a container on a network reaches other components.
func (b *bridgeGateways) privateURL(network string) string {
	gateway := "127.0.0.1"
	bridge, ok := b.of(network)
	if !ok && network != "host" {
		bridge, ok = b.listed(defaultBridge)
	}
	if ok {
		gateway = bridge.Gateway.String()
	}
	return "http://" + net.JoinHostPort(gateway, strconv.Itoa(b.port))
}

// nameServers are those of a container on a network; nil: the engine's choice,
// where names of components are not answered.
func (b *bridgeGateways) nameServers(network string) []string {
	if b.names == nil {
		return nil
	}
	bridge, ok := b.of(network)
	if !ok {
		return nil
	}
	return b.names.serversOf(bridge)
}

// hosts are the names that a container on the default network knows without
// asking. Elsewhere the engine's own resolver asks one server after the other;
// here the C library does, and some believe whoever answers first.
func (b *bridgeGateways) hosts(c *project.Component) []string {
	if b.names == nil {
		return nil
	}
	bridge, ok := b.of(c.NetworkName)
	if !ok || bridge.Network != defaultBridge {
		return nil
	}
	return b.names.hostsOf(bridge, c.Project)
}

// serveUntilClosed serves until the server is shut down, or the listener closed.
func serveUntilClosed(server *http.Server, listener net.Listener, log *slog.Logger) {
	if err := server.Serve(listener); err != nil && err != http.ErrServerClosed && !errors.Is(err, net.ErrClosed) {
		log.Error("listener failed", "address", listener.Addr().String(), "error", err)
	}
}
