package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"reflect"

	"maelstrom/cluster"
)

// PutSource stores a source over the version that the caller has read, with
// its secrets apart. What is stored so already is not written again.
func (s *Store) PutSource(ctx context.Context, w cluster.SourceWrite) (row *cluster.SourceRow, err error) {
	if err := checkKeys(w.Spec.Name, cluster.RoleReconcile(w.Spec.Name), cluster.ControlKey(cluster.ControlSource, w.Spec.Name)); err != nil {
		return nil, fmt.Errorf("put source: %w", err)
	}
	_, err = s.write(ctx, writeOptions{hold: w.Hold, durable: true}, func(t *tx) error {
		row, err = t.putSource(ctx, w)
		return err
	})
	if s.dialect.classify(err) == classUnique {
		err = fmt.Errorf("%w: %w", cluster.ErrConflict, err)
	}
	if err != nil {
		return nil, fmt.Errorf("put source %s: %w", w.Spec.Name, err)
	}
	return row, nil
}

func (t *tx) putSource(ctx context.Context, w cluster.SourceWrite) (*cluster.SourceRow, error) {
	name := w.Spec.Name
	found, err := t.sources(ctx, `where name = ?`, name)
	if err != nil {
		return nil, err
	}
	old := found[name]
	if version(old) != w.Version {
		return nil, cluster.ErrConflict
	}
	secrets, err := t.sourceSecrets(ctx, name)
	if err != nil {
		return nil, err
	}
	same := w.Secrets == nil || reflect.DeepEqual(*w.Secrets, secrets)
	if w.Secrets != nil {
		secrets = *w.Secrets
	}
	if old != nil && same && old.Origin == w.Origin {
		if same, err = sameJSON(old.Spec, w.Spec); same || err != nil {
			return old, err
		}
	}
	return t.writeSource(ctx, w, old, secrets)
}

func version(row *cluster.SourceRow) int64 {
	if row == nil {
		return 0
	}
	return row.Version
}

func (t *tx) writeSource(ctx context.Context, w cluster.SourceWrite, old *cluster.SourceRow, secrets cluster.SourceSecrets) (*cluster.SourceRow, error) {
	now, err := t.now(ctx)
	if err != nil {
		return nil, err
	}
	row := &cluster.SourceRow{Spec: w.Spec, Secrets: secrets.Held(), Version: w.Version + 1, Origin: w.Origin, CreatedAt: now, ModifiedAt: now}
	spec, err := encode(w.Spec)
	if err != nil {
		return nil, err
	}
	held, err := encode(row.Secrets)
	if err != nil {
		return nil, err
	}
	verb := "changed"
	if old == nil {
		if verb, err = t.comes(ctx, w); err != nil {
			return nil, err
		}
		if row.Version, err = t.freshVersion(ctx); err != nil {
			return nil, err
		}
		err = t.insert(ctx, "mael_source", []string{"name", "spec", "secrets", "row_version", "origin", "created_at", "modified_at"},
			[][]any{{w.Spec.Name, spec, held, row.Version, text(row.Origin), micros(now), micros(now)}})
	} else {
		row.CreatedAt = old.CreatedAt
		err = met(t.put(ctx, "mael_source",
			`update mael_source set spec = ?, secrets = ?, row_version = ?, origin = ?, modified_at = ? where name = ? and row_version = ?`,
			spec, held, row.Version, text(row.Origin), micros(now), w.Spec.Name, w.Version))
	}
	if err != nil {
		return nil, err
	}
	t.changed(cluster.ChangeSource, w.Spec.Name)
	t.event(cluster.Event{Kind: cluster.EventSourceChanged, Source: w.Spec.Name, Actor: w.Actor, Message: "source " + verb})
	return row, t.putSecrets(ctx, w.Spec.Name, secrets)
}

// putSecrets replaces the secrets of a source.
func (t *tx) putSecrets(ctx context.Context, source string, secrets cluster.SourceSecrets) error {
	body, err := encode(secrets)
	if err != nil {
		return err
	}
	n, err := t.put(ctx, "mael_source_secret", `update mael_source_secret set body = ? where source = ?`, body, source)
	if err != nil || n > 0 || len(secrets.Held()) == 0 {
		return err
	}
	return t.insert(ctx, "mael_source_secret", []string{"source", "body"}, [][]any{{source, body}})
}

// SourceSecrets returns the credentials of a source, for who fetches it and
// checks its webhooks. ErrNotFound if there is no such source.
func (s *Store) SourceSecrets(ctx context.Context, name string) (secrets cluster.SourceSecrets, err error) {
	err = s.read(ctx, func(t *tx) error {
		var n int
		if err := t.row(ctx, `select count(*) from mael_source where name = ?`, name).Scan(&n); err != nil {
			return err
		}
		if n == 0 {
			return cluster.ErrNotFound
		}
		secrets, err = t.sourceSecrets(ctx, name)
		return err
	})
	if err != nil {
		return cluster.SourceSecrets{}, fmt.Errorf("read secrets of source %s: %w", name, err)
	}
	return secrets, nil
}

func (t *tx) sourceSecrets(ctx context.Context, name string) (secrets cluster.SourceSecrets, err error) {
	var body string
	err = t.row(ctx, `select body from mael_source_secret where source = ?`, name).Scan(&body)
	if errors.Is(err, sql.ErrNoRows) {
		return secrets, nil
	}
	if err != nil {
		return secrets, err
	}
	return secrets, decode(body, &secrets)
}

func (t *tx) sources(ctx context.Context, where string, args ...any) (map[string]*cluster.SourceRow, error) {
	out := map[string]*cluster.SourceRow{}
	err := t.each(ctx, func(rows *sql.Rows) error {
		var name, spec, held string
		var created, modified int64
		row := &cluster.SourceRow{Spec: &cluster.Source{}}
		if err := rows.Scan(&name, &spec, &held, &row.Version, &row.Origin, &created, &modified); err != nil {
			return err
		}
		if err := errors.Join(decode(spec, row.Spec), decode(held, &row.Secrets)); err != nil {
			return fmt.Errorf("read source %s: %w", name, err)
		}
		row.CreatedAt, row.ModifiedAt = moment(created), moment(modified)
		out[name] = row
		return nil
	}, `select name, spec, secrets, row_version, origin, created_at, modified_at from mael_source `+where, args...)
	return out, err
}

// freshVersion is one that no row of that name has ever had: a row that is
// deleted and made again must not pass for what it was. Every version below
// was made by a change, and changes are counted.
func (t *tx) freshVersion(ctx context.Context) (n int64, err error) {
	err = t.row(ctx, `select n + 1 from mael_change_counter where id = 1`).Scan(&n)
	return n, err
}

func sameJSON(a, b any) (bool, error) {
	x, err := encode(a)
	if err != nil {
		return false, err
	}
	y, err := encode(b)
	return x == y, err
}
