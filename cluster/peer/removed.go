package peer

import (
	"context"
	"errors"
	"net/http"
	"time"

	"maelstrom/cluster"
)

const (
	// rowWait is how long a node that has just joined is given until its row is
	// read here.
	rowWait = time.Second

	// farewell is how long a removed node is given to read that it is one.
	farewell = time.Second
)

// errRemoved is why there is no stream to a node any more, on either side.
var errRemoved = errors.New("the node was removed from the cluster")

// Removed tells whether a node is none of the cluster's, whatever certificate it
// has. While the database is away from this node nobody is: it can't know.
func (h *Hub) Removed(node string) bool {
	snap := h.deps.Feed.Snapshot()
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.removed(snap, node, time.Now())
}

// removed is Removed. The lock is held.
func (h *Hub) removed(snap *cluster.Snapshot, node string, now time.Time) bool {
	if _, known := snap.Nodes.Get(node); known || snap.Restored || snap.Number == 0 {
		return false
	}
	// What was read just before the database went away, and came back, may be from
	// before a node has joined.
	return h.own.database && now.Sub(h.own.since) >= silence
}

// refuses tells whether a node that calls is refused. One that has just joined
// may be ahead of its row, which is looked for.
func (h *Hub) refuses(ctx context.Context, node string) bool {
	if !h.Removed(node) {
		return false
	}
	changed, cancel := h.deps.Feed.Subscribe()
	defer cancel()
	limit := time.NewTimer(rowWait)
	defer limit.Stop()
	h.deps.Feed.Hint()
	for h.Removed(node) {
		select {
		case <-changed:
		case <-limit.C:
			return true
		case <-ctx.Done():
			return true
		}
	}
	return false
}

// RefuseRemoved answers a node that was removed.
func RefuseRemoved(w http.ResponseWriter) {
	http.Error(w, "this node was removed from the cluster: start it again to join anew", http.StatusGone)
}

// part ends what there is with a node that is none of the cluster's, or has no
// port for others any more, and tells whether it has ended. The lock is held.
func (h *Hub) part(snap *cluster.Snapshot, id string, r *remote, now time.Time) (parted bool) {
	if _, known := snap.Nodes.Get(id); !known && r.stream != nil {
		switch {
		case !h.removed(snap, id, now):
			return false // it has joined while the database was away from here
		case r.parting.IsZero():
			r.parting = now
			h.log.Info("node was removed: its stream ends", "node", id)
			_ = r.stream.send(&frame{Removed: true}) // one that can't be told is refused when it calls
		}
		if now.Sub(r.parting) < farewell {
			return false
		}
	}
	if r.forget != nil {
		r.forget()
	}
	if r.stream != nil {
		r.stream.conn.Close()
	}
	return true
}

// expelled notes that another node says that this one was removed.
func (h *Hub) expelled(by string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := h.remotes[by]
	if r == nil || r.expels {
		return
	}
	r.expels = true
	h.log.Warn("another node says that this one was removed from the cluster", "node", by)
}
