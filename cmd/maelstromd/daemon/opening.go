package daemon

import (
	"context"
	"io"
	"net/http"
	"time"

	"maelstrom/project/route"
)

// openingLimit is how long a request for a component waits for its node.
const openingLimit = 30 * time.Second

// onceOpen holds requests for components while this node starts: it does not
// know yet which there are. The health check does not wait.
func (d *Daemon) onceOpen(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.RequestURI == route.HealthCheckTarget || d.awaitOpen(r.Context()) {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, "The node is starting") // the client may be gone
	})
}

// awaitOpen tells whether this node serves before the wait is over.
func (d *Daemon) awaitOpen(ctx context.Context) bool {
	select {
	case <-d.opened:
		return true
	default:
	}
	limit := time.NewTimer(openingLimit)
	defer limit.Stop()
	select {
	case <-d.opened:
		return true
	case <-limit.C:
	case <-ctx.Done():
	case <-d.followCtx.Done(): // it stops before it has served
	}
	return false
}
