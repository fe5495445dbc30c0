package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"maelstrom/cluster"
)

// WriteInstances stores what a node reports of its instances: put are written,
// remove (placement ids) deleted. A node that was started again at a later
// epoch is ErrSuperseded. Instances are not in the change log: nodes push them
// to each other, and the rows are for those who come later.
func (s *Store) WriteInstances(ctx context.Context, node string, epoch int64, put []cluster.Instance, remove []string) error {
	if len(put) == 0 && len(remove) == 0 {
		return nil
	}
	put = slices.SortedFunc(slices.Values(put), func(a, b cluster.Instance) int { return cmp.Compare(a.Placement, b.Placement) })
	_, err := s.write(ctx, writeOptions{rereads: true}, func(t *tx) error {
		stored, err := t.epochOf(ctx, node)
		if err != nil {
			return err
		}
		if stored > epoch {
			return cluster.ErrSuperseded
		}
		for _, i := range put {
			i.Node = node
			if err := t.putInstance(ctx, i, epoch); err != nil {
				return fmt.Errorf("instance of %s: %w", i.Placement, err)
			}
		}
		return chunks(sortedSet(remove), func(in string, args []any) error {
			_, err := t.put(ctx, "mael_instance", `delete from mael_instance where node = ? and epoch <= ? and placement in `+in,
				append([]any{node, epoch}, args...)...)
			return err
		})
	})
	if err != nil {
		return fmt.Errorf("write instances of %s: %w", node, err)
	}
	return nil
}

// InstanceLists returns what the database knows of every node's instances: a
// list for each epoch that there are rows of, the latest first. Counter is 0:
// any list that a node pushes in the same epoch is newer.
func (s *Store) InstanceLists(ctx context.Context) (lists []cluster.InstanceList, err error) {
	err = s.read(ctx, func(t *tx) error {
		lists, err = t.instanceLists(ctx)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read instances: %w", err)
	}
	return lists, nil
}

func (t *tx) instanceLists(ctx context.Context) ([]cluster.InstanceList, error) {
	var lists []cluster.InstanceList
	err := t.each(ctx, func(rows *sql.Rows) error {
		var i cluster.Instance
		var node, body string
		var epoch int64
		if err := rows.Scan(&node, &epoch, &body); err != nil {
			return err
		}
		if err := decode(body, &i); err != nil {
			return fmt.Errorf("read instance of node %s: %w", node, err)
		}
		last := len(lists) - 1
		if last < 0 || lists[last].Node != node || lists[last].Epoch != epoch {
			lists = append(lists, cluster.InstanceList{Node: node, Epoch: epoch})
			last++
		}
		lists[last].Instances = append(lists[last].Instances, i)
		return nil
	}, `select node, epoch, body from mael_instance order by node, epoch desc, placement`)
	return lists, err
}

// epochOf returns the epoch of a node, 0 if it has no row.
func (t *tx) epochOf(ctx context.Context, node string) (epoch int64, err error) {
	err = t.row(ctx, `select epoch from mael_node where id = ?`, node).Scan(&epoch)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return epoch, err
}

// putInstance writes an instance, unless a later epoch has.
func (t *tx) putInstance(ctx context.Context, i cluster.Instance, epoch int64) error {
	if err := checkKeys(i.Placement, i.Node); err != nil {
		return err
	}
	body, err := encode(i)
	if err != nil {
		return err
	}
	n, err := t.put(ctx, "mael_instance", `update mael_instance set node = ?, epoch = ?, state = ?, body = ? where placement = ? and epoch <= ?`,
		i.Node, epoch, string(i.State), body, i.Placement, epoch)
	if err != nil || n > 0 {
		return err
	}
	var later int64
	err = t.row(ctx, `select epoch from mael_instance where placement = ?`, i.Placement).Scan(&later)
	if err == nil {
		return cluster.ErrSuperseded
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	return t.insert(ctx, "mael_instance", []string{"placement", "node", "epoch", "state", "body"},
		[][]any{{i.Placement, i.Node, epoch, string(i.State), body}})
}
