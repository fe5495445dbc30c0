package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

// An entry of a history is kept while it is one of the newest, and beyond
// that while it is young, up to a number that no use of a project reaches.
const (
	revisionsKept = 50
	revisionsMost = 1000
	revisionAge   = 90 * 24 * time.Hour
)

// outcomeApplied is the outcome of all that is in the history today: what was
// refused left no trace.
const outcomeApplied = "applied"

var errEnough = errors.New("enough was read")

// Revisions returns the newest entries of a project's history, newest first.
// Neighbours that did the same to the same end are one entry, which counts
// them. The history outlives the project.
func (s *Store) Revisions(ctx context.Context, project string, limit int) (revisions []cluster.Revision, err error) {
	err = s.read(ctx, func(t *tx) error {
		revisions = nil
		err := t.revisions(ctx, func(r cluster.Revision) error {
			longer := folded(revisions, r)
			if len(longer) > limit {
				return errEnough
			}
			revisions = longer
			return nil
		}, `where project = ? order by number desc`, project)
		if errors.Is(err, errEnough) {
			return nil
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read history of %s: %w", project, err)
	}
	return revisions, nil
}

// repeats tells whether two neighbours in a history show the same.
func repeats(newer, older *cluster.Revision) bool {
	return newer.Digest != "" && newer.Digest == older.Digest && newer.Kind == older.Kind &&
		newer.Source == older.Source && newer.SourceRevision == older.SourceRevision && newer.Actor == older.Actor && newer.Summary == older.Summary
}

// Revision returns one entry of a project's history and the project as it was
// then, nil if that revision removed it or has not kept it.
func (s *Store) Revision(ctx context.Context, name string, number int64) (found cluster.Revision, content *project.Project, err error) {
	err = s.read(ctx, func(t *tx) error {
		found, content = cluster.Revision{}, nil
		err := t.revisions(ctx, func(r cluster.Revision) error {
			found = r
			return nil
		}, `where project = ? and number = ?`, name, number)
		if err != nil {
			return err
		}
		if found.Number == 0 {
			return cluster.ErrNotFound
		}
		content, err = t.content(ctx, name, found.Digest)
		return err
	})
	if err != nil {
		return cluster.Revision{}, nil, fmt.Errorf("read revision %d of %s: %w", number, name, err)
	}
	return found, content, nil
}

// revisions calls found for each entry of the histories.
func (t *tx) revisions(ctx context.Context, found func(cluster.Revision) error, where string, args ...any) error {
	return t.each(ctx, func(rows *sql.Rows) error {
		var r cluster.Revision
		var applied, took int64
		var commit string
		err := rows.Scan(&r.Project, &r.Number, &r.RequestID, &applied, &r.Actor, &r.Source, &r.SourceRevision, &r.Summary,
			&r.Kind, &r.Reason, &r.Outcome, &took, &r.Digest, &commit)
		if err == nil && commit != "" {
			err = decode(commit, &r.Commit)
		}
		if err != nil {
			return err
		}
		r.Time, r.Seconds = moment(applied), (time.Duration(took) * time.Microsecond).Seconds()
		return found(r)
	}, `select project, number, request_id, applied_at, actor, source, source_revision, summary,
		kind, reason, outcome, took, digest, commit_info from mael_revision `+where, args...)
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
	r.Commit.Author, r.Commit.Subject, r.Commit.Signature = text(r.Commit.Author), text(r.Commit.Subject), text(r.Commit.Signature)
	commit, err := encode(r.Commit)
	if err != nil {
		return err
	}
	took := time.Duration(r.Seconds * float64(time.Second)).Microseconds()
	err = t.insert(ctx, "mael_revision",
		[]string{"project", "number", "request_id", "applied_at", "actor", "source", "source_revision", "summary", "result",
			"kind", "reason", "outcome", "took", "digest", "commit_info"},
		[][]any{{r.Project, r.Number, r.RequestID, micros(now), text(r.Actor), text(r.Source), text(r.SourceRevision), text(r.Summary), answer,
			string(r.Kind), text(r.Reason), outcomeApplied, took, r.Digest, commit}})
	if err != nil {
		return err
	}
	return t.dropRevisions(ctx, r.Project, r.Number)
}

// dropRevisions forgets what a history keeps no longer once it has come to
// number, with the contents that nothing refers to any more.
func (t *tx) dropRevisions(ctx context.Context, project string, number int64) error {
	now, err := t.now(ctx)
	if err != nil {
		return err
	}
	dropped, err := t.put(ctx, "mael_revision",
		`delete from mael_revision where project = ? and (number <= ? or number <= ? and applied_at < ?)`,
		project, number-revisionsMost, number-revisionsKept, micros(now.Add(-revisionAge)))
	if err != nil || dropped == 0 {
		return err
	}
	_, err = t.put(ctx, "mael_content",
		`delete from mael_content where project = ? and digest not in (select digest from mael_revision where project = ?)`, project, project)
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
