package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"

	"maelstrom/project/route"
	"maelstrom/runtime"
	"maelstrom/runtime/names"
	"maelstrom/runtime/proxy"
)

// The ports that clients use unless they are told another.
const (
	namesPort = 53
	httpPort  = 80
)

// mostNameServers is how many a C library reads.
const mostNameServers = 3

// listenPacketFunc is what net.ListenConfig.ListenPacket is.
type listenPacketFunc func(ctx context.Context, network, address string) (net.PacketConn, error)

// serviceNames answers names of components on the gateway addresses of bridge
// networks: what they stand for, and requests to them. A nil one does nothing.
type serviceNames struct {
	listen  listenFunc
	packets listenPacketFunc
	server  func(http.Handler) *http.Server
	door    *names.Door
	deps    names.Snapshots
	forward *names.Forwarder
	hosts   *names.Upstream
	public  func(gateway netip.Addr) bool // serves port 80 there already
	proxies proxy.Trust                   // in front of this node
	log     *slog.Logger

	open atomic.Pointer[map[netip.Addr]*openNames] // by gateway

	mu   sync.Mutex
	why  map[runtime.Bridge]error // why there are none
	told map[string]bool
}

// openNames are the names of one network, served.
type openNames struct {
	bridge runtime.Bridge
	http   *http.Server // nil: the public port serves it
	stop   context.CancelFunc
	ended  chan struct{}
}

func (d *Daemon) newServiceNames() *serviceNames {
	if !d.opt.ServiceNames || d.sur.ListenPacket == nil {
		return nil
	}
	s := &serviceNames{
		listen: d.sur.Listen, packets: d.sur.ListenPacket, server: func(h http.Handler) *http.Server { return d.containerServer(d.onceOpen(h)) }, deps: d.feed,
		door:   &names.Door{Snapshots: d.feed, Components: d.gateway, Health: d.gateway.Private()},
		hosts:  names.NewUpstream(d.opt.NamesUpstream),
		public: d.publicServes, proxies: proxy.Trust(d.opt.TrustedProxies),
		log:  d.part("names"),
		why:  map[runtime.Bridge]error{},
		told: map[string]bool{},
	}
	s.open.Store(&map[netip.Addr]*openNames{})
	s.forward = names.NewForwarder(s.hosts.Servers, func(a netip.Addr) bool { return s.at(a) != nil })
	return s
}

// publicServes tells whether the public port is what answers on port 80 of an
// address.
func (d *Daemon) publicServes(gateway netip.Addr) bool {
	at := d.opt.PublicAddr
	everywhere := at == netip.IPv6Unspecified() || at.IsUnspecified() && gateway.Is4()
	return d.opt.PublicPort == httpPort && (everywhere || at == gateway)
}

// at returns what is served on a gateway address, nil if nothing is.
func (s *serviceNames) at(gateway netip.Addr) *openNames { return (*s.open.Load())[gateway] }

// ensure serves the names of a network unless they are.
func (s *serviceNames) ensure(ctx context.Context, bridge runtime.Bridge) {
	if s == nil || s.at(bridge.Gateway) != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	opened, err := s.start(ctx, bridge)
	if err != nil {
		s.why[bridge] = err
		s.tellLocked(bridge, err)
		return
	}
	delete(s.why, bridge)
	s.changeLocked(func(open map[netip.Addr]*openNames) { open[bridge.Gateway] = opened })
	s.log.Info("answering names of components", "network", bridge.Network, "address", bridge.Gateway.String())
}

// tellLocked says once why containers get no names. A user who may not bind
// the ports may bind none of them: that is said once for all networks.
func (s *serviceNames) tellLocked(bridge runtime.Bridge, err error) {
	key := bridge.Network + " " + err.Error()
	if errors.Is(err, syscall.EACCES) {
		key = "access"
	}
	if !s.told[key] {
		s.told[key] = true
		s.log.Warn("containers of a network find no components by name", "network", bridge.Network, "error", err)
	}
}

func (s *serviceNames) changeLocked(change func(map[netip.Addr]*openNames)) {
	open := maps.Clone(*s.open.Load())
	change(open)
	s.open.Store(&open)
}

