package rpc

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"maelstrom/cluster"
	"maelstrom/project"
)

// editTries bounds how often an edit starts over because somebody else wrote
// to the same project.
const editTries = 5

// edit changes single objects of a project. It reads the project, lets change
// make of it what is desired, and applies that unless the project has moved
// since, in which case it starts over. It returns the project as it is then.
func (s *Server) edit(ctx context.Context, name string, change func(cluster.ProjectState, *project.Project) error) (cluster.ProjectState, error) {
	for try := 1; ; try++ {
		state, err := s.loadProject(ctx, name)
		if err != nil {
			return state, err
		}
		desired := declared(name, state)
		if err := change(state, desired); err != nil {
			return state, err
		}
		err = s.applyAt(ctx, desired, revisionOf(state))
		if err == nil {
			return s.loadProject(ctx, name)
		}
		now, loadErr := s.loadProject(ctx, name)
		moved := loadErr == nil && revisionOf(now) != revisionOf(state)
		if !moved || try == editTries || !errors.Is(err, cluster.ErrConflict) {
			return state, err
		}
	}
}

// applyAt applies desired if the project is still at revision. A project
// without components is none.
func (s *Server) applyAt(ctx context.Context, desired *project.Project, revision int64) error {
	if len(desired.Components) == 0 {
		_, err := s.removeProject(ctx, RemoveProjectRequest{Name: desired.Name, IfRevision: &revision})
		return err
	}
	if err := check(desired); err != nil {
		return err
	}
	_, err := s.declare(ctx, Declaration{Project: desired, Prune: PruneAuto, IfRevision: &revision})
	return err
}

func (s *Server) loadProject(ctx context.Context, name string) (cluster.ProjectState, error) {
	state, err := s.deps.Store.LoadProject(ctx, &project.Project{Name: name})
	return state, fromStore(err)
}

func revisionOf(state cluster.ProjectState) int64 {
	if state.Project == nil {
		return 0
	}
	return state.Project.Revision
}

// declared is the project that state holds, sorted by name.
func declared(name string, state cluster.ProjectState) *project.Project {
	p := &project.Project{Name: name}
	for _, row := range state.Components {
		p.Components = append(p.Components, *row.Spec)
	}
	for _, row := range state.EventSources {
		p.EventSources = append(p.EventSources, *row.Spec)
	}
	sortProject(p)
	return p
}

func sortProject(p *project.Project) {
	slices.SortFunc(p.Components, func(a, b project.Component) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(p.EventSources, func(a, b project.EventSource) int { return strings.Compare(a.Name, b.Name) })
}

// check validates a project that did not come from a file as if it did.
func check(p *project.Project) error {
	var problems []project.Problem
	if p.Name == "" || len(p.Name) > project.MaxProjectName {
		problems = append(problems, project.Problem{
			Severity: project.Error, Path: "name",
			Message: fmt.Sprintf("%q can't be the name of a project", p.Name),
			Hint:    fmt.Sprintf("use 1 to %d letters, digits, dashes and underscores", project.MaxProjectName),
		})
	}
	names := map[string]bool{}
	for i := range p.Components {
		c := &p.Components[i]
		problems = append(problems, within("components", c.Name, names[c.Name], project.ValidateComponent(c))...)
		names[c.Name] = true
	}
	sources, routes := map[string]bool{}, map[string]string{}
	for i := range p.EventSources {
		e := &p.EventSources[i]
		problems = append(problems, within("eventsources", e.Name, sources[e.Name], project.ValidateEventSource(e))...)
		sources[e.Name] = true
		if !names[e.Component] {
			problems = append(problems, project.Problem{
				Severity: project.Error, Path: "eventsources." + e.Name,
				Message: fmt.Sprintf("the project has no component %q", e.Component),
			})
		}
		if key := routeKey(e); key != "" {
			if other := routes[key]; other != "" {
				problems = append(problems, project.Problem{
					Severity: project.Error, Path: "eventsources." + e.Name,
					Message: fmt.Sprintf("has the same host and path prefix as %s", other),
				})
			}
			routes[key] = e.Name
		}
	}
	if slices.ContainsFunc(problems, func(p project.Problem) bool { return p.Severity == project.Error }) {
		return invalidProblems("project "+p.Name, problems)
	}
	return nil
}

// within puts the problems of one object under its path.
func within(kind, name string, twice bool, problems []project.Problem) []project.Problem {
	path := kind + "." + name
	if twice {
		problems = append(problems, project.Problem{Severity: project.Error, Message: "is there twice"})
	}
	for i := range problems {
		problems[i].Path = strings.TrimSuffix(path+"."+problems[i].Path, ".")
	}
	return problems
}

func routeKey(e *project.EventSource) string {
	if e.HTTP == nil {
		return ""
	}
	return cmp.Or(project.NormalHost(e.HTTP.Hostname), "*any*") + " " + e.HTTP.PathPrefix
}

// put replaces the object of the same name in a sorted list, or adds it.
func put[T any](list []T, object T, name func(T) string) []T {
	i, found := slices.BinarySearchFunc(list, name(object), func(have T, want string) int {
		return strings.Compare(name(have), want)
	})
	if found {
		list[i] = object
		return list
	}
	return slices.Insert(list, i, object)
}

func componentName(c project.Component) string     { return c.Name }
func eventSourceName(e project.EventSource) string { return e.Name }

// checkVersion is the original's compare-and-set: zero inserts, any other
// number must be the stored one.
func checkVersion(what string, sent int64, stored bool, version int64) error {
	switch {
	case sent == 0 && stored:
		return errorf(KindExists, "%s is there already: send its version, %d, to replace it", what, version)
	case sent != 0 && !stored:
		return errorf(KindConflict, "%s is not there: send version 0 to add it", what)
	case sent != version:
		return errorf(KindConflict, "%s is at version %d, not %d: read it again", what, version, sent)
	}
	return nil
}
