package daemon

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"maelstrom/cluster/rpc"
	"maelstrom/runtime"
	"maelstrom/runtime/gateway"
)

// servers are those of a daemon, as far as they are bound.
type servers struct {
	public, private *httpServer
	hooks           *httpServer // nil: webhooks are not taken
	peers           *httpServer // nil: this node has none

	mu         sync.Mutex
	containers []*httpServer // for the containers of a network each
}

func (s *servers) all() []*httpServer { return append(s.ports(), s.forContainers()...) }

// ports are the servers of the daemon's own ports.
func (s *servers) ports() []*httpServer {
	return slices.DeleteFunc([]*httpServer{s.public, s.private, s.peers, s.hooks}, func(one *httpServer) bool { return one == nil })
}

func (s *servers) forContainers() []*httpServer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.containers)
}

// addForContainers adds a server whose listener its user opens and closes.
func (s *servers) addForContainers(one *httpServer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.containers = slices.DeleteFunc(s.containers, (*httpServer).unused)
	s.containers = append(s.containers, one)
}

// bindPorts claims the ports, so that a start that can't have them ends before
// it changes anything. Connections wait until the parts behind are up.
func (d *Daemon) bindPorts(ctx context.Context) error {
	d.servers.public = d.newServer(http.HandlerFunc(d.servePublicRequest))
	d.servers.private = d.newServer(http.HandlerFunc(d.servePrivateRequest))
	if err := d.bindPublic(ctx); err != nil {
		return err
	}
	if err := d.bindPrivate(ctx); err != nil {
		return err
	}
	if err := d.bindPeers(ctx); err != nil {
		return err
	}
	return d.bindHooks(ctx)
}

func (d *Daemon) bindPublic(ctx context.Context) (err error) {
	at := d.opt.PublicAddr
	d.servers.public.listeners, err = d.sur.sockets.claim(socketPublic, "MAEL_PUBLIC_PORT", func(given netip.AddrPort) bool {
		return int(given.Port()) == d.opt.PublicPort && (at.IsUnspecified() || given.Addr() == at)
	})
	if err != nil || len(d.servers.public.listeners) > 0 {
		return err
	}
	listener, err := listenFunc(d.sur.Listen).bind(ctx, at, d.opt.PublicPort, "MAEL_PUBLIC_PORT")
	if err != nil {
		return err
	}
	d.servers.public.listeners = []net.Listener{listener}
	return nil
}

func (d *Daemon) bindPrivate(ctx context.Context) error {
	given, err := d.sur.sockets.claim(socketPrivate, "MAEL_PRIVATE_PORT, on a loopback address", func(given netip.AddrPort) bool {
		return int(given.Port()) == d.opt.PrivatePort && given.Addr().IsLoopback()
	})
	if err == nil {
		d.servers.private.listeners, err = listenFunc(d.sur.Listen).bindLoopback(ctx, d.opt.PrivatePort, given)
	}
	return err
}

// newServer returns a server of this daemon, counted and drained with the rest.
func (d *Daemon) newServer(handler http.Handler) *httpServer {
	return d.tracked(gateway.NewServer("", d.counted(d.parting(handler)), gateway.ServerOptions{Idle: d.opt.IdleConn}))
}

// tracked makes a server one that can be drained.
func (d *Daemon) tracked(server *http.Server) *httpServer {
	one := &httpServer{Server: server}
	one.Server.ErrorLog = slog.NewLogLogger(d.log.Handler(), slog.LevelDebug) // mostly of clients that break off
	one.Server.ConnState = func(_ net.Conn, state http.ConnState) { one.count(state, d.quiet) }
	one.Server.BaseContext = func(l net.Listener) context.Context {
		one.accepts(l)
		return context.Background()
	}
	return one
}

// counted counts requests.
func (d *Daemon) counted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !endless(r) {
			one := &counted{ResponseWriter: w, request: r, daemon: d, of: d.flights.begin()}
			defer one.landed()
			w = one
		}
		next.ServeHTTP(w, r)
	})
}

