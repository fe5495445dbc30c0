package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"maelstrom/cluster"
	"maelstrom/project"
)

// mostLooked is how many revisions are looked at for a good one.
const mostLooked = 100

// ErrNoGood says that no earlier content is known to work. It is a
// cluster.ErrConflict.
var ErrNoGood error = clash("no earlier revision is known to work")

// lastGood finds the newest earlier revision that has the versions that served
// before those of the given rows, and the newest that has none of these, which
// may work: nobody knows it to have failed. Each is nil if there is none.
func lastGood(ctx context.Context, history History, revisions []cluster.Revision, rows []*cluster.ComponentRow) (good, perhaps *cluster.Revision, err error) {
	bad := abandoned(revisions)
	bad[revisions[0].Digest] = true
	for i := range revisions[:min(len(revisions), mostLooked)] {
		r := &revisions[i]
		if r.Digest == "" || bad[r.Digest] {
			continue
		}
		_, content, err := history.Revision(ctx, r.Project, r.Number)
		if err != nil && !errors.Is(err, cluster.ErrNotFound) {
			return nil, nil, err
		}
		switch {
		case content == nil:
		case all(rows, func(row *cluster.ComponentRow) bool { return servedLast(row, content) }):
			return r, perhaps, nil
		case perhaps == nil && all(rows, func(row *cluster.ComponentRow) bool { return !hasVersion(content, row.Spec) }):
			perhaps = r
		}
	}
	return nil, perhaps, nil
}

// lastGood is the number of the newest earlier revision that has, of each
// component whose declared version is not proven, the version that served last.
func (a *Applier) lastGood(ctx context.Context, name string, revisions []cluster.Revision) (int64, error) {
	state, err := a.Store.LoadProject(ctx, &project.Project{Name: name})
	if err != nil {
		return 0, err
	}
	var unproven []*cluster.ComponentRow
	for _, row := range state.Components {
		if row.Unproven() && row.Kept != nil && !row.Kept.Unproven() {
			unproven = append(unproven, &row)
		}
	}
	good, _, err := lastGood(ctx, a.History, revisions, unproven)
	switch {
	case err != nil:
		return 0, err
	case good == nil:
		return 0, fmt.Errorf("project %s: %w", name, ErrNoGood)
	}
	return good.Number, nil
}

func all[T any](list []T, is func(T) bool) bool {
	return !slices.ContainsFunc(list, func(v T) bool { return !is(v) })
}

// abandoned are the contents that a loop went back from, as they were left last.
func abandoned(revisions []cluster.Revision) map[string]bool {
	left := map[string]bool{}
	for i := len(revisions) - 1; i > 0; i-- {
		older, newer := &revisions[i], &revisions[i-1]
		if older.Digest != newer.Digest {
			left[older.Digest] = newer.Kind == cluster.RevisionRollback && isLoop(newer.Actor)
		}
	}
	return left
}

// servedLast tells whether a content has the version of a component that served
// before the declared one failed.
func servedLast(row *cluster.ComponentRow, content *project.Project) bool {
	return row.Kept != nil && !row.Kept.Unproven() && hasVersion(content, row.Kept.Spec)
}

// hasVersion tells whether a content has a component at a version.
func hasVersion(content *project.Project, version *project.Component) bool {
	return slices.ContainsFunc(content.Components, func(c project.Component) bool {
		return c.Name == version.Name && sameContainers(version, &c)
	})
}

// sameContainers tells whether two versions differ in nothing that their
// containers can see.
func sameContainers(a, b *project.Component) bool {
	alone := func(c *project.Component) *project.Project {
		return &project.Project{Name: c.Project, Components: []project.Component{*c}}
	}
	diff := project.Diff(alone(a), alone(b), nil)
	return diff.Summary.Restarts == 0
}
