package store

import (
	"context"
	"fmt"
	"time"

	"maelstrom/cluster"
)

// MarkLost makes a node's row down and lost, under the fence of who places:
// what is placed there will be placed again. It is not marked, and that is no
// error, if the node has started since the given epoch, or written its status
// within the given time, both by the database's own reckoning. The node takes
// it back by its next status.
func (s *Store) MarkLost(ctx context.Context, hold cluster.Hold, node string, epoch int64, silence time.Duration) (marked bool, err error) {
	_, err = s.write(ctx, writeOptions{hold: &hold, rereads: true}, func(t *tx) error {
		marked = false
		now, err := t.now(ctx)
		if err != nil {
			return err
		}
		found, err := t.nodes(ctx, `where id = ?`, node)
		if err != nil {
			return err
		}
		n := found[node]
		if n == nil || n.Epoch != epoch || n.Lost || n.SeenAt.After(now.Add(-silence)) {
			return nil
		}
		n.Left = n.State == cluster.NodeDown || n.State == cluster.NodeLeaving
		n.State, n.Lost = cluster.NodeDown, true
		body, err := encode(*n)
		if err != nil {
			return err
		}
		rows, err := t.put(ctx, "mael_node", `update mael_node set body = ? where id = ? and epoch = ? and seen_at = ?`,
			body, node, epoch, micros(n.SeenAt))
		if marked = rows > 0; marked {
			t.changed(cluster.ChangeNode, node)
		}
		return err
	})
	if err != nil {
		return false, fmt.Errorf("mark node %s lost: %w", node, err)
	}
	return marked, nil
}
