package store

import (
	"context"
	"errors"
	"fmt"

	"maelstrom/cluster"
)

// writeRollout stores what became of a version, as long as it is the declared
// one.
func (t *tx) writeRollout(ctx context.Context, w *cluster.RolloutWrite) error {
	t.changed(cluster.ChangeComponent, w.Component)
	switch w.State {
	case cluster.RolloutProven:
		return met(t.put(ctx, "mael_component",
			`update mael_component set proven = ?, kept = '', failure = '' where name = ? and restart_version = ?`, w.Version, w.Component, w.Version))
	case cluster.RolloutFailed:
		return t.failRollout(ctx, w)
	case cluster.RolloutRetry:
		return t.retryRollout(ctx, w)
	}
	return fmt.Errorf("roll-out %q is none", w.State)
}

// failRollout stores a failure of a version that no instance has proven.
func (t *tx) failRollout(ctx context.Context, w *cluster.RolloutWrite) error {
	if w.Failure == nil {
		return errors.New("failure without a reason")
	}
	now, err := t.now(ctx)
	if err != nil {
		return err
	}
	failure := storedFailure{RolloutFailure: *w.Failure, Version: w.Version}
	failure.At = now
	failure.Message = text(failure.Message)
	return t.setFailure(ctx, w, failure)
}

// retryRollout takes a failure back and keeps that there was one.
func (t *tx) retryRollout(ctx context.Context, w *cluster.RolloutWrite) error {
	found, err := t.components(ctx, `where name = ?`, w.Component)
	if err != nil {
		return err
	}
	row := found[w.Component]
	if row == nil || row.Failed == nil || row.RestartVersion != w.Version {
		return cluster.ErrConflict
	}
	return t.forgive(ctx, row)
}

// forgive lets the declared version be tried again.
func (t *tx) forgive(ctx context.Context, row *cluster.ComponentRow) error {
	w := &cluster.RolloutWrite{Component: row.Spec.Name, Version: row.RestartVersion}
	return t.setFailure(ctx, w, storedFailure{RolloutFailure: *row.Failed, Version: w.Version, Retried: true})
}

func (t *tx) setFailure(ctx context.Context, w *cluster.RolloutWrite, failure storedFailure) error {
	body, err := encode(failure)
	if err != nil {
		return err
	}
	return met(t.put(ctx, "mael_component", `update mael_component set failure = ? where name = ? and restart_version = ? and proven < ?`,
		body, w.Component, w.Version, w.Version))
}

// storedFailure is what the column failure holds. It tells which version it
// is of: a daemon that knows no roll-outs leaves it where it is when it stores
// the next version.
type storedFailure struct {
	cluster.RolloutFailure

	Version int64 `json:"version"`
	Retried bool  `json:"retried,omitempty"` // taken back
}

func decodeFailure(row *cluster.ComponentRow, failure string) error {
	if failure == "" {
		return nil
	}
	var stored storedFailure
	if err := decode(failure, &stored); err != nil {
		return fmt.Errorf("read failure of component %s: %w", row.Spec.Name, err)
	}
	if stored.Version != row.RestartVersion {
		return nil
	}
	row.Tries = stored.Tries
	if !stored.Retried {
		row.Failed = &stored.RolloutFailure
	}
	return nil
}

// replaceVersion gives a component its next version, that containers see, and
// keeps what runs until that is proven. An empty spec leaves the stored one.
// What was read of old has to be what is stored, proof and release included:
// they don't move the version.
func (t *tx) replaceVersion(ctx context.Context, old *cluster.ComponentRow, spec string) error {
	now, err := t.now(ctx)
	if err != nil {
		return err
	}
	kept, err := encodeKept(keptOf(old))
	if err != nil {
		return err
	}
	next := old.Version + 1
	set, args := `row_version = ?, restart_version = ?, modified_at = ?, kept = ?, failure = ''`, []any{next, next, micros(now), kept}
	if spec != "" {
		set, args = set+`, spec = ?`, append(args, spec)
	}
	return met(t.put(ctx, "mael_component",
		`update mael_component set `+set+` where name = ? and row_version = ? and proven = ? and released = ?`,
		append(args, old.Spec.Name, old.Version, old.Proven, old.Released)...))
}

// keptOf is what is kept of a component when its next version is declared: the
// latest that is proven, else what is to run, if anything is.
func keptOf(old *cluster.ComponentRow) *cluster.ComponentRow {
	switch {
	case !old.Unproven() && !old.Unreleased():
		return old
	case old.Kept != nil && !old.Kept.Unproven():
		return old.Kept
	case old.Held():
		return nil
	}
	return old.Current()
}

func encodeKept(kept *cluster.ComponentRow) (string, error) {
	if kept == nil {
		return "", nil
	}
	row := *kept
	row.Kept, row.Failed, row.Tries = nil, nil, 0
	return encode(row)
}

func decodeKept(row *cluster.ComponentRow, kept string) error {
	if kept == "" {
		return nil
	}
	// An earlier release kept nothing but what had run, and did not say so.
	const unsaid = -1
	row.Kept = &cluster.ComponentRow{Proven: unsaid}
	if err := decode(kept, row.Kept); err != nil {
		return fmt.Errorf("read kept version of component %s: %w", row.Spec.Name, err)
	}
	if row.Kept.Proven == unsaid {
		row.Kept.Proven = row.Kept.RestartVersion
	}
	effective := row.Kept.Spec.Effective()
	row.Kept.Effective = &effective
	return nil
}
