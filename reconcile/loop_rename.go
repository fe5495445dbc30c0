package reconcile

import (
	"context"
	"errors"

	"maelstrom/cluster"
)

// renamed keeps the projects whose files declare another one now: as files of
// their own that are gone, under which they wait to be removed. It comes before
// the new project is stored, so that the old one is never forgotten.
func (k *look) renamed(ctx context.Context, entries []*entry) error {
	declared := declaredNames(entries)
	var left []cluster.ProjectStatus
	for _, e := range entries {
		if e.known == nil || e.file == nil || e.file.Loaded.Project == nil || e.name == e.known.Project {
			continue
		}
		row, stored := k.snap.Projects.Get(e.known.Project)
		if !stored || row.Source != k.source || declared[e.known.Project] {
			continue
		}
		s := *e.known
		s.Path = s.Path + "#" + s.Project
		s.Digest, s.Files, s.Problems = "", nil, nil
		if _, kept := k.files[s.Path]; !kept {
			left = append(left, s)
		}
	}
	if len(left) == 0 {
		return nil
	}
	number, err := k.store.WriteSourceStatus(ctx, cluster.StatusWrite{Hold: &k.hold, Put: left})
	switch {
	case errors.Is(err, cluster.ErrFenced):
		return err
	case err != nil:
		return &databaseError{err}
	}
	return k.reach(ctx, func(v *view) bool { return v.snap.Number >= number })
}