// parting tells clients of a daemon that ends to use another connection for
// their next request.
func (d *Daemon) parting(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.partAfter(w.Header(), r)
		next.ServeHTTP(w, r)
	})
}

// partAfter makes the answer to a request the last one on its connection, if the
// daemon ends. An answer that changes the protocol says its own.
func (d *Daemon) partAfter(header http.Header, r *http.Request) {
	if (d.leaving.Load() || d.loosening.Load() && r.ProtoMajor == 1) && r.Header.Get("Upgrade") == "" {
		header.Set("Connection", "close")
	}
}

func (d *Daemon) servePublic()  { d.servers.public.serve(d) }
func (d *Daemon) servePrivate() { d.servers.private.serve(d) }

func (d *Daemon) servePublicRequest(w http.ResponseWriter, r *http.Request) {
	if !d.bridges.names.served(w, r) {
		d.gateway.Public().ServeHTTP(w, r)
	}
}

func (d *Daemon) servePrivateRequest(w http.ResponseWriter, r *http.Request) {
	d.servePrivately(d.private.Loopback(), w, r)
}

// servePrivately answers by a zone of the private port, and ends answers
// without an end when the daemon does.
func (d *Daemon) servePrivately(zone http.Handler, w http.ResponseWriter, r *http.Request) {
	if !follows(r) {
		zone.ServeHTTP(w, r)
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(d.followCtx, cancel)()
	zone.ServeHTTP(w, r.WithContext(ctx))
	if d.followCtx.Err() != nil {
		panic(http.ErrAbortHandler) // the client is to know that this is not the end
	}
}

// follows tells whether a request asks for what is yet to come.
func follows(r *http.Request) bool {
	path := strings.TrimPrefix(r.URL.Path, rpc.NodePrefix) // other nodes ask for the same
	return path == rpc.PathEvents || path == rpc.PathLogs && r.URL.Query().Get("follow") == "true"
}

// servePprof answers the profiles that the original named: heap, cmdline,
// profile, symbol and trace.
func servePprof(w http.ResponseWriter, r *http.Request) {
	switch name := strings.TrimPrefix(r.URL.Path, rpc.ProfilesPrefix); name {
	case "cmdline":
		pprof.Cmdline(w, r)
	case "profile":
		pprof.Profile(w, r)
	case "symbol":
		pprof.Symbol(w, r)
	case "trace":
		pprof.Trace(w, r)
	default:
		pprof.Handler(name).ServeHTTP(w, r)
	}
}

func (d *Daemon) bridgeServer(subnet netip.Prefix) *http.Server {
	return d.containerServer(d.bridges.names.before(d.private.Bridge(subnet)))
}

// containerServer returns a server for the containers of a network.
func (d *Daemon) containerServer(handler http.Handler) *http.Server {
	one := d.newServer(handler)
	d.servers.addForContainers(one)
	return one.Server
}

func (d *Daemon) listBridges(ctx context.Context) ([]runtime.Bridge, error) {
	return d.driver.Bridges(ctx)
}

// readiness is what /readyz answers: the daemon is ready once the database or
// its copy serves; an engine that is down is named, and no reason to send
// requests elsewhere.
func (d *Daemon) readiness() rpc.Readiness {
	state := rpc.Readiness{Ready: d.serving.Load() && !d.leaving.Load()}
	if !d.serving.Load() {
		state.Notes = append(state.Notes, "starting")
	}
	if d.leaving.Load() {
		state.Notes = append(state.Notes, "stopping")
	}
	if err, _ := d.feed.Health(); err != nil {
		state.Notes = append(state.Notes, "database: "+err.Error())
	}
	if at := d.declared.gate.passage(); at != (passage{}) {
		state.Notes = append(state.Notes, "database: "+(&movingError{at}).Error())
	}
	if engine := d.engine(); engine != "" {
		state.Notes = append(state.Notes, "engine: "+engine)
	}
	return state
}
