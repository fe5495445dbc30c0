package daemon

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"unicode/utf8"

	"maelstrom/cluster"
	"maelstrom/cluster/peer"
	"maelstrom/runtime/gateway"
	"maelstrom/runtime/proxy"
)

// hostPort reads a port on all addresses or on one.
func hostPort(field func(*Options) *string) setFunc {
	return func(o *Options, value string) error {
		_, port, err := net.SplitHostPort(value)
		n, numberErr := strconv.Atoi(port)
		if err != nil || numberErr != nil || n < 1 || n > 65535 {
			return fmt.Errorf("%q is not an address such as :8376 or 10.0.0.5:8376", value)
		}
		*field(o) = value
		return nil
	}
}

func clusterKey(o *Options, value string) error {
	if utf8.RuneCountInString(value) < peer.MinKey {
		return fmt.Errorf("a cluster key needs at least %d characters", peer.MinKey)
	}
	o.ClusterKey = value
	return nil
}

// bindPeers claims the address of peers, if there is to be one.
func (d *Daemon) bindPeers(ctx context.Context) error {
	if d.opt.PeerAddr == "" {
		return nil
	}
	d.servers.peers = d.tracked(gateway.NewPeerServer("", d.counted(http.HandlerFunc(d.servePeerRequest)), gateway.ServerOptions{Idle: d.opt.IdleConn}))
	given, err := d.sur.sockets.claim(socketPeer, "MAEL_PEER_ADDR", isAt(d.opt.PeerAddr))
	if err != nil || len(given) > 0 {
		d.servers.peers.listeners = given
		return err
	}
	listener, err := d.sur.Listen(ctx, "tcp", d.opt.PeerAddr)
	if err != nil {
		return fmt.Errorf("bind %s for peers: stop what listens there, or set MAEL_PEER_ADDR to another address: %w", d.opt.PeerAddr, err)
	}
	d.servers.peers.listeners = []net.Listener{listener}
	return nil
}

// isAt tells whether a socket that was given is at an address of the settings.
// A host that is a name fits any address.
func isAt(address string) func(netip.AddrPort) bool {
	return func(given netip.AddrPort) bool {
		host, port, err := net.SplitHostPort(address)
		if err != nil || port != strconv.Itoa(int(given.Port())) {
			return false
		}
		addr, err := netip.ParseAddr(host)
		return err != nil || addr.IsUnspecified() || addr.Unmap() == given.Addr()
	}
}

// startPeers serves the port of peers. A node that has not joined, as the
// database is away, has its copy of the authority; without one, connections wait.
func (d *Daemon) startPeers(ctx, base context.Context) error {
	if d.opt.PeerAddr == "" {
		return nil
	}
	err := d.proveKey(ctx)
	if errors.As(err, new(refusal)) {
		return err
	}
	if err != nil {
		d.log.Warn("peers wait for the authority in the database", "error", err)
	}
	d.tasks.start(base, "authority", d.failed, d.runAuthority)
	return nil
}

// servePeers answers in TLS alone: the authority is open.
func (d *Daemon) servePeers() {
	config := d.authority.Load().ServerConfig()
	for _, listener := range d.servers.peers.listeners {
		go serveUntilClosed(d.servers.peers.Server, tls.NewListener(listener, config), d.log)
	}
	d.log.Info("serving peers", "address", d.opt.PeerAddr, "advertised", d.peerAddress())
}

// servePeerRequest answers at MAEL_PEER_ADDR: to nodes what is for nodes, to
// all others the API, with a token; to containers of this host nothing.
func (d *Daemon) servePeerRequest(w http.ResponseWriter, r *http.Request) {
	node, isNode := d.authority.Load().NodeOf(r.TLS)
	_, forwarded := r.Header[proxy.FieldForward]
	switch {
	case !isNode && d.bridges.hold(r.RemoteAddr):
		http.NotFound(w, r)
	case !isNode:
		d.parting(http.HandlerFunc(d.serveRemotely)).ServeHTTP(w, r)
	case d.nodes != nil && r.URL.Path != peer.PathStream && d.hub.Removed(node):
		refuseRemoved(w, forwarded)
	case d.nodes != nil && forwarded:
		d.gateway.ServeForwarded(w, r)
	case d.nodes != nil:
		d.nodes.ServeHTTP(w, r)
	default:
		http.NotFound(w, r)
	}
}

// refuseRemoved answers a node that was removed from the cluster. What it forwards
// it has back as it was.
func refuseRemoved(w http.ResponseWriter, forwarded bool) {
	if !forwarded {
		peer.RefuseRemoved(w)
		return
	}
	w.Header().Set(proxy.FieldForward, proxy.ForwardRefused)
	w.Header().Set("Maelstrom-Reason", string(cluster.ReasonGone))
	w.WriteHeader(http.StatusMisdirectedRequest)
}

func (d *Daemon) serveRemotely(w http.ResponseWriter, r *http.Request) {
	d.servePrivately(d.private.Remote(), w, r)
}
