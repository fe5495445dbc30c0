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

// WritePlacements writes placement rows, and what became of versions, in one
// transaction, under the fence of the role that decided them. A row at another
// version, a slot that is taken, a change to run of an instance that is
// stopping and a version that is no longer declared are ErrConflict: nothing is
// written, and the decision has to be made anew.
func (s *Store) WritePlacements(ctx context.Context, hold cluster.Hold, writes []cluster.PlacementWrite) (changeNumber int64, err error) {
	if len(writes) == 0 {
		return s.ChangeNumber(ctx)
	}
	changeNumber, err = s.write(ctx, writeOptions{hold: &hold}, func(t *tx) error {
		// Components come first, as in every transaction; then what frees
		// slots; each in the order of its keys.
		for _, w := range slices.SortedStableFunc(slices.Values(writes), compareWrites) {
			if err := t.writePlacement(ctx, w); err != nil {
				return fmt.Errorf("%s: %w", objectOf(w), err)
			}
		}
		return nil
	})
	if s.dialect.classify(err) == classUnique {
		err = fmt.Errorf("%w: %w", cluster.ErrConflict, err)
	}
	if err != nil {
		return 0, fmt.Errorf("write placements: %w", err)
	}
	return changeNumber, nil
}

func compareWrites(a, b cluster.PlacementWrite) int {
	return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(objectOf(a), objectOf(b)))
}

func rank(w cluster.PlacementWrite) int {
	switch {
	case w.Rollout != nil:
		return 0
	case w.Insert == nil:
		return 1
	}
	return 2
}

// objectOf names what a write is about.
func objectOf(w cluster.PlacementWrite) string {
	if w.Rollout != nil {
		return "roll-out of " + w.Rollout.Component
	}
	return "placement " + cmp.Or(w.Insert, w.Want, w.Delete, &cluster.Placement{}).ID
}

func (t *tx) writePlacement(ctx context.Context, w cluster.PlacementWrite) error {
	switch {
	case w.Rollout != nil:
		return t.writeRollout(ctx, w.Rollout)
	case w.Insert != nil:
		return t.addPlacement(ctx, w.Insert)
	case w.Want != nil:
		return t.setWant(ctx, w.Want)
	case w.Delete != nil:
		t.gone(cluster.ChangePlacement, w.Delete.ID)
		return met(t.put(ctx, "mael_placement", `delete from mael_placement where id = ? and row_version = ?`, w.Delete.ID, w.Delete.Version))
	}
	return errors.New("empty write")
}

func (t *tx) addPlacement(ctx context.Context, p *cluster.Placement) error {
	if err := checkKeys(p.ID, p.Component, p.Node, string(p.Want)); err != nil {
		return err
	}
	now, err := t.now(ctx)
	if err != nil {
		return err
	}
	t.changed(cluster.ChangePlacement, p.ID)
	return t.insert(ctx, "mael_placement",
		[]string{"id", "component", "slot", "node", "want", "placed_version", "memory_mib", "row_version", "created_at"},
		[][]any{{p.ID, p.Component, p.Slot, p.Node, string(p.Want), p.PlacedVersion, p.MemoryMiB, 1, micros(now)}})
}

// setWant updates the row first and looks at the instance second: MarkStopping
// locks the same row, so whichever comes later sees what the other has done.
func (t *tx) setWant(ctx context.Context, p *cluster.Placement) error {
	t.changed(cluster.ChangePlacement, p.ID)
	err := met(t.put(ctx, "mael_placement", `update mael_placement set want = ?, row_version = ? where id = ? and row_version = ?`,
		string(p.Want), p.Version+1, p.ID, p.Version))
	if err != nil || p.Want != cluster.WantRun {
		return err
	}
	var state string
	err = t.row(ctx, `select state from mael_instance where placement = ?`, p.ID).Scan(&state)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err == nil && cluster.InstanceState(state) == cluster.InstanceStopping {
		return fmt.Errorf("instance is stopping: %w", cluster.ErrConflict)
	}
	return err
}

// MarkStopping records that an instance passes the point of no return, if its
// placement is still as its node knows it, at the given version, or gone. False
// means that it has changed: the instance may be wanted again. The node calls
// it before it stops the container; from then on nobody can want it to run.
func (s *Store) MarkStopping(ctx context.Context, instance cluster.Instance, placementVersion int64) (marked bool, err error) {
	instance.State = cluster.InstanceStopping
	_, err = s.write(ctx, writeOptions{}, func(t *tx) error {
		marked = false
		// An update to the same value, for its lock.
		n, err := t.exec(ctx, `update mael_placement set row_version = row_version where id = ? and row_version = ?`,
			instance.Placement, placementVersion)
		if err != nil {
			return err
		}
		if n == 0 {
			found, err := t.placements(ctx, `where id = ?`, instance.Placement)
			if err != nil || len(found) > 0 {
				return err
			}
		}
		epoch, err := t.epochOf(ctx, instance.Node)
		if err != nil {
			return err
		}
		marked = true
		return t.putInstance(ctx, instance, epoch)
	})
	if err != nil {
		return false, fmt.Errorf("mark instance of %s stopping: %w", instance.Placement, err)
	}
	return marked, nil
}

func (t *tx) placements(ctx context.Context, where string, args ...any) (map[string]*cluster.Placement, error) {
	out := map[string]*cluster.Placement{}
	err := t.each(ctx, func(rows *sql.Rows) error {
		var p cluster.Placement
		var created int64
		err := rows.Scan(&p.ID, &p.Component, &p.Slot, &p.Node, &p.Want, &p.PlacedVersion, &p.MemoryMiB, &p.Version, &created)
		p.CreatedAt = moment(created)
		out[p.ID] = &p
		return err
	}, `select id, component, slot, node, want, placed_version, memory_mib, row_version, created_at from mael_placement `+where, args...)
	return out, err
}
