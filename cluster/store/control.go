package store

import (
	"context"
	"database/sql"
	"fmt"

	"maelstrom/cluster"
)

// PutControl stores what users have told about a source or a project over the
// version that the caller has read; 0: none is stored. A zero Control deletes
// the row. The result is the row as it is stored, of version 0 if it is gone.
func (s *Store) PutControl(ctx context.Context, row cluster.ControlRow, hold *cluster.Hold, events ...cluster.Event) (stored cluster.ControlRow, err error) {
	_, err = s.write(ctx, writeOptions{hold: hold, durable: true}, func(t *tx) error {
		for _, e := range events {
			t.event(e)
		}
		if row.Kind == cluster.ControlSource && row.Control != (cluster.Control{}) {
			if err := t.lockSource(ctx, row.Name); err != nil {
				return err
			}
		}
		stored, err = t.putControl(ctx, row)
		return err
	})
	if s.dialect.classify(err) == classUnique {
		err = fmt.Errorf("%w: %w", cluster.ErrConflict, err)
	}
	if err != nil {
		return cluster.ControlRow{}, fmt.Errorf("put control of %s %s: %w", row.Kind, row.Name, err)
	}
	return stored, nil
}

func (t *tx) putControl(ctx context.Context, row cluster.ControlRow) (cluster.ControlRow, error) {
	key := row.Key()
	if err := checkKeys(key, row.Name); err != nil {
		return row, err
	}
	read := row.Version
	if row.Control == (cluster.Control{}) {
		row.Version = 0
		t.gone(cluster.ChangeControl, key)
		if read == 0 {
			return row, t.checkNoControl(ctx, key)
		}
		return row, met(t.put(ctx, "mael_control", `delete from mael_control where control_key = ? and row_version = ?`, key, read))
	}
	body, err := encode(row.Control)
	if err != nil {
		return row, err
	}
	t.changed(cluster.ChangeControl, key)
	if read != 0 {
		row.Version++
		return row, met(t.put(ctx, "mael_control", `update mael_control set body = ?, row_version = ? where control_key = ? and row_version = ?`,
			body, row.Version, key, read))
	}
	if row.Version, err = t.freshVersion(ctx); err != nil {
		return row, err
	}
	return row, t.insert(ctx, "mael_control", []string{"control_key", "kind", "name", "body", "row_version"},
		[][]any{{key, string(row.Kind), row.Name, body, row.Version}})
}

// checkNoControl is ErrConflict if there is a control.
func (t *tx) checkNoControl(ctx context.Context, key string) error {
	found, err := t.controls(ctx, `where control_key = ?`, key)
	if err == nil && len(found) > 0 {
		err = cluster.ErrConflict
	}
	return err
}

func (t *tx) controls(ctx context.Context, where string, args ...any) (map[string]*cluster.ControlRow, error) {
	out := map[string]*cluster.ControlRow{}
	err := t.each(ctx, func(rows *sql.Rows) error {
		var key, body string
		row := &cluster.ControlRow{}
		if err := rows.Scan(&key, &row.Kind, &row.Name, &body, &row.Version); err != nil {
			return err
		}
		out[key] = row
		return decode(body, &row.Control)
	}, `select control_key, kind, name, body, row_version from mael_control `+where, args...)
	return out, err
}
