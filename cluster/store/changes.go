package store

import (
	"context"
	"database/sql"
	"fmt"

	"maelstrom/cluster"
)

// The change log keeps the newest logKept rows. It is pruned once in
// pruneEvery changes, so it is longer than that for a while.
const (
	logKept    = 100_000
	pruneEvery = 512
)

// ChangeNumber returns the number of the latest change.
func (s *Store) ChangeNumber(ctx context.Context) (int64, error) {
	var n int64
	err := s.reader.QueryRowContext(ctx, `select n from mael_change_counter where id = 1`).Scan(&n)
	if err != nil {
		s.noteLost(ctx, err)
		return 0, fmt.Errorf("read change number: %w", err)
	}
	return n, nil
}

// Changes returns what changed after the given number, or everything if since
// is zero, too far back, or not a number this database has reached.
func (s *Store) Changes(ctx context.Context, since int64) (cs cluster.ChangeSet, err error) {
	err = s.read(ctx, func(t *tx) error {
		var pruned int64
		cs = cluster.ChangeSet{}
		if err := t.row(ctx, `select n, pruned from mael_change_counter where id = 1`).Scan(&cs.Number, &pruned); err != nil {
			return err
		}
		if since <= 0 || since < pruned || since > cs.Number {
			cs.Full = true
			return t.readAll(ctx, &cs)
		}
		return t.readChanged(ctx, &cs, since)
	})
	if err != nil {
		return cluster.ChangeSet{}, fmt.Errorf("read changes since %d: %w", since, err)
	}
	return cs, nil
}

// readAll fills cs with every row.
func (t *tx) readAll(ctx context.Context, cs *cluster.ChangeSet) (err error) {
	if cs.Projects, err = t.projects(ctx, ``); err != nil {
		return err
	}
	if cs.Components, err = t.components(ctx, ``); err != nil {
		return err
	}
	if cs.EventSources, err = t.eventSources(ctx, ``); err != nil {
		return err
	}
	if cs.Placements, err = t.placements(ctx, ``); err != nil {
		return err
	}
	if cs.Nodes, err = t.nodes(ctx, ``); err != nil {
		return err
	}
	if err := t.readAllOfSources(ctx, cs); err != nil {
		return err
	}
	cs.Instances, err = t.instanceLists(ctx)
	return err
}

func (t *tx) readAllOfSources(ctx context.Context, cs *cluster.ChangeSet) (err error) {
	if cs.Sources, err = t.sources(ctx, ``); err != nil {
		return err
	}
	if cs.SourceStatuses, err = t.sourceStatuses(ctx, ``); err != nil {
		return err
	}
	if cs.ProjectStatuses, err = t.projectStatuses(ctx, ``); err != nil {
		return err
	}
	if cs.Controls, err = t.controls(ctx, ``); err != nil {
		return err
	}
	if cs.Notifiers, err = t.notifiers(ctx, ``); err != nil {
		return err
	}
	if cs.Alerts, err = t.alerts(ctx, ``); err != nil {
		return err
	}
	cs.Runs, err = t.runs(ctx, ``)
	return err
}

// readChanged fills cs with the rows that the log names, as they are now.
func (t *tx) readChanged(ctx context.Context, cs *cluster.ChangeSet, since int64) error {
	objects := map[cluster.ChangeKind][]string{}
	err := t.each(ctx, func(rows *sql.Rows) error {
		var kind, object string
		if err := rows.Scan(&kind, &object); err != nil {
			return err
		}
		k := cluster.ChangeKind(kind)
		objects[k] = append(objects[k], object)
		return nil
	}, `select distinct kind, object from mael_change where n > ?`, since)
	if err != nil {
		return err
	}
	if cs.Projects, err = named(ctx, objects[cluster.ChangeProject], t.projects, `where name in `); err != nil {
		return err
	}
	if cs.Components, err = named(ctx, objects[cluster.ChangeComponent], t.components, `where name in `); err != nil {
		return err
	}
	if cs.EventSources, err = named(ctx, objects[cluster.ChangeEventSource], t.eventSources, `where name in `); err != nil {
		return err
	}
	if cs.Placements, err = named(ctx, objects[cluster.ChangePlacement], t.placements, `where id in `); err != nil {
		return err
	}
	if cs.Nodes, err = named(ctx, objects[cluster.ChangeNode], t.nodes, `where id in `); err != nil {
		return err
	}
	return t.readChangedOfSources(ctx, cs, objects)
}

func (t *tx) readChangedOfSources(ctx context.Context, cs *cluster.ChangeSet, objects map[cluster.ChangeKind][]string) (err error) {
	if cs.Sources, err = named(ctx, objects[cluster.ChangeSource], t.sources, `where name in `); err != nil {
		return err
	}
	if cs.SourceStatuses, err = named(ctx, objects[cluster.ChangeSourceStatus], t.sourceStatuses, `where source in `); err != nil {
		return err
	}
	if cs.ProjectStatuses, err = named(ctx, objects[cluster.ChangeProjectStatus], t.projectStatuses, `where status_key in `); err != nil {
		return err
	}
	if cs.Controls, err = named(ctx, objects[cluster.ChangeControl], t.controls, `where control_key in `); err != nil {
		return err
	}
	if cs.Notifiers, err = named(ctx, objects[cluster.ChangeNotifier], t.notifiers, `where name in `); err != nil {
		return err
	}
	if cs.Alerts, err = named(ctx, objects[cluster.ChangeAlert], t.alerts, `where alert_key in `); err != nil {
		return err
	}
	cs.Runs, err = named(ctx, objects[cluster.ChangeRun], t.runs, `where id in `)
	return err
}

// reader reads the rows of one table that meet a condition, by key.
type reader[V any] func(ctx context.Context, where string, args ...any) (map[string]*V, error)

// named reads the rows of the given keys; nil stands for a row that is gone.
func named[V any](ctx context.Context, keys []string, read reader[V], where string) (map[string]*V, error) {
	out := make(map[string]*V, len(keys))
	for _, k := range keys {
		out[k] = nil
	}
	err := chunks(keys, func(in string, args []any) error {
		found, err := read(ctx, where+in, args...)
		for k, v := range found {
			out[k] = v
		}
		return err
	})
	return out, err
}

// prune shortens the change log, the events and the histories, each in a
// transaction of its own, after the one of that number, which was due for it;
// what fails now succeeds at a later one.
func (s *Store) prune(ctx context.Context, number int64) {
	if err := s.pruneLog(ctx); err != nil {
		s.log.Warn("change log not pruned", "error", err)
	}
	_, err := s.attempt(ctx, writeOptions{}, func(t *tx) error { return t.pruneEvents(ctx, s.eventsKept) })
	if err != nil {
		s.log.Warn("events not pruned", "error", err)
	}
	if number%pruneHistoriesEvery != 0 {
		return
	}
	if err := s.pruneHistories(ctx); err != nil {
		s.log.Warn("histories not pruned", "error", err)
	}
}

func (s *Store) pruneLog(ctx context.Context) error {
	_, err := s.attempt(ctx, writeOptions{}, func(t *tx) error {
		var cut int64
		err := t.row(ctx, `select n from mael_change order by n desc limit 1 offset ?`, s.logKept).Scan(&cut)
		if err == sql.ErrNoRows {
			return nil
		}
		if err != nil {
			return err
		}
		if _, err := t.put(ctx, "mael_change_counter", `update mael_change_counter set pruned = ? where id = 1 and pruned < ?`, cut, cut); err != nil {
			return err
		}
		_, err = t.put(ctx, "mael_change", `delete from mael_change where n <= ?`, cut)
		return err
	})
	return err
}