// start binds the ports and serves; an error leaves nothing behind.
func (s *serviceNames) start(ctx context.Context, bridge runtime.Bridge) (*openNames, error) {
	var web net.Listener
	var err error
	if !s.public(bridge.Gateway) {
		if web, err = s.bind(ctx, bridge.Gateway, httpPort); err != nil {
			return nil, err
		}
	}
	streams, err := s.bind(ctx, bridge.Gateway, namesPort)
	if err != nil {
		return nil, errors.Join(err, closeAll(web))
	}
	packets, err := s.packets(ctx, "udp", net.JoinHostPort(bridge.Gateway.String(), strconv.Itoa(namesPort)))
	if err != nil {
		return nil, errors.Join(namesError(bridge.Gateway, namesPort, err), closeAll(web, streams))
	}
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	opened := &openNames{bridge: bridge, stop: stop, ended: make(chan struct{})}
	server := names.NewServer(names.Options{
		Subnet: bridge.Subnet, Addresses: func() []netip.Addr { return s.addresses(bridge.Network) }, Logger: s.log,
	}, s.deps, s.forward)
	go func() {
		err := server.Serve(serving, packets, streams)
		close(opened.ended)
		if serving.Err() == nil {
			s.log.Error("names are not answered for now", "network", bridge.Network, "error", err)
			s.close(bridge) // to be opened again
		}
	}()
	if web != nil {
		opened.http = s.server(s.door)
		go serveUntilClosed(opened.http, subnetListener{Listener: web, subnet: bridge.Subnet}, s.log)
	}
	return opened, nil
}

func (s *serviceNames) bind(ctx context.Context, gateway netip.Addr, port int) (net.Listener, error) {
	listener, err := s.listen(ctx, "tcp", net.JoinHostPort(gateway.String(), strconv.Itoa(port)))
	if err != nil {
		return nil, namesError(gateway, port, err)
	}
	return listener, nil
}

func namesError(gateway netip.Addr, port int, err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("port %d of %s is in use: stop what listens there, or set MAEL_SERVICE_NAMES=off: %w", port, gateway, err)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("port %d of %s may not be bound by this user: allow it with CAP_NET_BIND_SERVICE, or set MAEL_SERVICE_NAMES=off: %w", port, gateway, err)
	}
	return fmt.Errorf("bind port %d of %s (MAEL_SERVICE_NAMES): %w", port, gateway, err)
}

func closeAll(listeners ...net.Listener) error {
	var errs []error
	for _, listener := range listeners {
		if listener != nil {
			errs = append(errs, listener.Close())
		}
	}
	return errors.Join(errs...)
}

// close ends what is served for a network.
func (s *serviceNames) close(bridge runtime.Bridge) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.why, bridge)
	opened := s.at(bridge.Gateway)
	if opened == nil {
		return
	}
	s.changeLocked(func(open map[netip.Addr]*openNames) { delete(open, bridge.Gateway) })
	opened.stop()
	<-opened.ended
	if opened.http != nil {
		opened.http.Close()
	}
}

// reason is why the names of a network are not answered.
func (s *serviceNames) reason(bridge runtime.Bridge) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.why[bridge]
}

// addresses are where the components of every project are reached by name from
// a network.
func (s *serviceNames) addresses(network string) []netip.Addr {
	var list []netip.Addr
	for gateway, opened := range *s.open.Load() {
		if opened.bridge.Network == network {
			list = append(list, gateway)
		}
	}
	return list
}

// serversOf are the name servers of a network's containers: ours, and then
// those that answer for names elsewhere when this daemon does not.
func (s *serviceNames) serversOf(bridge runtime.Bridge) []string {
	if s.at(bridge.Gateway) == nil {
		return nil
	}
	list := []string{bridge.Gateway.String()}
	for _, server := range s.hosts.Containers(bridge.Gateway.Is6()) {
		if len(list) < mostNameServers && server != bridge.Gateway {
			list = append(list, server.String())
		}
	}
	return list
}

// hostsOf are the names of a project's components for containers on a network,
// each with its addresses.
func (s *serviceNames) hostsOf(bridge runtime.Bridge, project string) []string {
	var list []string
	addresses := s.addresses(bridge.Network)
	slices.SortFunc(addresses, netip.Addr.Compare)
	for _, name := range names.OfProject(s.deps.Snapshot(), project) {
		for _, address := range addresses {
			list = append(list, name+":"+address.String())
		}
	}
	return list
}

// before lets names of components count on the private port too, behind the
// header that names one.
func (s *serviceNames) before(next http.Handler) http.Handler {
	if s == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		named := names.Possible(r.Host) && r.Header.Get(route.ComponentHeader) == ""
		if !named || !s.door.Serve(w, r) {
			next.ServeHTTP(w, r)
		}
	})
}

// served answers a request to the public port that a container sent to the
// name of a component; false if it is anything else. What a trusted proxy in a
// container passes on is from outside, whatever its Host.
func (s *serviceNames) served(w http.ResponseWriter, r *http.Request) bool {
	if s == nil || !names.Possible(r.Host) {
		return false
	}
	local, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	if !ok || local.Port != httpPort {
		return false
	}
	opened := s.at(local.AddrPort().Addr().Unmap())
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if opened == nil || err != nil || !opened.bridge.Subnet.Contains(peer.Addr().Unmap()) {
		return false
	}
	if r.Header["X-Forwarded-For"] != nil && s.proxies.Has(peer.Addr().Unmap()) {
		return false
	}
	return s.door.Serve(w, r)
}
