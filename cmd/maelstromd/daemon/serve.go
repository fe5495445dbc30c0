package daemon

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"slices"
	"strings"

	"maelstrom/cluster/rpc"
	"maelstrom/runtime"
	"maelstrom/runtime/gateway"
)

// httpServer is a server and the listeners that it was given.
type httpServer struct {
	*http.Server
	listeners []net.Listener
}

// servers are those of a daemon, as far as they are bound.
type servers struct {
	public, private *httpServer
	hooks           *httpServer // nil: webhooks are not taken
}

func (s servers) all() []*httpServer {
	return slices.DeleteFunc([]*httpServer{s.public, s.private, s.hooks}, func(one *httpServer) bool { return one == nil })
}

func (s *httpServer) serve(d *Daemon) {
	for _, listener := range s.listeners {
		go serveUntilClosed(s.Server, listener, d.log)
	}
}

// close ends a server at once, and listeners that it never got to serve.
func (s *httpServer) close() error {
	err := s.Server.Close()
	for _, listener := range s.listeners {
		if closeErr := listener.Close(); closeErr != nil && !errors.Is(closeErr, net.ErrClosed) {
			err = errors.Join(err, closeErr)
		}
	}
	return err
}

// bindPorts claims the ports, so that a start that can't have them ends before
// it changes anything. Connections wait until the parts behind are up.
func (d *Daemon) bindPorts(ctx context.Context) error {
	public := &httpServer{Server: gateway.NewServer("", http.HandlerFunc(d.servePublicRequest), d.serverOptions())}
	private := &httpServer{Server: gateway.NewServer("", http.HandlerFunc(d.servePrivateRequest), d.serverOptions())}
	d.servers.public, d.servers.private = public, private
	listener, err := listenFunc(d.sur.Listen).bind(ctx, d.opt.PublicAddr, d.opt.PublicPort, "MAEL_PUBLIC_PORT")
	if err != nil {
		return err
	}
	public.listeners = []net.Listener{listener}
	private.listeners, err = listenFunc(d.sur.Listen).bindLoopback(ctx, d.opt.PrivatePort)
	if err != nil {
		return err
	}
	return d.bindHooks(ctx)
}

func (d *Daemon) serverOptions() gateway.ServerOptions {
	return gateway.ServerOptions{Idle: d.opt.IdleConn}
}

func (d *Daemon) servePublic()  { d.servers.public.serve(d) }
func (d *Daemon) servePrivate() { d.servers.private.serve(d) }

func (d *Daemon) servePublicRequest(w http.ResponseWriter, r *http.Request) {
	if !d.bridges.names.served(w, r) {
		d.gateway.Public().ServeHTTP(w, r)
	}
}

func (d *Daemon) servePrivateRequest(w http.ResponseWriter, r *http.Request) {
	d.private.Loopback().ServeHTTP(w, r)
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
	return gateway.NewServer("", d.private.Bridge(subnet), d.serverOptions())
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
