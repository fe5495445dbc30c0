package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"maelstrom/cluster"
)

// PutNotifier stores a notifier over the version that the caller has read.
// What is stored so already is not written again.
func (s *Store) PutNotifier(ctx context.Context, w cluster.NotifierWrite) (row *cluster.NotifierRow, err error) {
	if err := checkKeys(w.Spec.Name); err != nil {
		return nil, fmt.Errorf("put notifier: %w", err)
	}
	_, err = s.write(ctx, writeOptions{hold: w.Hold, durable: true}, func(t *tx) error {
		row, err = t.putNotifier(ctx, w)
		return err
	})
	if s.dialect.classify(err) == classUnique {
		err = fmt.Errorf("%w: %w", cluster.ErrConflict, err)
	}
	if err != nil {
		return nil, fmt.Errorf("put notifier %s: %w", w.Spec.Name, err)
	}
	return row, nil
}

func (t *tx) putNotifier(ctx context.Context, w cluster.NotifierWrite) (*cluster.NotifierRow, error) {
	name := w.Spec.Name
	found, err := t.notifiers(ctx, `where name = ?`, name)
	if err != nil {
		return nil, err
	}
	old := found[name]
	if old == nil && w.Version != 0 || old != nil && old.Version != w.Version {
		return nil, cluster.ErrConflict
	}
	var secret string
	if old != nil {
		if secret, err = t.notifierSecret(ctx, name); err != nil {
			return nil, err
		}
	}
	same := w.Secret == nil || *w.Secret == secret
	if w.Secret != nil {
		secret = *w.Secret
	}
	if old != nil && same && old.Origin == w.Origin {
		if same, err = sameJSON(old.Spec, w.Spec); same || err != nil {
			return old, err
		}
	}
	return t.writeNotifier(ctx, w, old, secret)
}

func (t *tx) writeNotifier(ctx context.Context, w cluster.NotifierWrite, old *cluster.NotifierRow, secret string) (*cluster.NotifierRow, error) {
	now, err := t.now(ctx)
	if err != nil {
		return nil, err
	}
	spec, err := encode(w.Spec)
	if err != nil {
		return nil, err
	}
	name := w.Spec.Name
	row := &cluster.NotifierRow{Spec: w.Spec, HasSecret: secret != "", Version: w.Version + 1, Origin: w.Origin, CreatedAt: now, ModifiedAt: now}
	verb := "declared"
	if old == nil {
		if row.Version, err = t.freshVersion(ctx); err != nil {
			return nil, err
		}
		err = t.insert(ctx, "mael_notifier", []string{"name", "spec", "secret", "row_version", "origin", "created_at", "modified_at"},
			[][]any{{name, spec, text(secret), row.Version, text(row.Origin), micros(now), micros(now)}})
	} else {
		verb, row.CreatedAt = "changed", old.CreatedAt
		err = met(t.put(ctx, "mael_notifier",
			`update mael_notifier set spec = ?, secret = ?, row_version = ?, origin = ?, modified_at = ? where name = ? and row_version = ?`,
			spec, text(secret), row.Version, text(row.Origin), micros(now), name, w.Version))
	}
	t.changed(cluster.ChangeNotifier, name)
	t.event(cluster.Event{Kind: cluster.EventNotifierChanged, Actor: w.Actor, Message: "notifier " + name + " " + verb})
	return row, err
}

// DeleteNotifier removes a notifier with its state.
func (s *Store) DeleteNotifier(ctx context.Context, d cluster.Deletion) error {
	_, err := s.write(ctx, writeOptions{hold: d.Hold, durable: true}, func(t *tx) error {
		name, version := d.Name, d.Version
		found, err := t.notifiers(ctx, `where name = ?`, name)
		switch {
		case err != nil:
			return err
		case found[name] == nil:
			return cluster.ErrNotFound
		case version == 0:
			version = found[name].Version
		}
		err = met(t.put(ctx, "mael_notifier", `delete from mael_notifier where name = ? and row_version = ?`, name, version))
		if err != nil {
			return err
		}
		t.gone(cluster.ChangeNotifier, name)
		t.event(cluster.Event{Kind: cluster.EventNotifierChanged, Actor: d.Actor, Message: "notifier " + name + " removed"})
		_, err = t.put(ctx, "mael_notifier_state", `delete from mael_notifier_state where name = ?`, name)
		return err
	})
	if err != nil {
		return fmt.Errorf("delete notifier %s: %w", d.Name, err)
	}
	return nil
}

// NotifierSecret returns what a notifier signs with, or its API's token; empty
// if it has none. ErrNotFound if there is no such notifier.
func (s *Store) NotifierSecret(ctx context.Context, name string) (secret string, err error) {
	err = s.read(ctx, func(t *tx) error {
		secret, err = t.notifierSecret(ctx, name)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("read secret of notifier %s: %w", name, err)
	}
	return secret, nil
}

func (t *tx) notifierSecret(ctx context.Context, name string) (secret string, err error) {
	err = t.row(ctx, `select secret from mael_notifier where name = ?`, name).Scan(&secret)
	if errors.Is(err, sql.ErrNoRows) {
		err = cluster.ErrNotFound
	}
	return secret, err
}

func (t *tx) notifiers(ctx context.Context, where string, args ...any) (map[string]*cluster.NotifierRow, error) {
	out := map[string]*cluster.NotifierRow{}
	err := t.each(ctx, func(rows *sql.Rows) error {
		var name, spec string
		var secret, created, modified int64
		row := &cluster.NotifierRow{Spec: &cluster.Notifier{}}
		if err := rows.Scan(&name, &spec, &secret, &row.Version, &row.Origin, &created, &modified); err != nil {
			return err
		}
		if err := decode(spec, row.Spec); err != nil {
			return fmt.Errorf("read notifier %s: %w", name, err)
		}
		row.HasSecret, row.CreatedAt, row.ModifiedAt = secret != 0, moment(created), moment(modified)
		out[name] = row
		return nil
	}, `select name, spec, case when secret = '' then 0 else 1 end, row_version, origin, created_at, modified_at from mael_notifier `+where, args...)
	return out, err
}
