package reconcile

import (
	"context"
	"fmt"
	"testing"

	"maelstrom/cluster"
	"maelstrom/project"
)

// memory is a store of all projects in memory, with the rules of the real one.
type memory struct {
	projects map[string]*cluster.ProjectRow
	states   map[string]cluster.ProjectState
	results  map[string]cluster.ApplyResult
	commits  int
	number   int64
	meddle   func() // runs between loading and writing, once
}

func newMemory() *memory {
	return &memory{
		projects: map[string]*cluster.ProjectRow{},
		states:   map[string]cluster.ProjectState{},
		results:  map[string]cluster.ApplyResult{},
	}
}

func (m *memory) LoadProject(_ context.Context, desired *project.Project) (cluster.ProjectState, error) {
	state := cluster.ProjectState{Components: map[string]cluster.ComponentRow{}, EventSources: map[string]cluster.EventSourceRow{}}
	if row := m.projects[desired.Name]; row != nil {
		copied := *row
		state.Project = &copied
	}
	for name, row := range m.states[desired.Name].Components {
		state.Components[name] = row
	}
	for name, row := range m.states[desired.Name].EventSources {
		state.EventSources[name] = row
	}
	for owner, other := range m.states {
		if owner != desired.Name {
			state.Foreign = append(state.Foreign, foreign(owner, other, desired)...)
		}
	}
	return state, nil
}

func foreign(owner string, other cluster.ProjectState, desired *project.Project) []cluster.Claim {
	var out []cluster.Claim
	for _, c := range desired.Components {
		if _, ok := other.Components[c.Name]; ok {
			out = append(out, cluster.Claim{Kind: cluster.ClaimComponent, Key: c.Name, Owner: owner, Object: c.Name})
		}
	}
	for _, e := range desired.EventSources {
		if _, ok := other.EventSources[e.Name]; ok {
			out = append(out, cluster.Claim{Kind: cluster.ClaimEventSource, Key: e.Name, Owner: owner, Object: e.Name})
		}
		for name, row := range other.EventSources {
			if e.HTTP == nil || row.Spec.HTTP == nil {
				continue
			}
			key := routeKey(e.HTTP.Hostname, e.HTTP.PathPrefix)
			if key == routeKey(row.Spec.HTTP.Hostname, row.Spec.HTTP.PathPrefix) {
				out = append(out, cluster.Claim{Kind: cluster.ClaimRoute, Key: key, Owner: owner, Object: name})
			}
		}
	}
	return out
}

func (m *memory) ApplyProject(ctx context.Context, req cluster.ApplyRequest) (cluster.ApplyResult, error) {
	if result, ok := m.results[req.RequestID]; ok && req.RequestID != "" {
		result.Replayed = true
		return result, nil
	}
	for range 3 {
		state, err := m.LoadProject(ctx, req.Desired)
		if err != nil {
			return cluster.ApplyResult{}, err
		}
		write, err := req.Plan(state)
		if err != nil {
			return cluster.ApplyResult{}, err
		}
		if meddle := m.meddle; meddle != nil {
			m.meddle = nil
			meddle()
		}
		if write.Empty() {
			return cluster.ApplyResult{Revision: revision(state), ChangeNumber: m.number}, nil
		}
		if result, ok := m.commit(req, state, write); ok {
			m.results[req.RequestID] = result
			return result, nil
		}
	}
	return cluster.ApplyResult{}, fmt.Errorf("apply: %w", cluster.ErrConflict)
}

// commit writes if nothing moved since state was read.
func (m *memory) commit(req cluster.ApplyRequest, state cluster.ProjectState, write cluster.ProjectWrite) (cluster.ApplyResult, bool) {
	name := req.Desired.Name
	if row := m.projects[name]; (row == nil) != (state.Project == nil) || row != nil && row.Revision != state.Project.Revision {
		return cluster.ApplyResult{}, false
	}
	m.commits++
	m.number++
	result := cluster.ApplyResult{Revision: revision(state) + 1, ChangeNumber: m.number, Components: map[string]int64{}}
	for _, w := range write.PutComponents {
		row := cluster.ComponentRow{Spec: w.Spec, Version: w.Version + 1, RestartVersion: state.Components[w.Spec.Name].RestartVersion}
		if w.Restart {
			row.RestartVersion = row.Version
		}
		state.Components[w.Spec.Name] = row
		result.Components[w.Spec.Name] = row.Version
	}
	for _, o := range write.RemoveComponents {
		delete(state.Components, o.Name)
	}
	for _, w := range write.PutEventSources {
		enabled := w.Version == 0 || state.EventSources[w.Spec.Name].Enabled
		state.EventSources[w.Spec.Name] = cluster.EventSourceRow{Spec: w.Spec, Version: w.Version + 1, Enabled: enabled}
	}
	for _, o := range write.RemoveEventSources {
		delete(state.EventSources, o.Name)
	}
	m.states[name] = state
	m.projects[name] = &cluster.ProjectRow{Name: name, Source: req.Source, SourceRevision: req.SourceRevision, Revision: result.Revision}
	if write.RemoveProject {
		delete(m.states, name)
		delete(m.projects, name)
	}
	return result, true
}

func (m *memory) setEnabled(name, eventSource string, enabled bool) {
	row := m.states[name].EventSources[eventSource]
	row.Enabled = enabled
	m.states[name].EventSources[eventSource] = row
}

func shop() *project.Project {
	return &project.Project{
		Name: "shop",
		Components: []project.Component{
			{Name: "shop_api", Project: "shop", Image: "api:1"},
			{Name: "shop_web", Project: "shop", Image: "web:1"},
		},
		EventSources: []project.EventSource{
			{Name: "shop_api-http", Project: "shop", Component: "shop_api", HTTP: &project.HTTPSource{Hostname: "api.test"}},
			{Name: "shop_web-cron-0", Project: "shop", Component: "shop_web", Cron: &project.CronSource{Schedule: "0 3 * * *", HTTP: project.CronHTTP{Method: "GET", Path: "/a"}}},
			{Name: "shop_web-cron-1", Project: "shop", Component: "shop_web", Cron: &project.CronSource{Schedule: "0 4 * * *", HTTP: project.CronHTTP{Method: "GET", Path: "/b"}}},
			{Name: "shop_web-http", Project: "shop", Component: "shop_web", HTTP: &project.HTTPSource{Hostname: "shop.test", PathPrefix: "/"}},
		},
	}
}

// applied returns an Applier over a store that has the shop.
func applied(t *testing.T) (*Applier, *memory) {
	t.Helper()
	m := newMemory()
	a := &Applier{Store: m}
	if _, err := a.Apply(t.Context(), Request{Project: shop(), RequestID: "first", Prune: true}); err != nil {
		t.Fatal(err)
	}
	return a, m
}
