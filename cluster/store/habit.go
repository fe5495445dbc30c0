package store

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"

	"maelstrom/cluster"
)

// Habits returns what was learned of components, by their names; nothing, if
// this release has not migrated the database yet.
func (s *Store) Habits(ctx context.Context) (habits map[string]*cluster.Habit, err error) {
	err = s.read(ctx, func(t *tx) error {
		habits = map[string]*cluster.Habit{}
		return t.each(ctx, func(rows *sql.Rows) error {
			var component, body string
			if err := rows.Scan(&component, &body); err != nil {
				return err
			}
			h := &cluster.Habit{}
			if err := decode(body, h); err != nil {
				return fmt.Errorf("of %s: %w", component, err)
			}
			habits[component] = h
			return nil
		}, `select component, body from mael_habit`)
	})
	if s.dialect.classify(err) == classNoTable {
		return map[string]*cluster.Habit{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read habits: %w", err)
	}
	return habits, nil
}

// WriteHabits stores what was learned of some components, under the fence of
// who places, and forgets that of others; all or nothing.
func (s *Store) WriteHabits(ctx context.Context, hold cluster.Hold, put map[string]*cluster.Habit, remove []string) error {
	names := slices.Sorted(maps.Keys(put))
	_, err := s.write(ctx, writeOptions{hold: &hold, rereads: true}, func(t *tx) error {
		now, err := t.now(ctx)
		if err != nil {
			return err
		}
		rows := make([][]any, 0, len(names))
		for _, name := range names {
			if err := checkKeys(name); err != nil {
				return err
			}
			body, err := encode(put[name])
			if err != nil {
				return err
			}
			rows = append(rows, []any{name, micros(now), body})
		}
		if err := t.dropHabits(ctx, slices.Concat(names, remove)); err != nil || len(rows) == 0 {
			return err
		}
		return t.insert(ctx, "mael_habit", []string{"component", "written", "body"}, rows)
	})
	if err != nil {
		return fmt.Errorf("write habits: %w", err)
	}
	return nil
}

func (t *tx) dropHabits(ctx context.Context, components []string) error {
	slices.Sort(components)
	for part := range slices.Chunk(components, batch) {
		args := make([]any, len(part))
		for i, name := range part {
			args[i] = name
		}
		_, err := t.put(ctx, "mael_habit", `delete from mael_habit where component in (?`+strings.Repeat(", ?", len(part)-1)+`)`, args...)
		if err != nil {
			return err
		}
	}
	return nil
}
