package reconcile

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"maelstrom/cluster"
	"maelstrom/project"
)

func checkOwner(state cluster.ProjectState, name, source string, takeOver bool) error {
	if state.Project == nil || state.Project.Source == source || takeOver {
		return nil
	}
	if state.Project.Source == "" {
		return fmt.Errorf("project %s was applied by hand: %w", name, ErrManaged)
	}
	return fmt.Errorf("project %s belongs to source %s: %w", name, state.Project.Source, ErrManaged)
}

func checkRevision(state cluster.ProjectState, name string, want *int64) error {
	if want == nil || *want == revision(state) {
		return nil
	}
	if state.Project == nil {
		return fmt.Errorf("project %s is not stored, so not at revision %d: %w", name, *want, ErrStale)
	}
	return fmt.Errorf("project %s is at revision %d, not %d: %w", name, state.Project.Revision, *want, ErrStale)
}

// checkVersions refuses the plan if an object that the caller's plan touches
// has moved, or if this plan touches one that the caller's did not.
func (p *Plan) checkVersions(state cluster.ProjectState, want Versions) error {
	if want.empty() {
		return nil
	}
	components := map[string]int64{}
	for name, row := range state.Components {
		components[name] = row.Version
	}
	sources := map[string]int64{}
	for name, row := range state.EventSources {
		sources[name] = row.Version
	}
	moved := slices.Concat(
		moved("component", want.Components, components, p.Versions.Components),
		moved("event source", want.EventSources, sources, p.Versions.EventSources),
	)
	if len(moved) > 0 {
		return fmt.Errorf("project %s: %s: %w", p.Changes.Project, strings.Join(moved, ", "), ErrStale)
	}
	return nil
}

// moved lists the objects that are not at the version they were seen at, and
// those that are touched without having been seen.
func moved(kind string, seen, stored, touched map[string]int64) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(seen)) {
		if stored[name] != seen[name] {
			out = append(out, fmt.Sprintf("%s %s is at version %d, not %d", kind, name, stored[name], seen[name]))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(touched)) {
		if _, ok := seen[name]; !ok {
			out = append(out, fmt.Sprintf("%s %s would change too", kind, name))
		}
	}
	return out
}

func (p *Plan) checkRemovals(approved []string) error {
	if approved == nil {
		return nil
	}
	var missing []string
	for _, list := range [][]project.ObjectChange{p.Changes.Components.Removed, p.Changes.EventSources.Removed} {
		for _, o := range list {
			if !slices.Contains(approved, o.Name) {
				missing = append(missing, o.Name)
			}
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("project %s: %s would be removed: %w", p.Changes.Project, strings.Join(missing, ", "), ErrUnapproved)
	}
	return nil
}

// checkClaims names every name and route that is taken: by another project, or
// by an event source of this one that is no longer declared and kept.
func checkClaims(state cluster.ProjectState, req Request, target *project.Project) error {
	e := &ConflictError{Project: req.Project.Name}
	for _, claim := range state.Foreign {
		e.Conflicts = append(e.Conflicts, locate(claim, req))
	}
	first := map[string]string{}
	for _, source := range target.EventSources { // those that are kept come last
		if source.HTTP == nil {
			continue
		}
		key := routeKey(source.HTTP.Hostname, source.HTTP.PathPrefix)
		if declared, ok := first[key]; ok {
			claim := cluster.Claim{Kind: cluster.ClaimRoute, Key: key, Owner: req.Project.Name, Object: source.Name}
			path := "eventsources." + declared
			e.Conflicts = append(e.Conflicts, Conflict{Claim: claim, Path: path, At: position(req.Where, path, ".http.hostname", ".http")})
			continue
		}
		first[key] = source.Name
	}
	if len(e.Conflicts) == 0 {
		return nil
	}
	return e
}

// locate finds the desired object that wants what is claimed.
func locate(claim cluster.Claim, req Request) Conflict {
	path := "components." + claim.Key
	switch claim.Kind {
	case cluster.ClaimEventSource:
		path = "eventsources." + claim.Key
	case cluster.ClaimRoute:
		host, prefix, _ := strings.Cut(claim.Key, " ")
		for _, source := range req.Project.EventSources {
			if h := source.HTTP; h != nil && routeKey(h.Hostname, h.PathPrefix) == routeKey(host, prefix) {
				path = "eventsources." + source.Name
			}
		}
	}
	return Conflict{Claim: claim, Path: path, At: position(req.Where, path, ".http.hostname", ".http.pathprefix", ".http")}
}

func routeKey(host, prefix string) string { return project.NormalHost(host) + " " + prefix }

func position(where map[string]project.Position, path string, fields ...string) project.Position {
	for _, field := range fields {
		if at, ok := where[path+field]; ok {
			return at
		}
	}
	return where[path]
}
