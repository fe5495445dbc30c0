package rpc

import (
	"net/http"
	"net/netip"
	"strings"

	"maelstrom/project/route"
)

// Paths of the private port.
const (
	PathAPI     = "/_mael/v1"
	PathLogs    = "/_mael/logs"
	PathEvents  = "/_mael/v1/events"
	PathMetrics = "/metrics"
	PathHealthz = "/healthz"
	PathReadyz  = "/readyz"

	// ProfilesPrefix begins the paths of profiles, where they are served.
	ProfilesPrefix = "/_mael/pprof/"

	ownPrefix = "/_mael"
)

// Readiness is what /readyz answers.
type Readiness struct {
	Ready bool     `json:"ready"`
	Notes []string `json:"notes"` // what is down, though the daemon serves
}

// PrivatePort is what answers on the private port. Which part of it a client
// reaches depends on the listener that accepted it.
type PrivatePort struct {
	Server  *Server
	Metrics http.Handler
	Ready   func() Readiness
	Gateway http.Handler // routes, MAELSTROM-COMPONENT and the health check

	// Profiles answers below ProfilesPrefix, with a token; nil: nothing does.
	Profiles http.Handler
}

// Loopback answers on the loopback addresses: everything, the API with a
// token. Paths are taken as they come: none is cleaned or redirected.
func (p *PrivatePort) Loopback() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch path := r.URL.Path; {
		case r.RequestURI == route.HealthCheckTarget:
			p.Gateway.ServeHTTP(w, r)
		case path == PathAPI:
			p.Server.ServeHTTP(w, r)
		case path == PathLogs:
			p.guarded(w, r, p.Server.serveLogs)
		case path == PathCommand:
			p.serveCommand(w, r)
		case path == PathEvents:
			p.guarded(w, r, p.Server.serveEvents)
		case p.Profiles != nil && strings.HasPrefix(path, ProfilesPrefix):
			p.withToken(w, r, p.Profiles.ServeHTTP)
		case strings.HasPrefix(path, ownPrefix):
			http.NotFound(w, r)
		case r.Header.Get(route.ComponentHeader) != "":
			p.Gateway.ServeHTTP(w, r)
		case path == PathMetrics:
			p.guarded(w, r, p.Metrics.ServeHTTP)
		case path == PathHealthz:
			plain(w, http.StatusOK, "ok")
		case path == PathReadyz:
			p.readyz(w)
		default:
			p.Gateway.ServeHTTP(w, r)
		}
	})
}

// Bridge answers on the gateway address of an engine's network: its
// containers reach components and the health check, and nothing of ours.
func (p *PrivatePort) Bridge(subnet netip.Prefix) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		peer, err := netip.ParseAddrPort(r.RemoteAddr)
		switch {
		case err != nil || !subnet.Contains(peer.Addr().Unmap()):
			plain(w, http.StatusForbidden, "This address is for the containers of its network")
		case r.RequestURI != route.HealthCheckTarget && strings.HasPrefix(r.URL.Path, ownPrefix):
			http.NotFound(w, r)
		default:
			p.Gateway.ServeHTTP(w, r)
		}
	})
}

// Remote answers clients on other machines, over TLS: the API, nothing of it
// without a token, and nothing else.
func (p *PrivatePort) Remote() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case PathAPI:
			p.Server.ServeHTTP(w, r)
		case PathCommand:
			p.serveCommand(w, r)
		case PathLogs:
			p.withToken(w, r, func(w http.ResponseWriter, r *http.Request) { reading(w, r, p.Server.serveLogs) })
		case PathEvents:
			p.withToken(w, r, func(w http.ResponseWriter, r *http.Request) { reading(w, r, p.Server.serveEvents) })
		default:
			http.NotFound(w, r)
		}
	})
}

// Nodes answers other nodes below NodePrefix, to each what this one knows and
// runs by itself. NodeOf returns who asks, by a certificate.
func (p *PrivatePort) Nodes(nodeOf func(*http.Request) (node string, ok bool)) http.Handler {
	return http.StripPrefix(NodePrefix, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		node, ok := nodeOf(r)
		if !ok {
			plain(w, http.StatusForbidden, "The certificate of a node is needed")
			return
		}
		who := caller{token: "node/" + node, node: true}
		switch r.URL.Path {
		case PathAPI:
			p.Server.serveCalls(w, r, who)
		case PathCommand:
			p.Server.acceptCommand(w, r, who)
		case PathLogs:
			reading(w, r, p.Server.serveOwnLogs)
		default:
			http.NotFound(w, r)
		}
	}))
}

// guarded lets through who is on this machine or has a token, and no browser
// on behalf of another site.
func (p *PrivatePort) guarded(w http.ResponseWriter, r *http.Request, next http.HandlerFunc) {
	if crossOrigin(r) {
		plain(w, http.StatusForbidden, "Requests from other sites are refused")
		return
	}
	if _, ok := p.Server.deps.Keys.Authenticate(r.Context(), presented(r)); !ok && !local(r) {
		unauthorized(w)
		return
	}
	reading(w, r, next)
}

func reading(w http.ResponseWriter, r *http.Request, next http.HandlerFunc) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		plain(w, http.StatusMethodNotAllowed, "This takes GET")
		return
	}
	next(w, r)
}

// withToken lets through who has a token: being local is not enough.
func (p *PrivatePort) withToken(w http.ResponseWriter, r *http.Request, next http.HandlerFunc) {
	_, ok := p.Server.deps.Keys.Authenticate(r.Context(), presented(r))
	switch {
	case crossOrigin(r):
		plain(w, http.StatusForbidden, "Requests from other sites are refused")
	case !ok:
		unauthorized(w)
	default:
		next(w, r)
	}
}

func (p *PrivatePort) readyz(w http.ResponseWriter) {
	state := p.Ready()
	if state.Notes == nil {
		state.Notes = []string{}
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if !state.Ready {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = encodeTo(w, state) // the client may be gone
}
