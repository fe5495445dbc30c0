package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"maelstrom/cluster"
)

// lostFiring is what is told of a firing whose daemon ended before it did.
const lostFiring = "the daemon stopped before it had an answer"

// EndLostFirings ends what a lost node had fired, under the fence of who places,
// and returns it: each once the node has not written its status for the given
// time and the request may not take any longer. Until then the node may come
// back and know, and the request may still run.
func (s *Store) EndLostFirings(ctx context.Context, hold cluster.Hold, node string, silence time.Duration) (ended []cluster.Firing, err error) {
	var open []cluster.Firing
	err = s.read(ctx, func(t *tx) error {
		open, err = t.openFirings(ctx, node)
		return err
	})
	if err == nil && len(open) > 0 {
		_, err = s.write(ctx, writeOptions{hold: &hold, rereads: true}, func(t *tx) error {
			ended, err = t.endLostFirings(ctx, node, silence)
			return err
		})
	}
	if err != nil {
		return nil, fmt.Errorf("end firings of lost node %s: %w", node, err)
	}
	return ended, nil
}

func (t *tx) endLostFirings(ctx context.Context, node string, silence time.Duration) (ended []cluster.Firing, err error) {
	now, err := t.now(ctx)
	if err != nil {
		return nil, err
	}
	n, err := t.lockNode(ctx, node)
	if err != nil || n == nil || !n.Lost || n.SeenAt.After(now.Add(-silence)) {
		return nil, err
	}
	open, err := t.openFirings(ctx, node)
	if err != nil {
		return nil, err
	}
	for _, f := range open {
		found, err := t.components(ctx, `where name = ?`, f.Component)
		if err != nil {
			return nil, err
		}
		if row := found[f.Component]; row != nil && f.StartedAt.Add(row.Effective.MaxDuration()).After(now) {
			continue
		}
		f.Error = fmt.Sprintf("node %s was lost before it told how it went: whether the work is done is not known", n.DisplayName())
		ended = append(ended, f)
	}
	return ended, t.closeFirings(ctx, ended, now)
}

// endFirings ends what a node had under way whose daemon is gone.
func (t *tx) endFirings(ctx context.Context, node string, at time.Time) error {
	open, err := t.openFirings(ctx, node)
	if err != nil {
		return err
	}
	for i := range open {
		open[i].Error = lostFiring
	}
	return t.closeFirings(ctx, open, at)
}

// openFirings are those of a node of which nobody has told the end.
func (t *tx) openFirings(ctx context.Context, node string) (open []cluster.Firing, err error) {
	err = t.each(ctx, func(rows *sql.Rows) error {
		var f cluster.Firing
		var due, started int64
		err := rows.Scan(&f.Key, &f.Ordinal, &due, &f.EventSource, &f.Component, &started)
		f.Due, f.StartedAt = moment(due), moment(started)
		open = append(open, f)
		return err
	}, `select firing_key, ordinal, due, event_source, component, started_at from mael_firing
		where node = ? and finished_at = 0 order by due, event_source, firing_key, ordinal`, node)
	return open, err
}

// closeFirings ends firings whose outcome nobody can tell any more, and tells so.
func (t *tx) closeFirings(ctx context.Context, open []cluster.Firing, at time.Time) error {
	for _, f := range open {
		f.FinishedAt = at
		if err := t.finishFiring(ctx, f); err != nil {
			return err
		}
	}
	return nil
}
