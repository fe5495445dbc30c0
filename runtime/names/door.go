package names

import (
	"net/http"
	"strings"

	"maelstrom/project/route"
)

// ownPrefix begins paths that are never a component's on a network's own
// address, as on its private port.
const ownPrefix = "/_mael"

// Components answers requests by components.
type Components interface {
	ServeComponent(w http.ResponseWriter, r *http.Request, component string)
}

// Door answers requests for names of components by these components. Who is
// let in is up to the listener.
type Door struct {
	Snapshots  Snapshots
	Components Components
	Health     http.Handler // answers the health check
}

// Possible tells whether a Host field may hold the name of a component. It
// costs next to nothing.
func Possible(host string) bool {
	_, ours := cutSuffix(hostName(host))
	return ours
}

// Serve answers a request whose Host is a name below a project's; false if it
// is not, and nothing was answered.
func (d *Door) Serve(w http.ResponseWriter, r *http.Request) bool {
	kind, component := Find(d.Snapshots.Snapshot(), hostName(r.Host))
	switch {
	case kind == Foreign:
		return false
	case r.RequestURI == route.HealthCheckTarget:
		d.Health.ServeHTTP(w, r)
	case kind == Project || strings.HasPrefix(r.URL.Path, ownPrefix):
		http.NotFound(w, r)
	default:
		d.Components.ServeComponent(w, r, component)
	}
	return true
}

// ServeHTTP is Serve where nobody else answers.
func (d *Door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case d.Serve(w, r):
	case r.RequestURI == route.HealthCheckTarget:
		d.Health.ServeHTTP(w, r)
	default:
		http.NotFound(w, r)
	}
}
