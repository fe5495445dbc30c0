package reconcile

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"maelstrom/cluster"
	"maelstrom/project"
)

// Plan is what an apply will do.
type Plan struct {
	Changes  project.Changes
	Write    cluster.ProjectWrite
	Warnings []project.Problem
	Kept     []string // full names of what is no longer declared and stays

	Revision int64    // of the stored project that the plan is based on; 0: none
	Versions Versions // of the stored objects that the plan touches
}

// NewPlan compares what is stored with what is desired and says what is to be
// written. A component or event source is written only if its effective spec
// differs. Every refusal is a cluster.ErrConflict.
func NewPlan(state cluster.ProjectState, req Request) (Plan, error) {
	if err := checkOwner(state, req.Project.Name, req.Source, req.TakeOver); err != nil {
		return Plan{}, err
	}
	if err := checkRevision(state, req.Project.Name, req.IfRevision); err != nil {
		return Plan{}, err
	}
	old := stored(state, req.Project.Name)
	target, kept := req.Project, []string(nil)
	if !req.Prune {
		target, kept = withKept(old, req.Project)
	}
	if req.Only {
		var err error
		if target, err = withOnly(old, target, req.IfVersions); err != nil {
			return Plan{}, err
		}
		kept = nil
	}
	if err := checkClaims(state, req, target); err != nil {
		return Plan{}, err
	}
	plan := Plan{
		Changes:  project.Diff(old, target, req.Where),
		Warnings: req.Warnings,
		Kept:     kept,
		Revision: revision(state),
	}
	plan.fill(state, target)
	plan.Write.Content = plan.content(state, target)
	if state.Project != nil && state.Project.Source != req.Source {
		plan.Write.TakeOver = true
		plan.Write.Summary = "taken over, " + plan.Write.Summary
	}
	if err := plan.checkVersions(state, req.IfVersions); err != nil {
		return Plan{}, err
	}
	return plan, plan.checkRemovals(req.ApprovedRemovals)
}

// NewRemoval plans to remove a project. It is a cluster.ErrNotFound if there
// is none of that name.
func NewRemoval(state cluster.ProjectState, req Removal) (Plan, error) {
	if state.Project == nil {
		return Plan{}, fmt.Errorf("project %s: %w", req.Name, cluster.ErrNotFound)
	}
	if err := checkOwner(state, req.Name, req.Source, req.TakeOver); err != nil {
		return Plan{}, err
	}
	if err := checkRevision(state, req.Name, req.IfRevision); err != nil {
		return Plan{}, err
	}
	plan := Plan{
		Changes:  project.Diff(stored(state, req.Name), nil, nil),
		Revision: revision(state),
	}
	plan.fill(state, &project.Project{Name: req.Name})
	plan.Write.RemoveProject = true
	return plan, nil
}

// fill derives the write, its summary and the versions from the changes.
func (p *Plan) fill(state cluster.ProjectState, target *project.Project) {
	p.Versions = Versions{Components: map[string]int64{}, EventSources: map[string]int64{}}
	touched := map[string]project.Impact{}
	for _, list := range [][]project.ObjectChange{p.Changes.Components.Added, p.Changes.Components.Updated} {
		for _, c := range list {
			touched[c.Name] = c.Impact
		}
	}
	for i := range target.Components {
		spec := &target.Components[i]
		impact, ok := touched[spec.Name]
		if !ok {
			continue
		}
		version := state.Components[spec.Name].Version
		p.Versions.Components[spec.Name] = version
		p.Write.PutComponents = append(p.Write.PutComponents, cluster.ComponentWrite{
			Spec: spec, Version: version, Restart: impact != project.ImpactNone,
		})
	}
	p.fillEventSources(state, target)
	for _, c := range p.Changes.Components.Removed {
		version := state.Components[c.Name].Version
		p.Versions.Components[c.Name] = version
		p.Write.RemoveComponents = append(p.Write.RemoveComponents, cluster.ObjectVersion{Name: c.Name, Version: version})
	}
	p.Write.Summary = summary(p.Changes.Summary)
}

