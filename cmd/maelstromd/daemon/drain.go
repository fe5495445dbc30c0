package daemon

import (
	"context"

	"maelstrom/cluster"
)

// drainLoop has this node give up its roles while an operator drains it and
// others can have them.
func (d *Daemon) drainLoop(ctx context.Context) error {
	changed, cancel := d.feed.Subscribe()
	defer cancel()
	yielding := false
	for {
		if yield := !d.embedded() && yields(d.feed.Snapshot(), d.node); yield != yielding {
			yielding = yield
			if err := d.keeper.Yield(ctx, yield); err != nil && ctx.Err() == nil {
				d.log.Warn("role not given up", "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
	}
}

// yields tells whether a node is drained and another one is there for its roles.
func yields(snap *cluster.Snapshot, node string) bool {
	own, ok := snap.Nodes.Get(node)
	if !ok || own.Drain == cluster.DrainNone {
		return false
	}
	for id, n := range snap.Nodes.All() {
		if id != node && n.State == cluster.NodeUp && snap.Hears(id) {
			return true
		}
	}
	return false
}
