package rpc

import (
	"context"
	"errors"
	"strings"

	"maelstrom/cluster"
	"maelstrom/project"
)

func (s *Server) origPutProject(ctx context.Context, in origPutProjectInput) (origPutProjectOutput, error) {
	name := strings.ToLower(strings.TrimSpace(in.Project.Name))
	state, err := s.loadProject(ctx, name)
	if err != nil {
		return origPutProjectOutput{}, err
	}
	desired := in.Project.toProject(name, state)
	if err := check(desired); err != nil {
		return origPutProjectOutput{}, err
	}
	d := Declaration{Project: desired, Prune: PruneAuto}
	if in.DiffOnly {
		plan, err := s.deps.Declarations.Diff(ctx, d)
		if err != nil {
			return origPutProjectOutput{}, fromStore(err)
		}
		return origChanges(name, plan.Changes, desired, state), nil
	}
	answer, err := s.declare(ctx, d)
	if err != nil {
		return origPutProjectOutput{}, err
	}
	if state, err = s.loadProject(ctx, name); err != nil {
		return origPutProjectOutput{}, err
	}
	return origChanges(name, answer.Changes, desired, state), nil
}

// toProject reads p; state is what is stored under its name.
func (p *origProject) toProject(name string, state cluster.ProjectState) *project.Project {
	out := &project.Project{Name: name}
	for i := range p.Components {
		sent := &p.Components[i]
		full := project.FullName(name, strings.TrimSpace(sent.Component.Name))
		out.Components = append(out.Components, sent.Component.toComponent(name, state.Components[full].Spec))
		for j := range sent.EventSources {
			e := &sent.EventSources[j].EventSource
			old := state.EventSources[project.FullName(name, strings.TrimSpace(e.Name))].Spec
			out.EventSources = append(out.EventSources, e.toEventSource(name, full, old))
		}
	}
	sortProject(out)
	return out
}

// origChanges tells what changed, with the versions that state has.
func origChanges(name string, changes project.Changes, desired *project.Project, state cluster.ProjectState) origPutProjectOutput {
	components := map[string]origComponent{}
	for i := range desired.Components {
		c := origFromComponent(&desired.Components[i])
		if row, ok := state.Components[c.Name]; ok {
			c.Version, c.ModifiedAt = row.Version, millis(row.ModifiedAt)
		}
		components[c.Name] = c
	}
	sources := map[string]origEventSource{}
	for i := range desired.EventSources {
		e := origFromEventSource(&desired.EventSources[i])
		if row, ok := state.EventSources[e.Name]; ok {
			e.Version, e.ModifiedAt = row.Version, millis(row.ModifiedAt)
		}
		sources[e.Name] = e
	}
	return origPutProjectOutput{
		Name:                name,
		ComponentsAdded:     pick(components, changes.Components.Added),
		ComponentsUpdated:   pick(components, changes.Components.Updated),
		ComponentsRemoved:   changeNames(changes.Components.Removed),
		EventSourcesAdded:   pick(sources, changes.EventSources.Added),
		EventSourcesUpdated: pick(sources, changes.EventSources.Updated),
		EventSourcesRemoved: changeNames(changes.EventSources.Removed),
	}
}

func pick[T any](from map[string]T, changes []project.ObjectChange) []T {
	list := []T{}
	for _, change := range changes {
		if object, ok := from[change.Name]; ok {
			list = append(list, object)
		}
	}
	return list
}

func changeNames(changes []project.ObjectChange) []string {
	names := []string{}
	for _, change := range changes {
		names = append(names, change.Name)
	}
	return names
}

func (s *Server) origGetProject(_ context.Context, in origName) (origGetProjectOutput, error) {
	name := strings.ToLower(in.Name)
	snap := s.deps.Feed.Snapshot()
	if _, ok := snap.Projects.Get(name); !ok {
		return origGetProjectOutput{}, errorf(KindNotFound, "there is no project %q", in.Name)
	}
	sources := map[string][]origEventSourceWith{}
	for _, row := range snap.EventSources.Sorted() {
		if row.Spec.Project == name {
			sources[row.Spec.Component] = append(sources[row.Spec.Component],
				origEventSourceWith{EventSource: origFromSourceRow(row), Enabled: row.Enabled})
		}
	}
	out := origProject{Name: name, Components: []origComponentWith{}}
	for _, row := range snap.Components.Sorted() {
		if row.Spec.Project == name {
			out.Components = append(out.Components, origComponentWith{
				Component:    origFromRow(row),
				EventSources: append([]origEventSourceWith{}, sources[row.Spec.Name]...),
			})
		}
	}
	return origGetProjectOutput{Project: out}, nil
}

func (s *Server) origRemoveProject(ctx context.Context, in origName) (origRemoveOutput, error) {
	name := strings.ToLower(in.Name)
	_, err := s.removeProject(ctx, RemoveProjectRequest{Name: name})
	if errors.Is(err, cluster.ErrNotFound) {
		return origRemoveOutput{Name: name}, nil
	}
	if err != nil {
		return origRemoveOutput{}, err
	}
	return origRemoveOutput{Name: name, Found: true}, nil
}

func (s *Server) origListProjects(_ context.Context, in origListProjectsInput) (origListProjectsOutput, error) {
	snap := s.deps.Feed.Snapshot()
	components, sources := map[string]int{}, map[string]int{}
	for _, row := range snap.Components.All() {
		components[row.Spec.Project]++
	}
	for _, row := range snap.EventSources.All() {
		sources[row.Spec.Project]++
	}
	out := origListProjectsOutput{Projects: []origProjectInfo{}}
	for name := range snap.Projects.Sorted() {
		if strings.HasPrefix(name, strings.ToLower(in.NamePrefix)) {
			out.Projects = append(out.Projects, origProjectInfo{
				ProjectName: name, ComponentCount: components[name], EventSourceCount: sources[name],
			})
		}
	}
	return out, nil
}
