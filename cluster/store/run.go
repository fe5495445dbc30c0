package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"maelstrom/cluster"
)

// Reserve stores runs for whose memory the holder of the role placement has
// found room. A release of a version that has a row already is ErrConflict.
func (s *Store) Reserve(ctx context.Context, hold cluster.Hold, runs []cluster.Run) (changeNumber int64, err error) {
	changeNumber, err = s.write(ctx, writeOptions{hold: &hold}, func(t *tx) error {
		now, err := t.now(ctx)
		if err != nil {
			return err
		}
		for _, r := range runs {
			if err := t.addRun(ctx, r, micros(now)); err != nil {
				return err
			}
		}
		return nil
	})
	if s.dialect.classify(err) == classUnique {
		err = fmt.Errorf("%w: %w", cluster.ErrConflict, err)
	}
	if err != nil {
		return 0, fmt.Errorf("reserve for runs: %w", err)
	}
	return changeNumber, nil
}

func (t *tx) addRun(ctx context.Context, r cluster.Run, at int64) error {
	if err := checkKeys(r.ID, r.Key(), r.Component, r.Node); err != nil {
		return err
	}
	t.changed(cluster.ChangeRun, r.ID)
	return t.insert(ctx, "mael_run", []string{
		"id", "run_key", "kind", "component", "version", "node", "memory_mib", "state",
		"reserved_at", "started_at", "finished_at", "exit_code", "message", "output",
	}, [][]any{{
		r.ID, r.Key(), string(r.Kind), r.Component, r.Version, r.Node, r.MemoryMiB, string(cluster.RunReserved),
		at, 0, 0, 0, "", "",
	}})
}

// StartRun records that the container of a reserved run may exist from now on.
// With a hold, only while that is held. ErrConflict: it is not reserved any more.
func (s *Store) StartRun(ctx context.Context, id string, hold *cluster.Hold) (changeNumber int64, err error) {
	changeNumber, err = s.write(ctx, writeOptions{hold: hold}, func(t *tx) error {
		now, err := t.now(ctx)
		if err != nil {
			return err
		}
		t.changed(cluster.ChangeRun, id)
		return met(t.put(ctx, "mael_run", `update mael_run set state = ?, started_at = ? where id = ? and state = ?`,
			string(cluster.RunStarted), micros(now), id, string(cluster.RunReserved)))
	})
	if err != nil {
		return 0, fmt.Errorf("start run %s: %w", id, err)
	}
	return changeNumber, nil
}

// EndRun removes what somebody's command had reserved; one that is gone is no
// error.
func (s *Store) EndRun(ctx context.Context, id string) (changeNumber int64, err error) {
	changeNumber, err = s.write(ctx, writeOptions{}, func(t *tx) error {
		n, err := t.put(ctx, "mael_run", `delete from mael_run where id = ? and kind = ?`, id, string(cluster.RunCommand))
		if n > 0 {
			t.gone(cluster.ChangeRun, id)
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("end run %s: %w", id, err)
	}
	return changeNumber, nil
}

// FinishRelease stores how a release ended, once, with an event. One that
// succeeded lets its version be rolled out.
func (s *Store) FinishRelease(ctx context.Context, r cluster.Run, e cluster.Event) (changeNumber int64, err error) {
	changeNumber, err = s.write(ctx, writeOptions{durable: true}, func(t *tx) error {
		now, err := t.now(ctx)
		if err != nil {
			return err
		}
		return t.finishRelease(ctx, r, e, now)
	})
	if err != nil {
		return 0, fmt.Errorf("finish release of %s: %w", r.Component, err)
	}
	return changeNumber, nil
}

func (t *tx) finishRelease(ctx context.Context, r cluster.Run, e cluster.Event, now time.Time) error {
	n, err := t.put(ctx, "mael_run", `update mael_run set state = ?, finished_at = ?, exit_code = ?, message = ?, output = ?
		where id = ? and kind = ? and finished_at = 0`,
		string(r.State), micros(now), r.ExitCode, text(r.Message), text(r.Output), r.ID, string(cluster.RunRelease))
	if err != nil || n == 0 {
		return err // it is told already
	}
	t.changed(cluster.ChangeRun, r.ID)
	t.event(e)
	if err := t.dropOldReleases(ctx, r); err != nil {
		return err
	}
	if r.State != cluster.RunSucceeded {
		return nil
	}
	return t.release(ctx, r.Component, r.Version)
}

// release lets a version be rolled out, unless another is declared by now.
func (t *tx) release(ctx context.Context, component string, version int64) error {
	n, err := t.put(ctx, "mael_component", `update mael_component set released = ? where name = ? and restart_version = ?`,
		version, component, version)
	if n > 0 {
		t.changed(cluster.ChangeComponent, component)
	}
	return err
}

// dropOldReleases forgets what came before a release that has ended, and that
// one too where its component is gone.
func (t *tx) dropOldReleases(ctx context.Context, r cluster.Run) error {
	found, err := t.components(ctx, `where name = ?`, r.Component)
	if err != nil {
		return err
	}
	below := r.Version
	if found[r.Component] == nil {
		below++
	}
	return t.dropRuns(ctx, `where component = ? and kind = ? and finished_at > 0 and version < ?`, r.Component, string(cluster.RunRelease), below)
}

// dropReleases forgets the releases of a component that goes. One under way
// stays until it has ended: it still holds its memory.
func (t *tx) dropReleases(ctx context.Context, component string) error {
	return t.dropRuns(ctx, `where component = ? and kind = ? and (finished_at > 0 or state = ?)`,
		component, string(cluster.RunRelease), string(cluster.RunReserved))
}

func (t *tx) dropRuns(ctx context.Context, where string, args ...any) error {
	found, err := t.runs(ctx, where, args...)
	if err != nil {
		return err
	}
	for id := range found {
		t.gone(cluster.ChangeRun, id)
		if _, err := t.put(ctx, "mael_run", `delete from mael_run where id = ?`, id); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) runs(ctx context.Context, where string, args ...any) (map[string]*cluster.Run, error) {
	out := map[string]*cluster.Run{}
	err := t.each(ctx, func(rows *sql.Rows) error {
		var r cluster.Run
		var reserved, started, finished int64
		err := rows.Scan(&r.ID, &r.Kind, &r.Component, &r.Version, &r.Node, &r.MemoryMiB, &r.State,
			&reserved, &started, &finished, &r.ExitCode, &r.Message, &r.Output)
		r.ReservedAt, r.StartedAt, r.FinishedAt = moment(reserved), moment(started), moment(finished)
		out[r.ID] = &r
		return err
	}, `select id, kind, component, version, node, memory_mib, state, reserved_at, started_at, finished_at, exit_code, message, output
		from mael_run `+where, args...)
	return out, err
}
