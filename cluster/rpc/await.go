package rpc

import (
	"context"
	"time"

	"maelstrom/cluster"
)

// await waits until this node's snapshot is as a write has left the database,
// so that a caller reads what it wrote.
func (s *Server) await(ctx context.Context, arrived func(*cluster.Snapshot) bool) {
	ctx, cancel := context.WithTimeout(ctx, seenWait)
	defer cancel()
	changed, unsubscribe := s.deps.Feed.Subscribe()
	defer unsubscribe()
	s.deps.Feed.Hint()
	for !arrived(s.deps.Feed.Snapshot()) {
		select {
		case <-changed:
		case <-ctx.Done():
			s.deps.Logger.Debug("write not seen yet", "error", ctx.Err())
			return
		}
	}
}

// wholeView is view for questions about whole projects: it knows when the
// other nodes told their status last.
func (s *Server) wholeView(ctx context.Context) view {
	v := s.view()
	if v.snap.Restored || v.snap.Nodes.Len() < 2 {
		return v
	}
	nodes, err := fromDatabase(ctx, s, "the latest status of nodes is", s.deps.Store.Nodes)
	if err != nil { // what the snapshot knows is worth showing
		s.deps.Logger.Debug("nodes not read", "error", err)
		return v
	}
	v.seen = map[string]time.Time{}
	for _, n := range nodes {
		if n.ID != s.deps.Node && (n.State == cluster.NodeUp || n.State == cluster.NodeDraining) {
			v.seen[n.ID] = n.SeenAt
		}
	}
	return v
}