func (p *Plan) fillEventSources(state cluster.ProjectState, target *project.Project) {
	touched := map[string]bool{}
	for _, list := range [][]project.ObjectChange{p.Changes.EventSources.Added, p.Changes.EventSources.Updated} {
		for _, c := range list {
			touched[c.Name] = true
		}
	}
	for i := range target.EventSources {
		spec := &target.EventSources[i]
		if !touched[spec.Name] {
			continue
		}
		version := state.EventSources[spec.Name].Version
		p.Versions.EventSources[spec.Name] = version
		p.Write.PutEventSources = append(p.Write.PutEventSources, cluster.EventSourceWrite{Spec: spec, Version: version})
	}
	for _, c := range p.Changes.EventSources.Removed {
		version := state.EventSources[c.Name].Version
		p.Versions.EventSources[c.Name] = version
		p.Write.RemoveEventSources = append(p.Write.RemoveEventSources, cluster.ObjectVersion{Name: c.Name, Version: version})
	}
}

// content is the project as it is stored after the write: what is not written
// stays as it was.
func (p *Plan) content(state cluster.ProjectState, target *project.Project) *project.Project {
	content := &project.Project{Name: target.Name}
	for _, c := range target.Components {
		row, stored := state.Components[c.Name]
		if _, written := p.Versions.Components[c.Name]; stored && !written {
			c = *row.Spec
		}
		content.Components = append(content.Components, c)
	}
	for _, e := range target.EventSources {
		row, stored := state.EventSources[e.Name]
		if _, written := p.Versions.EventSources[e.Name]; stored && !written {
			e = *row.Spec
		}
		content.EventSources = append(content.EventSources, e)
	}
	slices.SortFunc(content.Components, func(a, b project.Component) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(content.EventSources, func(a, b project.EventSource) int { return cmp.Compare(a.Name, b.Name) })
	return content
}

// summary is the line for the history: "2 added, 1 changed (1 restart)".
func summary(s project.Summary) string {
	var parts []string
	if s.Added > 0 {
		parts = append(parts, fmt.Sprintf("%d added", s.Added))
	}
	if s.Updated > 0 {
		text := fmt.Sprintf("%d changed", s.Updated)
		if s.Restarts > 0 {
			text += fmt.Sprintf(" (%d restart%s)", s.Restarts, []string{"", "s"}[min(s.Restarts-1, 1)])
		}
		parts = append(parts, text)
	}
	if s.Removed > 0 {
		parts = append(parts, fmt.Sprintf("%d removed", s.Removed))
	}
	return cmp.Or(strings.Join(parts, ", "), "nothing changed")
}

// stored is the project as the database has it.
func stored(state cluster.ProjectState, name string) *project.Project {
	p := &project.Project{Name: name}
	for _, key := range slices.Sorted(maps.Keys(state.Components)) {
		p.Components = append(p.Components, *state.Components[key].Spec)
	}
	for _, key := range slices.Sorted(maps.Keys(state.EventSources)) {
		p.EventSources = append(p.EventSources, *state.EventSources[key].Spec)
	}
	return p
}

// withKept adds to what is desired what is stored and no longer declared. The
// jobs of a crontab are not kept while their component is declared: they are
// lines of its text, and their names move when a line goes.
func withKept(old, desired *project.Project) (*project.Project, []string) {
	declared := map[string]bool{}
	for _, c := range desired.Components {
		declared[c.Name] = true
	}
	sources := map[string]bool{}
	for _, e := range desired.EventSources {
		sources[e.Name] = true
	}
	var kept []string
	target := &project.Project{
		Name:         desired.Name,
		Components:   slices.Clone(desired.Components),
		EventSources: slices.Clone(desired.EventSources),
	}
	for _, c := range old.Components {
		if !declared[c.Name] {
			target.Components = append(target.Components, c)
			kept = append(kept, c.Name)
		}
	}
	for _, e := range old.EventSources {
		if !sources[e.Name] && !(declared[e.Component] && isJob(&e)) {
			target.EventSources = append(target.EventSources, e)
			kept = append(kept, e.Name)
		}
	}
	slices.Sort(kept)
	return target, kept
}

// isJob tells whether e is a line of its component's crontab.
func isJob(e *project.EventSource) bool {
	number, ok := strings.CutPrefix(e.Name, e.Component+"-cron-")
	return ok && e.Cron != nil && number != "" && strings.Trim(number, "0123456789") == ""
}

func revision(state cluster.ProjectState) int64 {
	if state.Project == nil {
		return 0
	}
	return state.Project.Revision
}
