package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"maelstrom/cluster"
)

// Of each event source the newest firingsKept firings are kept, about: they
// are pruned at one claim in pruneFirings.
const (
	firingsKept  = 100
	pruneFirings = 32
)

// ClaimFiring claims a due time for the holder of a role. True means that it
// is the caller's to fire; nobody else will be told so, ever.
func (s *Store) ClaimFiring(ctx context.Context, hold cluster.Hold, f cluster.Firing) (bool, error) {
	if err := checkKeys(f.Key, f.EventSource, f.Component); err != nil {
		return false, fmt.Errorf("claim firing: %w", err)
	}
	claim := cluster.NewID()
	_, err := s.write(ctx, writeOptions{hold: &hold}, func(t *tx) error {
		err := t.insert(ctx, "mael_firing",
			[]string{"firing_key", "ordinal", "due", "event_source", "component", "claim", "started_at", "finished_at", "status", "reason", "failure", "node"},
			[][]any{{f.Key, f.Ordinal, micros(f.Due), f.EventSource, f.Component, claim, micros(f.StartedAt), 0, 0, "", "", hold.Holder}})
		if err != nil || rand.N(pruneFirings) > 0 {
			return err
		}
		return t.pruneFirings(ctx, f.EventSource)
	})
	if s.dialect.classify(err) == classUnique {
		// Ours, if the commit that made it was in doubt.
		var winner string
		err = s.reader.QueryRowContext(ctx,
			s.dialect.rebind(`select claim from mael_firing where firing_key = ? and ordinal = ? and due = ?`),
			f.Key, f.Ordinal, micros(f.Due)).Scan(&winner)
		if err == nil {
			return winner == claim, nil
		}
	}
	if err != nil {
		return false, fmt.Errorf("claim firing of %s: %w", f.EventSource, err)
	}
	return true, nil
}

