package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"maelstrom/cluster"
)

// revisionsKept is how many entries a project's history has.
const revisionsKept = 50

// Revisions returns the newest entries of a project's history, newest first.
// The history outlives the project.
func (s *Store) Revisions(ctx context.Context, project string, limit int) (revisions []cluster.Revision, err error) {
	err = s.read(ctx, func(t *tx) error {
		revisions = nil
		return t.each(ctx, func(rows *sql.Rows) error {
			r := cluster.Revision{Project: project}
			var applied int64
			err := rows.Scan(&r.Number, &r.RequestID, &applied, &r.Actor, &r.Source, &r.SourceRevision, &r.Summary)
			r.Time = moment(applied)
			revisions = append(revisions, r)
			return err
		}, `select number, request_id, applied_at, actor, source, source_revision, summary from mael_revision
			where project = ? order by number desc limit ?`, project, limit)
	})
	if err != nil {
		return nil, fmt.Errorf("read history of %s: %w", project, err)
	}
	return revisions, nil
}

// addRevision adds an entry to the history, with the answer to a repeated
// request, and drops what is too old.
func (t *tx) addRevision(ctx context.Context, r cluster.Revision, result cluster.ApplyResult) error {
	now, err := t.now(ctx)
	if err != nil {
		return err
	}
	answer, err := encode(result)
	if err != nil {
		return err
	}
	err = t.insert(ctx, "mael_revision",
		[]string{"project", "number", "request_id", "applied_at", "actor", "source", "source_revision", "summary", "result"},
		[][]any{{r.Project, r.Number, r.RequestID, micros(now), text(r.Actor), text(r.Source), text(r.SourceRevision), text(r.Summary), answer}})
	if err != nil {
		return err
	}
	_, err = t.put(ctx, "mael_revision", `delete from mael_revision where project = ? and number <= ?`, r.Project, r.Number-revisionsKept)
	return err
}

func (t *tx) lastRevision(ctx context.Context, project string) (int64, error) {
	var n int64
	err := t.row(ctx, `select coalesce(max(number), 0) from mael_revision where project = ?`, project).Scan(&n)
	return n, err
}

// replay returns the result of an earlier apply with the same request id.
func (t *tx) replay(ctx context.Context, project, requestID string) (result cluster.ApplyResult, found bool, err error) {
	var answer string
	err = t.row(ctx, `select result from mael_revision where project = ? and request_id = ?`, project, requestID).Scan(&answer)
	if errors.Is(err, sql.ErrNoRows) {
		return result, false, nil
	}
	if err != nil {
		return result, false, err
	}
	return result, true, decode(answer, &result)
}
