package store

import (
	"context"
	"database/sql"
	"fmt"

	"maelstrom/cluster"
)

// DeleteSource removes a source with its secrets, statuses, control and
// deliveries. Its projects stay as they are, applied by hand from now on. What
// users have told about them stays too.
func (s *Store) DeleteSource(ctx context.Context, d cluster.Deletion) (changeNumber int64, err error) {
	changeNumber, err = s.write(ctx, writeOptions{hold: d.Hold, durable: true}, func(t *tx) error {
		r, err := t.newRelease(ctx, d)
		if err != nil {
			return err
		}
		// Projects come before their source, as in every apply. An apply that
		// this meets holds either its project or, at last, the source; what
		// it has committed by then is met the second time.
		if err := t.releaseProjects(ctx, r); err != nil {
			return err
		}
		if err := t.removeSource(ctx, d.Name, d.Version); err != nil {
			return err
		}
		if err := t.releaseProjects(ctx, r); err != nil {
			return err
		}
		t.event(cluster.Event{Kind: cluster.EventSourceChanged, Source: d.Name, Actor: d.Actor, Message: "source removed"})
		return t.removeSourceRows(ctx, d.Name)
	})
	if err != nil {
		return 0, fmt.Errorf("delete source %s: %w", d.Name, err)
	}
	return changeNumber, nil
}

func (t *tx) removeSource(ctx context.Context, name string, version int64) error {
	query, args := `delete from mael_source where name = ?`, []any{name}
	if version != 0 {
		query, args = query+` and row_version = ?`, append(args, version)
	}
	n, err := t.put(ctx, "mael_source", query, args...)
	if err != nil || n > 0 {
		t.gone(cluster.ChangeSource, name)
		return err
	}
	found, err := t.sources(ctx, `where name = ?`, name)
	if err == nil && len(found) == 0 {
		return cluster.ErrNotFound
	}
	return met(0, err)
}

// removeSourceRows deletes all that is kept of a source beside its own row.
func (t *tx) removeSourceRows(ctx context.Context, name string) error {
	var keys []string
	err := t.each(ctx, func(rows *sql.Rows) error {
		var key string
		err := rows.Scan(&key)
		keys = append(keys, key)
		return err
	}, `select status_key from mael_project_status where source = ?`, name)
	if err != nil {
		return err
	}
	if err := t.removeStatuses(ctx, keys); err != nil {
		return err
	}
	n, err := t.put(ctx, "mael_source_status", `delete from mael_source_status where source = ?`, name)
	if n > 0 {
		t.gone(cluster.ChangeSourceStatus, name)
	}
	if err != nil {
		return err
	}
	control := cluster.ControlKey(cluster.ControlSource, name)
	n, err = t.put(ctx, "mael_control", `delete from mael_control where control_key = ?`, control)
	if n > 0 {
		t.gone(cluster.ChangeControl, control)
	}
	if err != nil {
		return err
	}
	for _, table := range []string{"mael_source_secret", "mael_delivery"} {
		if _, err := t.put(ctx, table, `delete from `+table+` where source = ?`, name); err != nil {
			return err
		}
	}
	return nil
}

// lockSource holds a source's row until the commit, so that nothing is stored
// for a source that is being deleted. It comes after the locks of projects.
func (t *tx) lockSource(ctx context.Context, name string) error {
	n, err := t.exec(ctx, `update mael_source set row_version = row_version where name = ?`, name)
	if err == nil && n == 0 {
		err = fmt.Errorf("source %s: %w", name, cluster.ErrNotFound)
	}
	return err
}
