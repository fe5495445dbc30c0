package store

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"

	"maelstrom/cluster"
)

// WriteSourceStatus stores what the loop of a source has learned, under the
// fence of its role. ErrNotFound says that the source is gone: nothing is kept
// of it then.
func (s *Store) WriteSourceStatus(ctx context.Context, w cluster.StatusWrite) (changeNumber int64, err error) {
	if w.Source == nil && len(w.Put) == 0 && len(w.Remove) == 0 && len(w.Events) == 0 {
		return s.ChangeNumber(ctx)
	}
	changeNumber, err = s.write(ctx, writeOptions{hold: w.Hold}, func(t *tx) error {
		for _, source := range sourcesOf(w) {
			if err := t.lockSource(ctx, source); err != nil {
				return err
			}
		}
		if err := t.removeStatuses(ctx, w.Remove); err != nil {
			return err
		}
		if err := t.putStatuses(ctx, w.Put); err != nil {
			return err
		}
		for _, e := range w.Events {
			t.event(e)
		}
		return t.putSourceStatus(ctx, w.Source)
	})
	if err != nil {
		return 0, fmt.Errorf("write status of source: %w", err)
	}
	return changeNumber, nil
}

func sourcesOf(w cluster.StatusWrite) []string {
	var names []string
	if w.Source != nil {
		names = append(names, w.Source.Source)
	}
	for i := range w.Put {
		names = append(names, w.Put[i].Source)
	}
	return sortedSet(names)
}

func (t *tx) putSourceStatus(ctx context.Context, status *cluster.SourceStatus) error {
	if status == nil {
		return nil
	}
	body, err := encode(status)
	if err != nil {
		return err
	}
	t.changed(cluster.ChangeSourceStatus, status.Source)
	n, err := t.put(ctx, "mael_source_status", `update mael_source_status set body = ? where source = ?`, body, status.Source)
	if err != nil || n > 0 {
		return err
	}
	return t.insert(ctx, "mael_source_status", []string{"source", "body"}, [][]any{{status.Source, body}})
}

// putStatuses stores project statuses over those that are there.
func (t *tx) putStatuses(ctx context.Context, statuses []cluster.ProjectStatus) error {
	rows := make([][]any, len(statuses))
	keys := make([]string, len(statuses))
	for i := range statuses {
		body, err := encode(&statuses[i])
		if err != nil {
			return err
		}
		keys[i] = statuses[i].Key()
		rows[i] = []any{keys[i], statuses[i].Source, body}
	}
	slices.SortFunc(rows, func(a, b []any) int { return cmp.Compare(a[0].(string), b[0].(string)) })
	// Two statements for many rows, in words that every database has.
	if err := t.removeStatuses(ctx, keys); err != nil {
		return err
	}
	for _, key := range keys {
		t.changed(cluster.ChangeProjectStatus, key)
	}
	return t.insert(ctx, "mael_project_status", []string{"status_key", "source", "body"}, rows)
}

func (t *tx) removeStatuses(ctx context.Context, keys []string) error {
	for _, key := range keys {
		t.gone(cluster.ChangeProjectStatus, key)
	}
	return chunks(sortedSet(keys), func(in string, args []any) error {
		_, err := t.put(ctx, "mael_project_status", `delete from mael_project_status where status_key in `+in, args...)
		return err
	})
}

func (t *tx) sourceStatuses(ctx context.Context, where string, args ...any) (map[string]*cluster.SourceStatus, error) {
	return bodies[cluster.SourceStatus](ctx, t, `select source, body from mael_source_status `+where, args...)
}

func (t *tx) projectStatuses(ctx context.Context, where string, args ...any) (map[string]*cluster.ProjectStatus, error) {
	return bodies[cluster.ProjectStatus](ctx, t, `select status_key, body from mael_project_status `+where, args...)
}

// bodies reads rows of a key and what is kept under it.
func bodies[V any](ctx context.Context, t *tx, query string, args ...any) (map[string]*V, error) {
	out := map[string]*V{}
	err := t.each(ctx, func(rows *sql.Rows) error {
		var key, body string
		if err := rows.Scan(&key, &body); err != nil {
			return err
		}
		v := new(V)
		if err := decode(body, v); err != nil {
			return fmt.Errorf("read %s: %w", key, err)
		}
		out[key] = v
		return nil
	}, query, args...)
	return out, err
}
