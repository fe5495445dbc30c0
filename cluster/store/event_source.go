package store

import (
	"context"
	"database/sql"
	"fmt"

	"maelstrom/cluster"
	"maelstrom/project"
)

func (t *tx) eventSources(ctx context.Context, where string, args ...any) (map[string]*cluster.EventSourceRow, error) {
	out := map[string]*cluster.EventSourceRow{}
	err := t.each(ctx, func(rows *sql.Rows) error {
		var name, spec string
		var enabled, created, modified int64
		row := &cluster.EventSourceRow{Spec: &project.EventSource{}}
		if err := rows.Scan(&name, &spec, &enabled, &row.Version, &created, &modified); err != nil {
			return err
		}
		if err := decode(spec, row.Spec); err != nil {
			return fmt.Errorf("read event source %s: %w", name, err)
		}
		row.Enabled, row.CreatedAt, row.ModifiedAt = enabled != 0, moment(created), moment(modified)
		out[name] = row
		return nil
	}, `select name, spec, enabled, row_version, created_at, modified_at from mael_event_source `+where, args...)
	return out, err
}

// addEventSources inserts event sources, enabled.
func (t *tx) addEventSources(ctx context.Context, specs []*project.EventSource) error {
	now, err := t.now(ctx)
	if err != nil {
		return err
	}
	rows := make([][]any, len(specs))
	for i, e := range specs {
		body, err := encode(e)
		if err != nil {
			return err
		}
		rows[i] = []any{e.Name, e.Project, body, 1, 1, micros(now), micros(now)}
		t.changed(cluster.ChangeEventSource, e.Name)
	}
	return t.insert(ctx, "mael_event_source",
		[]string{"name", "project", "spec", "enabled", "row_version", "created_at", "modified_at"}, rows)
}

// setEventSource replaces the spec of an event source at a version. A new
// schedule counts from now, an old one from where it did.
func (t *tx) setEventSource(ctx context.Context, w cluster.EventSourceWrite, old cluster.EventSourceRow) error {
	now, err := t.now(ctx)
	if err != nil {
		return err
	}
	body, err := encode(w.Spec)
	if err != nil {
		return err
	}
	created := old.CreatedAt
	if schedule(w.Spec) != schedule(old.Spec) {
		created = now
	}
	t.changed(cluster.ChangeEventSource, w.Spec.Name)
	return met(t.put(ctx, "mael_event_source",
		`update mael_event_source set spec = ?, row_version = ?, created_at = ?, modified_at = ? where name = ? and project = ? and row_version = ?`,
		body, w.Version+1, micros(created), micros(now), w.Spec.Name, w.Spec.Project, w.Version))
}

func schedule(e *project.EventSource) string {
	if e == nil || e.Cron == nil {
		return ""
	}
	return e.Cron.Schedule
}

func (t *tx) removeEventSources(ctx context.Context, removed []cluster.ObjectVersion) error {
	for _, o := range removed {
		t.gone(cluster.ChangeEventSource, o.Name)
	}
	return t.deleteAt(ctx, "mael_event_source", removed)
}

// SetEventSourcesEnabled enables or disables event sources. One that is so
// already is left alone; without any other, nothing is written.
func (s *Store) SetEventSourcesEnabled(ctx context.Context, names []string, enabled bool) (changeNumber int64, err error) {
	names = sortedSet(names)
	differ, err := s.eventSourcesToSet(ctx, names, enabled)
	if err == nil && len(differ) == 0 {
		return s.ChangeNumber(ctx)
	}
	if err == nil {
		changeNumber, err = s.write(ctx, writeOptions{durable: true}, func(t *tx) error {
			return t.enable(ctx, differ, enabled)
		})
	}
	if err != nil {
		return 0, fmt.Errorf("set event sources: %w", err)
	}
	return changeNumber, nil
}

func (t *tx) enable(ctx context.Context, names []string, enabled bool) error {
	now, err := t.now(ctx)
	if err != nil {
		return err
	}
	for _, name := range names {
		n, err := t.put(ctx, "mael_event_source", `update mael_event_source set enabled = ?, modified_at = ? where name = ?`,
			flag(enabled), micros(now), name)
		if err != nil {
			return err
		}
		if n == 0 {
			return fmt.Errorf("event source %s: %w", name, cluster.ErrNotFound)
		}
		t.changed(cluster.ChangeEventSource, name)
	}
	return nil
}

// eventSourcesToSet returns those of names that are not as wanted.
func (s *Store) eventSourcesToSet(ctx context.Context, names []string, enabled bool) (differ []string, err error) {
	var found map[string]*cluster.EventSourceRow
	err = s.read(ctx, func(t *tx) error {
		found, err = named(ctx, names, t.eventSources, `where name in `)
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		switch row := found[name]; {
		case row == nil:
			return nil, fmt.Errorf("event source %s: %w", name, cluster.ErrNotFound)
		case row.Enabled != enabled:
			differ = append(differ, name)
		}
	}
	return differ, nil
}
