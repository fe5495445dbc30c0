package reconcile

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"maelstrom/cluster"
)

// ErrNoRevision says that there is nothing to go back to. It is a
// cluster.ErrNotFound.
var ErrNoRevision = fmt.Errorf("no content to go back to (%w)", cluster.ErrNotFound)

// ErrNoImage says that an image can't be had any more. It is a
// cluster.ErrConflict.
var ErrNoImage error = clash("an image can't be had any more")

// target is the number of the revision that is asked for.
func (a *Applier) target(ctx context.Context, r *Rollback, revisions []cluster.Revision) (int64, error) {
	if len(revisions) == 0 {
		return 0, fmt.Errorf("there is no project %s, and never was: %w", r.Project, cluster.ErrNotFound)
	}
	number, ok := r.To, true
	switch {
	case r.SourceRevision != "":
		return r.ofCommit(revisions)
	case r.LastGood:
		return a.lastGood(ctx, r.Project, revisions)
	case r.To == 0:
		number, ok = before(revisions)
	}
	if !ok {
		return 0, fmt.Errorf("%s has no earlier content: %w", r.Project, ErrNoRevision)
	}
	return number, nil
}

// ofCommit finds the newest revision that came from the commit.
func (r *Rollback) ofCommit(revisions []cluster.Revision) (int64, error) {
	var found *cluster.Revision
	for i := range revisions {
		candidate := &revisions[i]
		if !strings.HasPrefix(candidate.SourceRevision, r.SourceRevision) || candidate.Digest == "" {
			continue
		}
		if found != nil && found.SourceRevision != candidate.SourceRevision {
			return 0, fmt.Errorf("%s begins more than one commit: write more of it: %w", r.SourceRevision, ErrNoRevision)
		}
		if found == nil {
			found = candidate
		}
	}
	if found == nil {
		return 0, fmt.Errorf("no revision of %s came from a commit %s: %w", r.Project, r.SourceRevision, ErrNoRevision)
	}
	return found.Number, nil
}

// before is the revision before the present content. Where that came by a
// rollback, it is the one before the content was first there: going back twice
// goes back two steps, and not forward again.
func before(revisions []cluster.Revision) (int64, bool) {
	present := revisions[0].Digest
	at := slices.IndexFunc(revisions, func(r cluster.Revision) bool { return r.Digest != present })
	if at < 0 {
		return 0, false
	}
	if revisions[at-1].Kind == cluster.RevisionRollback {
		origin := slices.IndexFunc(revisions, func(r cluster.Revision) bool {
			return r.Digest == present && r.Kind != cluster.RevisionRollback && r.Kind != cluster.RevisionEdit
		})
		at = max(at, origin)
	}
	for _, r := range revisions[at:] {
		if r.Digest != "" && r.Digest != present {
			return r.Number, true
		}
	}
	return 0, false
}

// checkImages refuses to go back to what can't be started, each image once.
func (a *Applier) checkImages(ctx context.Context, name string, puts []cluster.ComponentWrite) error {
	if a.Images == nil {
		return nil
	}
	checked := map[string]bool{}
	var missing []string
	for _, put := range puts {
		if checked[put.Spec.Image] {
			continue
		}
		checked[put.Spec.Image] = true
		if err := a.Images.CheckImage(ctx, put.Spec); err != nil {
			missing = append(missing, fmt.Sprintf("%s: %v", put.Spec.Image, err))
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("project %s: %s: %w", name, strings.Join(missing, "; "), ErrNoImage)
	}
	return nil
}
