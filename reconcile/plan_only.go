package reconcile

import (
	"fmt"

	"maelstrom/project"
)

// withOnly is target where only says so, and else what is stored. It refuses
// where an event source would be left without its component.
func withOnly(old, target *project.Project, only Versions) (*project.Project, error) {
	out := &project.Project{
		Name:         target.Name,
		Components:   merge(old.Components, target.Components, only.Components, func(c *project.Component) string { return c.Name }),
		EventSources: merge(old.EventSources, target.EventSources, only.EventSources, func(e *project.EventSource) string { return e.Name }),
	}
	there := map[string]bool{}
	for _, c := range out.Components {
		there[c.Name] = true
	}
	for _, e := range out.EventSources {
		if !there[e.Component] {
			return nil, fmt.Errorf("project %s: component %s of event source %s: %w", out.Name, e.Component, e.Name, ErrStale)
		}
	}
	return out, nil
}

// merge takes the objects that chosen names from wanted, all others from
// stored.
func merge[T any](stored, wanted []T, chosen map[string]int64, name func(*T) string) []T {
	var out []T
	for i := range stored {
		if _, ok := chosen[name(&stored[i])]; !ok {
			out = append(out, stored[i])
		}
	}
	for i := range wanted {
		if _, ok := chosen[name(&wanted[i])]; ok {
			out = append(out, wanted[i])
		}
	}
	return out
}
