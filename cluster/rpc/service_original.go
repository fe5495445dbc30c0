package rpc

import (
	"context"
	"strings"

	"maelstrom/cluster"
	"maelstrom/project"
)

func (s *Server) maelstromService() []method {
	const service = "MaelstromService."
	return []method{
		newMethod(service+"ListProjects", "Lists projects with their sizes.", s.origListProjects, lenient),
		newMethod(service+"PutProject", "Makes the stored project equal to the given one.", s.origPutProject, lenient, large, writes),
		newMethod(service+"GetProject", "Shows a project with everything in it.", s.origGetProject, lenient),
		newMethod(service+"RemoveProject", "Removes a project with everything in it.", s.origRemoveProject, lenient, writes),
		newMethod(service+"PutComponent", "Adds (version 0) or replaces (its version) a component.", s.origPutComponent, lenient, writes),
		newMethod(service+"GetComponent", "Shows a component.", s.origGetComponent, lenient),
		newMethod(service+"RemoveComponent", "Removes a component with its event sources.", s.origRemoveComponent, lenient, writes),
		newMethod(service+"ListComponents", "Lists components, a page at a time.", s.origListComponents, lenient),
		newMethod(service+"PutEventSource", "Adds (version 0) or replaces (its version) an event source.", s.origPutEventSource, lenient, writes),
		newMethod(service+"GetEventSource", "Shows an event source.", s.origGetEventSource, lenient),
		newMethod(service+"RemoveEventSource", "Removes an event source.", s.origRemoveEventSource, lenient, writes),
		newMethod(service+"ToggleEventSources", "Enables or disables what the filter selects; an empty filter selects all.", s.origToggle, lenient, writes),
		newMethod(service+"ListEventSources", "Lists event sources, a page at a time.", s.origListEventSources, lenient),
		newMethod(service+"NotifyDataChanged", "Does nothing that would not happen by itself.", s.origNotify, lenient),
	}
}

func (s *Server) origNotify(context.Context, origEmpty) (origEmpty, error) {
	s.deps.Feed.Hint()
	return origEmpty{}, nil
}

func (s *Server) origPutComponent(ctx context.Context, in origPutComponentInput) (origPutOutput, error) {
	sent := &in.Component
	name := strings.ToLower(strings.TrimSpace(sent.Name))
	projectName := strings.ToLower(strings.TrimSpace(sent.ProjectName))
	if row, ok := s.deps.Feed.Snapshot().Components.Get(name); ok && projectName == "" {
		projectName = row.Spec.Project
	}
	if projectName == "" {
		return origPutOutput{}, errorf(KindInvalid, "component %q has no projectName", sent.Name)
	}
	name = project.FullName(projectName, name)
	state, err := s.edit(ctx, projectName, func(state cluster.ProjectState, desired *project.Project) error {
		row, stored := state.Components[name]
		if err := checkVersion("component "+name, sent.Version, stored, row.Version); err != nil {
			return err
		}
		desired.Components = put(desired.Components, sent.toComponent(projectName, row.Spec), componentName)
		return nil
	})
	if err != nil {
		return origPutOutput{}, err
	}
	return origPutOutput{Name: name, Version: state.Components[name].Version}, nil
}

func (s *Server) origGetComponent(_ context.Context, in origName) (origGetComponentOutput, error) {
	row, err := s.knownComponent(strings.ToLower(in.Name))
	if err != nil {
		return origGetComponentOutput{}, err
	}
	return origGetComponentOutput{Component: origFromRow(row)}, nil
}

func (s *Server) origRemoveComponent(ctx context.Context, in origName) (origRemoveOutput, error) {
	name := strings.ToLower(in.Name)
	row, ok := s.deps.Feed.Snapshot().Components.Get(name)
	if !ok {
		return origRemoveOutput{Name: name}, nil
	}
	found := false
	_, err := s.edit(ctx, row.Spec.Project, func(state cluster.ProjectState, desired *project.Project) error {
		_, found = state.Components[name]
		desired.Components = without(desired.Components, func(c project.Component) bool { return c.Name == name })
		desired.EventSources = without(desired.EventSources, func(e project.EventSource) bool { return e.Component == name })
		return nil
	})
	return origRemoveOutput{Name: name, Found: found}, err
}

func without[T any](list []T, drop func(T) bool) []T {
	var kept []T
	for _, item := range list {
		if !drop(item) {
			kept = append(kept, item)
		}
	}
	return kept
}

func (s *Server) origPutEventSource(ctx context.Context, in origPutEventSourceInput) (origPutOutput, error) {
	sent := &in.EventSource
	component, err := s.origComponentOf(sent)
	if err != nil {
		return origPutOutput{}, err
	}
	projectName := component.Project
	name := project.FullName(projectName, strings.TrimSpace(sent.Name))
	state, err := s.edit(ctx, projectName, func(state cluster.ProjectState, desired *project.Project) error {
		row, stored := state.EventSources[name]
		if err := checkVersion("event source "+name, sent.Version, stored, row.Version); err != nil {
			return err
		}
		desired.EventSources = put(desired.EventSources, sent.toEventSource(projectName, component.Name, row.Spec), eventSourceName)
		return nil
	})
	if err != nil {
		return origPutOutput{}, err
	}
	return origPutOutput{Name: name, Version: state.EventSources[name].Version}, nil
}

// origComponentOf finds the component that an event source names, by its full
// name or by its name in the project.
func (s *Server) origComponentOf(e *origEventSource) (*project.Component, error) {
	name := strings.ToLower(strings.TrimSpace(e.ComponentName))
	components := s.deps.Feed.Snapshot().Components
	row, ok := components.Get(name)
	if !ok && e.ProjectName != "" {
		row, ok = components.Get(project.FullName(strings.TrimSpace(e.ProjectName), name))
	}
	if !ok {
		return nil, errorf(KindNotFound, "there is no component %q", e.ComponentName)
	}
	return row.Spec, nil
}

func (s *Server) origGetEventSource(_ context.Context, in origName) (origGetEventSourceOutput, error) {
	row, ok := s.deps.Feed.Snapshot().EventSources.Get(strings.ToLower(in.Name))
	if !ok {
		return origGetEventSourceOutput{}, errorf(KindNotFound, "there is no event source %q", in.Name)
	}
	return origGetEventSourceOutput{EventSource: origFromSourceRow(row)}, nil
}

func (s *Server) origRemoveEventSource(ctx context.Context, in origName) (origRemoveOutput, error) {
	name := strings.ToLower(in.Name)
	row, ok := s.deps.Feed.Snapshot().EventSources.Get(name)
	if !ok {
		return origRemoveOutput{Name: name}, nil
	}
	found := false
	_, err := s.edit(ctx, row.Spec.Project, func(state cluster.ProjectState, desired *project.Project) error {
		_, found = state.EventSources[name]
		desired.EventSources = without(desired.EventSources, func(e project.EventSource) bool { return e.Name == name })
		return nil
	})
	return origRemoveOutput{Name: name, Found: found}, err
}

func (s *Server) origToggle(ctx context.Context, in origToggleInput) (origToggleOutput, error) {
	filter := EventSourceFilter{
		Prefix:    in.NamePrefix,
		Project:   in.ProjectName,
		Component: in.ComponentName,
		Type:      project.EventSourceType(in.EventSourceType),
	}
	names, _, err := s.setEnabled(ctx, s.view().eventSourceRows(filter.selects), in.Enabled)
	return origToggleOutput{Enabled: in.Enabled, EventSourceNames: append([]string{}, names...)}, err
}