func (t *tx) pruneFirings(ctx context.Context, eventSource string) error {
	var cut int64
	err := t.row(ctx, `select due from mael_firing where event_source = ? order by due desc limit 1 offset ?`, eventSource, firingsKept).Scan(&cut)
	if err == sql.ErrNoRows {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = t.put(ctx, "mael_firing", `delete from mael_firing where event_source = ? and due <= ? and finished_at > 0`, eventSource, cut)
	return err
}

// FinishFiring stores how a claimed firing ended, once, and that it happened.
func (s *Store) FinishFiring(ctx context.Context, f cluster.Firing) error {
	_, err := s.write(ctx, writeOptions{}, func(t *tx) error { return t.finishFiring(ctx, f) })
	if err != nil {
		return fmt.Errorf("finish firing of %s: %w", f.EventSource, err)
	}
	return nil
}

func (t *tx) finishFiring(ctx context.Context, f cluster.Firing) error {
	n, err := t.put(ctx, "mael_firing", `update mael_firing set started_at = ?, finished_at = ?, status = ?, reason = ?, failure = ?
		where firing_key = ? and ordinal = ? and due = ? and finished_at = 0`,
		micros(f.StartedAt), micros(f.FinishedAt), f.Status, string(f.Reason), text(f.Error), f.Key, f.Ordinal, micros(f.Due))
	if err != nil || n == 0 {
		return err // it is told already
	}
	return t.firingEvent(ctx, f)
}

func (t *tx) firingEvent(ctx context.Context, f cluster.Firing) error {
	e := cluster.Event{Kind: cluster.EventCron, Component: f.Component, Message: fmt.Sprintf("%s fired, status %d", f.EventSource, f.Status)}
	if f.Error != "" || f.Status < 200 || f.Status > 299 {
		e.Severity = cluster.EventWarning
		e.Message = strings.TrimSuffix(fmt.Sprintf("%s failed, status %d: %s", f.EventSource, f.Status, cmp.Or(f.Error, string(f.Reason))), ": ")
	}
	err := t.row(ctx, `select project from mael_event_source where name = ?`, f.EventSource).Scan(&e.Project)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	details, err := encode(cluster.CronDetails{EventSource: f.EventSource, Due: f.Due, Status: f.Status, Seconds: f.FinishedAt.Sub(f.StartedAt).Seconds(), Reason: f.Reason})
	e.Details = json.RawMessage(details)
	t.event(e)
	return err
}

// LastFirings returns the newest firings of an event source, newest first.
func (s *Store) LastFirings(ctx context.Context, eventSource string, limit int) (firings []cluster.Firing, err error) {
	err = s.read(ctx, func(t *tx) error {
		firings = nil
		return t.each(ctx, func(rows *sql.Rows) error {
			f := cluster.Firing{EventSource: eventSource}
			var due, started, finished int64
			err := rows.Scan(&f.Key, &f.Ordinal, &due, &f.Component, &started, &finished, &f.Status, &f.Reason, &f.Error)
			f.Due, f.StartedAt, f.FinishedAt = moment(due), moment(started), moment(finished)
			firings = append(firings, f)
			return err
		}, `select firing_key, ordinal, due, component, started_at, finished_at, status, reason, failure from mael_firing
			where event_source = ? order by due desc, firing_key, ordinal limit ?`, eventSource, limit)
	})
	if err != nil {
		return nil, fmt.Errorf("read firings of %s: %w", eventSource, err)
	}
	return firings, nil
}

// OpenFirings returns the firings of an event source, by what it is claimed
// under, of which nobody has told the end, oldest first.
func (s *Store) OpenFirings(ctx context.Context, key string, ordinal int) (firings []cluster.Firing, err error) {
	err = s.read(ctx, func(t *tx) error {
		firings = nil
		return t.each(ctx, func(rows *sql.Rows) error {
			f := cluster.Firing{Key: key, Ordinal: ordinal}
			var due, started int64
			err := rows.Scan(&due, &f.EventSource, &f.Component, &started)
			f.Due, f.StartedAt = moment(due), moment(started)
			firings = append(firings, f)
			return err
		}, `select due, event_source, component, started_at from mael_firing where firing_key = ? and ordinal = ? and finished_at = 0 order by due`, key, ordinal)
	})
	if err != nil {
		return nil, fmt.Errorf("read open firings: %w", err)
	}
	return firings, nil
}

// LatestFirings returns the newest firing of every event source, by its name.
func (s *Store) LatestFirings(ctx context.Context) (latest map[string]cluster.Firing, err error) {
	err = s.read(ctx, func(t *tx) error {
		latest = map[string]cluster.Firing{}
		return t.each(ctx, func(rows *sql.Rows) error {
			var f cluster.Firing
			var due, started, finished int64
			err := rows.Scan(&f.Key, &f.Ordinal, &due, &f.EventSource, &f.Component, &started, &finished, &f.Status, &f.Reason, &f.Error)
			f.Due, f.StartedAt, f.FinishedAt = moment(due), moment(started), moment(finished)
			latest[f.EventSource] = f
			return err
		}, `select f.firing_key, f.ordinal, f.due, f.event_source, f.component, f.started_at, f.finished_at, f.status, f.reason, f.failure
			from mael_firing f join (select event_source, max(due) as due from mael_firing group by event_source) l
			on f.event_source = l.event_source and f.due = l.due order by f.started_at`)
	})
	if err != nil {
		return nil, fmt.Errorf("read latest firings: %w", err)
	}
	return latest, nil
}

// LastDue returns the latest due time that was claimed, by what it is claimed
// under.
func (s *Store) LastDue(ctx context.Context) (last map[cluster.FiringID]time.Time, err error) {
	err = s.read(ctx, func(t *tx) error {
		last = map[cluster.FiringID]time.Time{}
		return t.each(ctx, func(rows *sql.Rows) error {
			var id cluster.FiringID
			var due int64
			err := rows.Scan(&id.Key, &id.Ordinal, &due)
			last[id] = moment(due)
			return err
		}, `select firing_key, ordinal, max(due) from mael_firing group by firing_key, ordinal`)
	})
	if err != nil {
		return nil, fmt.Errorf("read last due times: %w", err)
	}
	return last, nil
}
