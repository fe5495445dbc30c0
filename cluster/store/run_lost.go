package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"maelstrom/cluster"
)

// EndLostRuns ends the releases on a lost node, under the fence of who places,
// and returns them as they were: one that was not begun is forgotten, so that
// it is reserved elsewhere; one that was has failed, once the node has not
// written its status for the given time. A node that is not lost keeps them.
func (s *Store) EndLostRuns(ctx context.Context, hold cluster.Hold, node string, silence time.Duration) (ended []cluster.Run, err error) {
	_, err = s.write(ctx, writeOptions{hold: &hold, rereads: true}, func(t *tx) error {
		ended = nil
		now, err := t.now(ctx)
		if err != nil {
			return err
		}
		n, err := t.lockNode(ctx, node)
		if err != nil || n == nil || !n.Lost {
			return err
		}
		found, err := t.runs(ctx, `where node = ? and kind = ? and finished_at = 0`, node, string(cluster.RunRelease))
		if err != nil {
			return err
		}
		for _, run := range found {
			ended, err = t.endLost(ctx, ended, *run, n, now, silence)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("end releases of lost node %s: %w", node, err)
	}
	return ended, nil
}

func (t *tx) endLost(ctx context.Context, ended []cluster.Run, run cluster.Run, n *cluster.Node, now time.Time, silence time.Duration) ([]cluster.Run, error) {
	if run.State == cluster.RunReserved {
		return append(ended, run), t.dropRuns(ctx, `where id = ? and state = ?`, run.ID, string(cluster.RunReserved))
	}
	if n.SeenAt.After(now.Add(-silence)) {
		return ended, nil
	}
	failed := run
	failed.State = cluster.RunFailed
	failed.Message = fmt.Sprintf("node %s was lost while it ran: whether it has done its work is not known. "+
		"Look, then run it again with `maelctl comp restart %s`", n.DisplayName(), run.Component)
	e := cluster.Event{
		Kind: cluster.EventRelease, Severity: cluster.EventError, Component: run.Component, Node: run.Node,
		Message: fmt.Sprintf("version %d is not rolled out: its release command failed: %s", run.Version, failed.Message),
		Details: json.RawMessage(fmt.Sprintf(`{"version":%d}`, run.Version)),
	}
	found, err := t.components(ctx, `where name = ?`, run.Component)
	if err != nil {
		return ended, err
	}
	if row := found[run.Component]; row != nil {
		e.Project = row.Spec.Project
	}
	return append(ended, run), t.finishRelease(ctx, failed, e, now)
}
