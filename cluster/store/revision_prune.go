package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// Histories of projects that are gone are looked through more seldom than the
// change log, for that reads all histories; and a few at a time, for a writer
// waits.
const (
	pruneHistoriesEvery = 8 * pruneEvery
	prunedHistories     = 50
)

// pruneHistories forgets projects that were removed so long ago that nothing
// of them is young any more.
func (s *Store) pruneHistories(ctx context.Context) error {
	var names []string
	var cut time.Time
	err := s.read(ctx, func(t *tx) error {
		now, err := t.now(ctx)
		if err != nil {
			return err
		}
		names, cut = nil, now.Add(-revisionAge)
		return t.each(ctx, func(rows *sql.Rows) error {
			var name string
			err := rows.Scan(&name)
			names = append(names, name)
			return err
		}, `select r.project from mael_revision r left join mael_project p on p.name = r.project
			where p.name is null group by r.project having max(r.applied_at) < ? order by r.project limit ?`, micros(cut), prunedHistories)
	})
	if err != nil {
		return fmt.Errorf("find histories to forget: %w", err)
	}
	for _, name := range names {
		_, err := s.attempt(ctx, writeOptions{}, func(t *tx) error { return t.forgetHistory(ctx, name, cut) })
		if err != nil && s.dialect.classify(err) != classUnique { // else the project is there again
			return fmt.Errorf("forget history of %s: %w", name, err)
		}
	}
	return nil
}

// forgetHistory deletes what is older than cut of a project that is gone. For
// as long as that takes it has the project's name: whoever adds the project at
// this moment must find what it refers to, or write it.
func (t *tx) forgetHistory(ctx context.Context, project string, cut time.Time) error {
	err := t.insert(ctx, "mael_project", []string{"name", "source", "revision", "source_revision", "created_at", "modified_at"},
		[][]any{{project, "", 0, "", 0, 0}})
	if err != nil {
		return err
	}
	if _, err := t.put(ctx, "mael_revision", `delete from mael_revision where project = ? and applied_at < ?`, project, micros(cut)); err != nil {
		return err
	}
	_, err = t.put(ctx, "mael_content",
		`delete from mael_content where project = ? and digest not in (select digest from mael_revision where project = ?)`, project, project)
	if err != nil {
		return err
	}
	_, err = t.put(ctx, "mael_project", `delete from mael_project where name = ? and revision = 0`, project)
	return err
}
