package rpc

import (
	"context"
	"errors"
	"slices"

	"maelstrom/cluster"
	"maelstrom/project"
)

// mostLooked is how many revisions are looked at for a good one.
const mostLooked = 100

// lastGood is the number of the newest earlier revision of a project that has,
// of each component whose declared version is not proven, the version that
// served last.
func (s *Server) lastGood(ctx context.Context, name string) (int64, error) {
	var unproven []*cluster.ComponentRow
	for _, row := range s.view().members()[name] {
		if row.Unproven() && row.Kept != nil && !row.Kept.Unproven() {
			unproven = append(unproven, row)
		}
	}
	revisions, err := s.deps.Store.Revisions(ctx, name, mostLooked)
	if err != nil {
		return 0, fromStore(err)
	}
	for i := range revisions {
		if revisions[i].Digest == "" || revisions[i].Digest == revisions[0].Digest {
			continue
		}
		_, content, err := s.deps.History.Revision(ctx, name, revisions[i].Number)
		if err != nil && !errors.Is(err, cluster.ErrNotFound) {
			return 0, fromStore(err)
		}
		if content != nil && !slices.ContainsFunc(unproven, func(row *cluster.ComponentRow) bool { return !keeps(content, row.Kept.Spec) }) {
			return revisions[i].Number, nil
		}
	}
	return 0, errorf(KindConflict, "no earlier revision of %s is known to work", name)
}

// keeps tells whether a project has a component in nothing else than its
// containers can't see.
func keeps(content *project.Project, c *project.Component) bool {
	at := slices.IndexFunc(content.Components, func(other project.Component) bool { return other.Name == c.Name })
	if at < 0 {
		return false
	}
	alone := func(c project.Component) *project.Project {
		return &project.Project{Name: c.Project, Components: []project.Component{c}}
	}
	changes := project.Diff(alone(content.Components[at]), alone(*c), nil)
	return changes.Summary.Restarts == 0
}
