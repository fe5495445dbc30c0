package reconcile

import (
	"context"
	"maps"
	"slices"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

// fewFiles is up to how many changed files claims are read one by one: beyond,
// reading all of them at once is cheaper.
const fewFiles = 8

// claimKey is what a claim is found under.
type claimKey struct {
	kind cluster.ClaimKind
	key  string
}

// owners answer who owns a name or a route.
type owners struct {
	claims map[claimKey]cluster.Claim
	names  func(name string) (path string, since time.Time, ok bool)
}

// owner reads the claims that are in the way of files.
func (k *look) owner(ctx context.Context, entries []*entry, files []File) (*owners, error) {
	o := &owners{claims: map[claimKey]cluster.Claim{}, names: k.declarers(entries)}
	var claims []cluster.Claim
	if len(files) > fewFiles {
		all, err := k.store.Claims(ctx)
		if err != nil {
			return nil, &databaseError{err}
		}
		claims = all
	} else {
		for i := range files {
			state, err := k.store.LoadProject(ctx, files[i].Loaded.Project)
			if err != nil {
				return nil, &databaseError{err}
			}
			claims = append(claims, state.Foreign...)
		}
	}
	for _, c := range claims {
		o.claims[claimKey{c.Kind, c.Key}] = c
	}
	return o, nil
}

// find is an Owner.
func (o *owners) find(kind cluster.ClaimKind, key string) (owner string, since time.Time, ok bool) {
	if kind == ClaimProject {
		return o.names(key)
	}
	c, ok := o.claims[claimKey{kind, key}]
	return c.Owner, c.Since, ok
}

// of names the projects that own something p wants, and p itself: a change of
// one of them may free it.
func (o *owners) of(p *project.Project) []string {
	names := map[string]bool{p.Name: true}
	for key, c := range o.claims {
		if c.Owner != p.Name && wants(p, key) {
			names[c.Owner] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

func wants(p *project.Project, key claimKey) bool {
	switch key.kind {
	case cluster.ClaimComponent:
		return slices.ContainsFunc(p.Components, func(c project.Component) bool { return c.Name == key.key })
	case cluster.ClaimEventSource:
		return slices.ContainsFunc(p.EventSources, func(e project.EventSource) bool { return e.Name == key.key })
	}
	return slices.ContainsFunc(p.EventSources, func(e project.EventSource) bool {
		return e.HTTP != nil && routeKey(e.HTTP.Hostname, e.HTTP.PathPrefix) == key.key
	})
}

// declarers answers which file has a project's name: the one that was applied,
// as long as it is there and does not declare another. A project that has
// another owner is of no file.
func (k *look) declarers(entries []*entry) func(string) (string, time.Time, bool) {
	present := map[string]*entry{}
	for _, e := range entries {
		if e.known != nil && e.known.Project != "" && e.known.LastGood != "" && e.name == e.known.Project {
			present[e.name] = e
		}
	}
	return func(name string) (path string, since time.Time, ok bool) {
		row, stored := k.snap.Projects.Get(name)
		if stored && row.Source != k.source {
			return "", row.CreatedAt, true
		}
		e, ok := present[name]
		if !ok || !stored {
			return "", time.Time{}, false
		}
		return e.path, row.CreatedAt, true
	}
}
