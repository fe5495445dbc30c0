package store

import (
	"context"
	"database/sql"
	"fmt"
	"reflect"
	"slices"
	"time"

	"maelstrom/cluster"
)

// JoinNode stores a node whose daemon starts, with state up and an epoch one
// above its last, which it returns. What the node reported before stays, at
// the epoch of then, until it reports anew: it is all that it knows of its past.
func (s *Store) JoinNode(ctx context.Context, node cluster.Node) (epoch int64, err error) {
	if err := checkKeys(node.ID); err != nil {
		return 0, fmt.Errorf("join node: %w", err)
	}
	_, err = s.write(ctx, writeOptions{durable: true, rereads: true}, func(t *tx) error {
		now, err := t.now(ctx)
		if err != nil {
			return err
		}
		old, err := t.lockNode(ctx, node.ID)
		if err != nil {
			return err
		}
		last := int64(0)
		if old != nil {
			last, node.Drain = old.Epoch, old.Drain
		}
		epoch = last + 1
		node.Epoch, node.State, node.SeenAt = epoch, cluster.NodeUp, now
		keepDraining(&node)
		if node.StartedAt.IsZero() {
			node.StartedAt = now
		}
		body, err := encode(node)
		if err != nil {
			return err
		}
		if err := t.endFirings(ctx, node.ID, now); err != nil {
			return err
		}
		t.changed(cluster.ChangeNode, node.ID)
		if last == 0 {
			return t.insert(ctx, "mael_node", []string{"id", "epoch", "seen_at", "body"},
				[][]any{{node.ID, epoch, micros(now), body}})
		}
		return met(t.put(ctx, "mael_node", `update mael_node set epoch = ?, seen_at = ?, body = ? where id = ? and epoch = ?`,
			epoch, micros(now), body, node.ID, last))
	})
	if err != nil {
		return 0, fmt.Errorf("join node %s: %w", node.ID, err)
	}
	return epoch, nil
}

// WriteNode stores a node's status. Only a change that matters to others is
// logged: of its state, engine, resources or address, not of its load. A node
// that an operator drains stays draining, whatever it says. A row of a later
// epoch is ErrSuperseded, one that was removed ErrNotFound.
func (s *Store) WriteNode(ctx context.Context, node cluster.Node) error {
	_, err := s.write(ctx, writeOptions{}, func(t *tx) error {
		now, err := t.now(ctx)
		if err != nil {
			return err
		}
		old, err := t.lockNode(ctx, node.ID)
		switch {
		case err != nil:
			return err
		case old == nil:
			return cluster.ErrNotFound
		case old.Epoch > node.Epoch:
			return cluster.ErrSuperseded
		}
		node.SeenAt, node.Drain = now, old.Drain
		keepDraining(&node)
		body, err := encode(node)
		if err != nil {
			return err
		}
		n, err := t.put(ctx, "mael_node", `update mael_node set seen_at = ?, body = ? where id = ? and epoch = ?`,
			micros(now), body, node.ID, node.Epoch)
		if err == nil && n == 0 {
			return cluster.ErrSuperseded
		}
		if !sameStanding(*old, node) {
			t.changed(cluster.ChangeNode, node.ID)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("write node %s: %w", node.ID, err)
	}
	return nil
}

// lockNode returns a node's row, nil if there is none, and keeps it from being
// changed meanwhile.
func (t *tx) lockNode(ctx context.Context, id string) (*cluster.Node, error) {
	// An update to the same value, for its lock.
	if _, err := t.exec(ctx, `update mael_node set epoch = epoch where id = ?`, id); err != nil {
		return nil, err
	}
	found, err := t.nodes(ctx, `where id = ?`, id)
	return found[id], err
}

// keepDraining makes a node that says it is up what an operator made it.
func keepDraining(n *cluster.Node) {
	if n.State == cluster.NodeUp && n.Drain != cluster.DrainNone {
		n.State = cluster.NodeDraining
	}
}

// sameStanding tells whether two statuses of a node differ in nothing that
// anybody decides by.
func sameStanding(a, b cluster.Node) bool {
	for _, n := range []*cluster.Node{&a, &b} {
		n.SeenAt, n.StartedAt = time.Time{}, moment(micros(n.StartedAt))
		n.Load1m, n.Load5m, n.Load15m = 0, 0, 0
		n.Disks = slices.Clone(n.Disks)
		for i := range n.Disks {
			n.Disks[i].Percent = 0
		}
	}
	return reflect.DeepEqual(a, b)
}

// Nodes returns every node as its last status tells, in no particular order.
func (s *Store) Nodes(ctx context.Context) (nodes []cluster.Node, err error) {
	err = s.read(ctx, func(t *tx) error {
		found, err := t.nodes(ctx, ``)
		nodes = nil
		for _, n := range found {
			nodes = append(nodes, *n)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read nodes: %w", err)
	}
	return nodes, nil
}

func (t *tx) nodes(ctx context.Context, where string, args ...any) (map[string]*cluster.Node, error) {
	out := map[string]*cluster.Node{}
	err := t.each(ctx, func(rows *sql.Rows) error {
		var id, body string
		var epoch, seen int64
		if err := rows.Scan(&id, &epoch, &seen, &body); err != nil {
			return err
		}
		var n cluster.Node
		if err := decode(body, &n); err != nil {
			return fmt.Errorf("read node %s: %w", id, err)
		}
		n.ID, n.Epoch, n.SeenAt = id, epoch, moment(seen)
		out[id] = &n
		return nil
	}, `select id, epoch, seen_at, body from mael_node `+where, args...)
	return out, err
}
