package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"maelstrom/cluster"
)

// alertsAge is how long alerts that have healed are kept.
const alertsAge = 30 * 24 * time.Hour

// Alerts returns those that are open, and those that healed lately, by their
// keys.
func (s *Store) Alerts(ctx context.Context) (alerts map[string]*cluster.Alert, err error) {
	err = s.read(ctx, func(t *tx) error {
		alerts, err = t.alerts(ctx, ``)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read alerts: %w", err)
	}
	return alerts, nil
}

// WriteAlerts opens and closes alerts, each with the event that tells so, in
// one transaction, under the fence of a role if hold is set. Their times are the
// database's. It returns them as they are then.
func (s *Store) WriteAlerts(ctx context.Context, hold *cluster.Hold, writes []cluster.AlertWrite) (alerts []cluster.Alert, err error) {
	writes = slices.Clone(writes)
	slices.SortFunc(writes, func(a, b cluster.AlertWrite) int { return strings.Compare(a.Key(), b.Key()) })
	_, err = s.write(ctx, writeOptions{hold: hold, rereads: true}, func(t *tx) error {
		alerts = nil
		for i := range writes {
			a, err := t.writeAlert(ctx, &writes[i])
			if err != nil {
				return err
			}
			if a != nil {
				alerts = append(alerts, *a)
			}
		}
		return t.pruneAlerts(ctx)
	})
	if err != nil {
		return nil, fmt.Errorf("write alerts: %w", err)
	}
	return alerts, nil
}

// writeAlert returns the alert as it is afterwards; nil: there is none.
func (t *tx) writeAlert(ctx context.Context, w *cluster.AlertWrite) (*cluster.Alert, error) {
	key := w.Key()
	if err := checkKeys(key); err != nil {
		return nil, err
	}
	now, err := t.now(ctx)
	if err != nil {
		return nil, err
	}
	found, err := t.alerts(ctx, `where alert_key = ?`, key)
	if err != nil {
		return nil, err
	}
	a, event, changed := written(found[key], w, now)
	if !changed {
		return a, nil
	}
	if err := t.storeAlert(ctx, found[key] != nil, a); err != nil {
		return nil, err
	}
	t.changed(cluster.ChangeAlert, key)
	t.event(event)
	return a, nil
}

// written is what an alert becomes by a write, and the event that tells so.
func written(old *cluster.Alert, w *cluster.AlertWrite, now time.Time) (a *cluster.Alert, told cluster.Event, changed bool) {
	is := w.Alert
	if is.Since.IsZero() || is.Since.After(now) {
		is.Since = now.Add(-w.Began)
	}
	is.Told, is.Healed = now, time.Time{}
	open := old != nil && old.Open()
	switch {
	case !w.Heals && !open:
		return &is, is.Opened(), true
	case w.Heals && open:
		healed := *old
		healed.How, healed.Healed = w.How, later(now.Add(-w.Ended), old.Since)
		return &healed, healed.Closed(), true
	case w.Heals && w.Whole && (old == nil || old.Healed.Before(is.Since)):
		is.Healed = later(now.Add(-w.Ended), is.Since)
		return &is, is.Closed(), true
	}
	return old, cluster.Event{}, false
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func (t *tx) storeAlert(ctx context.Context, stored bool, a *cluster.Alert) error {
	body, err := encode(a)
	if err != nil {
		return err
	}
	key := a.Key()
	if !stored {
		return t.insert(ctx, "mael_alert", []string{"alert_key", "kind", "subject", "since", "told", "healed", "cause", "body"},
			[][]any{{key, string(a.Kind), a.Subject, micros(a.Since), micros(a.Told), micros(a.Healed), text(a.Cause), body}})
	}
	// What is open is closed, and what is closed opened, by one writer alone.
	was := `healed <> 0`
	if !a.Open() {
		was = `(healed = 0 or healed < ?)`
	}
	args := []any{micros(a.Since), micros(a.Told), micros(a.Healed), text(a.Cause), body, key}
	if !a.Open() {
		args = append(args, micros(a.Since))
	}
	return met(t.put(ctx, "mael_alert", `update mael_alert set since = ?, told = ?, healed = ?, cause = ?, body = ?
		where alert_key = ? and `+was, args...))
}

// pruneAlerts forgets what healed long ago.
func (t *tx) pruneAlerts(ctx context.Context) error {
	now, err := t.now(ctx)
	if err != nil {
		return err
	}
	before := micros(now.Add(-alertsAge))
	old, err := t.alerts(ctx, `where healed > 0 and healed < ?`, before)
	if err != nil || len(old) == 0 {
		return err
	}
	for key := range old {
		t.gone(cluster.ChangeAlert, key)
	}
	_, err = t.put(ctx, "mael_alert", `delete from mael_alert where healed > 0 and healed < ?`, before)
	return err
}

func (t *tx) alerts(ctx context.Context, where string, args ...any) (map[string]*cluster.Alert, error) {
	out := map[string]*cluster.Alert{}
	err := t.each(ctx, func(rows *sql.Rows) error {
		var key, body string
		var since, told, healed int64
		if err := rows.Scan(&key, &since, &told, &healed, &body); err != nil {
			return err
		}
		a := &cluster.Alert{}
		if err := decode(body, a); err != nil {
			return fmt.Errorf("read alert %s: %w", key, err)
		}
		a.Since, a.Told, a.Healed = moment(since), moment(told), moment(healed)
		out[key] = a
		return nil
	}, `select alert_key, since, told, healed, body from mael_alert `+where, args...)
	return out, err
}
