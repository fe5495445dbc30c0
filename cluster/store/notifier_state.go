package store

import (
	"context"
	"database/sql"
	"fmt"

	"maelstrom/cluster"
)

// NotifierStates returns how far each notifier has come that ever had an
// event, by name.
func (s *Store) NotifierStates(ctx context.Context) (states []cluster.NotifierState, err error) {
	err = s.read(ctx, func(t *tx) error {
		states = nil
		return t.each(ctx, func(rows *sql.Rows) error {
			var n cluster.NotifierState
			var sent int64
			err := rows.Scan(&n.Name, &n.Cursor, &n.Failed, &n.Error, &sent)
			n.SentAt = moment(sent)
			states = append(states, n)
			return err
		}, `select name, event_id, failed, failure, sent_at from mael_notifier_state order by name`)
	})
	if err != nil {
		return nil, fmt.Errorf("read states of notifiers: %w", err)
	}
	return states, nil
}

// WriteNotifierState stores how far a notifier has come, under the fence of
// the role that sends. ErrNotFound if there is no such notifier any more.
func (s *Store) WriteNotifierState(ctx context.Context, hold cluster.Hold, n cluster.NotifierState) error {
	_, err := s.write(ctx, writeOptions{hold: &hold}, func(t *tx) error {
		met, err := t.exec(ctx, `update mael_notifier set row_version = row_version where name = ?`, n.Name)
		if err == nil && met == 0 {
			err = cluster.ErrNotFound
		}
		if err != nil {
			return err
		}
		met, err = t.put(ctx, "mael_notifier_state", `update mael_notifier_state set event_id = ?, failed = ?, failure = ?, sent_at = ? where name = ?`,
			n.Cursor, n.Failed, text(n.Error), micros(n.SentAt), n.Name)
		if err != nil || met > 0 {
			return err
		}
		return t.insert(ctx, "mael_notifier_state", []string{"name", "event_id", "failed", "failure", "sent_at"},
			[][]any{{n.Name, n.Cursor, n.Failed, text(n.Error), micros(n.SentAt)}})
	})
	if err != nil {
		return fmt.Errorf("write state of notifier %s: %w", n.Name, err)
	}
	return nil
}
