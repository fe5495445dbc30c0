package store

import (
	"context"
	"fmt"
	"time"

	"maelstrom/cluster"
)

// removableAfter is how long a node that did not say it is down must not have
// written its status, which it does each minute, for its row to be removed.
const removableAfter = 3 * time.Minute

// DrainNode says how a node is to be emptied; DrainNone: not any more. Its own
// statuses don't change that.
func (s *Store) DrainNode(ctx context.Context, id string, how cluster.Drain) (changeNumber int64, err error) {
	changeNumber, err = s.write(ctx, writeOptions{rereads: true}, func(t *tx) error {
		n, err := t.lockNode(ctx, id)
		switch {
		case err != nil:
			return err
		case n == nil:
			return cluster.ErrNotFound
		case n.Drain == how:
			return nil
		}
		n.Drain = how
		keepDraining(n)
		if how == cluster.DrainNone && n.State == cluster.NodeDraining {
			n.State = cluster.NodeUp
		}
		body, err := encode(*n)
		if err != nil {
			return err
		}
		t.changed(cluster.ChangeNode, id)
		// Who read the row before and writes by when it was seen must read again.
		return met(t.put(ctx, "mael_node", `update mael_node set body = ?, seen_at = seen_at + 1 where id = ?`, body, id))
	})
	if err != nil {
		return 0, fmt.Errorf("drain node %s: %w", id, err)
	}
	return changeNumber, nil
}

// NodeAliveError is returned by RemoveNode for a node that may still run.
type NodeAliveError struct {
	State cluster.NodeState
	Seen  time.Duration // since its last status
}

func (e *NodeAliveError) Error() string {
	return fmt.Sprintf("it is %s and wrote its status %s ago", e.State, e.Seen.Round(time.Second))
}

// Unwrap makes it a conflict.
func (e *NodeAliveError) Unwrap() error { return cluster.ErrConflict }

// RemoveNode forgets a node that is down, with what was placed and ran there,
// and tells how many placements that were. One that may still run is a
// *NodeAliveError, which is ErrConflict.
func (s *Store) RemoveNode(ctx context.Context, id string) (placements int, changeNumber int64, err error) {
	changeNumber, err = s.write(ctx, writeOptions{rereads: true}, func(t *tx) error {
		now, err := t.now(ctx)
		if err != nil {
			return err
		}
		n, err := t.lockNode(ctx, id)
		switch {
		case err != nil:
			return err
		case n == nil:
			return cluster.ErrNotFound
		case n.State != cluster.NodeDown && now.Sub(n.SeenAt) < removableAfter:
			return &NodeAliveError{State: n.State, Seen: now.Sub(n.SeenAt)}
		}
		placements, err = t.removeNode(ctx, id, now)
		return err
	})
	if err != nil {
		return 0, 0, fmt.Errorf("remove node %s: %w", id, err)
	}
	return placements, changeNumber, nil
}

func (t *tx) removeNode(ctx context.Context, id string, now time.Time) (placements int, err error) {
	placed, err := t.placements(ctx, `where node = ?`, id)
	if err != nil {
		return 0, err
	}
	for placement := range placed {
		t.gone(cluster.ChangePlacement, placement)
	}
	if err := t.endFirings(ctx, id, now); err != nil {
		return 0, err
	}
	if err := t.dropRuns(ctx, `where node = ? and finished_at = 0`, id); err != nil {
		return 0, err
	}
	for _, table := range []string{"mael_placement", "mael_instance"} {
		if _, err := t.put(ctx, table, `delete from `+table+` where node = ?`, id); err != nil {
			return 0, err
		}
	}
	t.gone(cluster.ChangeNode, id)
	_, err = t.put(ctx, "mael_node", `delete from mael_node where id = ?`, id)
	return len(placed), err
}
