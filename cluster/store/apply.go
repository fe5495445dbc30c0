package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"maelstrom/cluster"
	"maelstrom/project"
)

// applyAttempts is how often an apply is planned anew because the state it
// was planned from has moved.
const applyAttempts = 5

// ApplyProject makes a project what req.Plan says. The state is read and
// planned at one moment, without a lock; one transaction then writes, and
// verifies all that the plan rests on: the project's revision, the version of
// each row, the claims. If any of it has moved, state and plan are made anew;
// ErrConflict says that this did not help. A plan that writes nothing writes
// nothing. A request id that was seen before is answered from the first time.
func (s *Store) ApplyProject(ctx context.Context, req cluster.ApplyRequest) (cluster.ApplyResult, error) {
	a := apply{ApplyRequest: req, store: s, given: req.RequestID != ""}
	if !a.given {
		a.RequestID = cluster.NewID()
	}
	if err := checkKeys(req.Desired.Name, a.RequestID); err != nil {
		return cluster.ApplyResult{}, fmt.Errorf("apply project: %w", err)
	}
	for n := 1; ; n++ {
		result, err := a.once(ctx)
		if a.refused || !errors.Is(err, cluster.ErrConflict) || n == applyAttempts {
			return result, err
		}
	}
}

// apply is one call of ApplyProject.
type apply struct {
	cluster.ApplyRequest
	store *Store
	given bool // the request id came from the caller

	state   cluster.ProjectState
	number  int64 // of the latest change, as of state
	write   cluster.ProjectWrite
	refused bool // by Plan, whose errors are final
	content packedContent
	specs   map[string]string // of PutComponents, encoded
	result  cluster.ApplyResult
}

func (a *apply) once(ctx context.Context) (cluster.ApplyResult, error) {
	replayed, err := a.load(ctx)
	if err != nil {
		return cluster.ApplyResult{}, fmt.Errorf("load project %s: %w", a.Desired.Name, err)
	}
	if replayed {
		// Our own id can only be found after a commit that was in doubt.
		a.result.Replayed, a.result.ChangeNumber = a.given, a.number
		return a.result, nil
	}
	if a.write, err = a.Plan(a.state); err != nil {
		a.refused = true
		return cluster.ApplyResult{}, err
	}
	if a.nothing() {
		result := cluster.ApplyResult{ChangeNumber: a.number}
		if a.state.Project != nil {
			result.Revision = a.state.Project.Revision
		}
		return result, nil
	}
	if err := a.prepare(); err != nil {
		return cluster.ApplyResult{}, fmt.Errorf("apply project %s: %w", a.Desired.Name, err)
	}
	number, err := a.store.write(ctx, writeOptions{hold: a.Hold, durable: true}, func(t *tx) error { return a.commit(ctx, t) })
	if a.store.dialect.classify(err) == classUnique {
		err = fmt.Errorf("%w: %w", cluster.ErrConflict, err)
	}
	if err != nil {
		return cluster.ApplyResult{}, fmt.Errorf("apply project %s: %w", a.Desired.Name, err)
	}
	a.result.ChangeNumber = number
	return a.result, nil
}

// load reads the state, or the result of the request if it was served before.
func (a *apply) load(ctx context.Context) (replayed bool, err error) {
	err = a.store.read(ctx, func(t *tx) error {
		if err := t.row(ctx, `select n from mael_change_counter where id = 1`).Scan(&a.number); err != nil {
			return err
		}
		a.result, replayed, err = t.replay(ctx, a.Desired.Name, a.RequestID)
		if err != nil || replayed {
			return err
		}
		a.state, err = t.projectState(ctx, a.Desired)
		return err
	})
	return replayed, err
}

// nothing tells whether there is nothing to write: a take-over by another
// source is something.
func (a *apply) nothing() bool {
	return a.write.Empty() && (a.state.Project == nil || a.state.Project.Source == a.Source) ||
		a.write.RemoveProject && a.state.Project == nil
}

// prepare does what needs no transaction: the server ends a session that says
// nothing for long within one.
func (a *apply) prepare() (err error) {
	a.content, a.specs = packedContent{}, map[string]string{}
	if err := a.check(); err != nil {
		return err
	}
	for _, w := range a.write.PutComponents {
		if a.specs[w.Spec.Name], err = encode(w.Spec); err != nil {
			return err
		}
	}
	if content := a.write.Content; content != nil && !a.write.RemoveProject {
		a.content, err = packContent(content)
	}
	return err
}

// check refuses names that can't be kept, and puts writes in the order in
// which rows are locked. Removing a project removes all it has.
func (a *apply) check() error {
	w := &a.write
	if w.RemoveProject {
		*w = cluster.ProjectWrite{RemoveProject: true, Summary: w.Summary}
		for name, row := range a.state.Components {
			w.RemoveComponents = append(w.RemoveComponents, cluster.ObjectVersion{Name: name, Version: row.Version})
		}
		for name, row := range a.state.EventSources {
			w.RemoveEventSources = append(w.RemoveEventSources, cluster.ObjectVersion{Name: name, Version: row.Version})
		}
	}
	byName := func(a, b cluster.ObjectVersion) int { return cmp.Compare(a.Name, b.Name) }
	slices.SortFunc(w.RemoveComponents, byName)
	slices.SortFunc(w.RemoveEventSources, byName)
	slices.SortFunc(w.PutComponents, func(a, b cluster.ComponentWrite) int { return cmp.Compare(a.Spec.Name, b.Spec.Name) })
	slices.SortFunc(w.PutEventSources, func(a, b cluster.EventSourceWrite) int { return cmp.Compare(a.Spec.Name, b.Spec.Name) })
	for _, c := range w.PutComponents {
		if err := errors.Join(checkKeys(c.Spec.Name), a.owns(c.Spec.Project, c.Spec.Name)); err != nil {
			return err
		}
	}
	for _, e := range w.PutEventSources {
		if err := errors.Join(checkKeys(e.Spec.Name), a.owns(e.Spec.Project, e.Spec.Name)); err != nil {
			return err
		}
	}
	return nil
}

func (a *apply) owns(owner, name string) error {
	if owner != a.Desired.Name {
		return fmt.Errorf("%s is of project %q", name, owner)
	}
	return nil
}

// commit writes the plan. Project, components, event sources, claims,
// history, source, status, control: every apply takes its locks in this order.
func (a *apply) commit(ctx context.Context, t *tx) error {
	a.result = cluster.ApplyResult{Components: map[string]int64{}}
	row, err := a.writeProject(ctx, t)
	if err != nil {
		return err
	}
	a.result.Revision = row.Revision
	if err := a.writeComponents(ctx, t); err != nil {
		return err
	}
	if err := a.writeEventSources(ctx, t); err != nil {
		return err
	}
	if err := t.moveClaims(ctx, a.oldClaims(), a.newClaims()); err != nil {
		return err
	}
	if a.state.Project == nil {
		if err := t.dropReserved(ctx, row.Name, a.newClaims()); err != nil {
			return err
		}
	}
	if err := a.note(ctx, t, row); err != nil {
		return err
	}
	return a.writeTold(ctx, t)
}

func (a *apply) writeProject(ctx context.Context, t *tx) (*cluster.ProjectRow, error) {
	row := &cluster.ProjectRow{Name: a.Desired.Name}
	if a.state.Project != nil {
		*row = *a.state.Project
	}
	row.Source, row.SourceRevision = a.Source, a.SourceRevision
	if a.state.Project == nil {
		return row, t.addProject(ctx, row)
	}
	row.Revision++
	if a.write.RemoveProject {
		return row, t.removeProject(ctx, row)
	}
	return row, t.setProject(ctx, row)
}

func (a *apply) writeComponents(ctx context.Context, t *tx) error {
	var added []*project.Component
	for _, w := range a.write.PutComponents {
		if w.Version == 0 {
			added = append(added, w.Spec)
			continue
		}
		old := a.state.Components[w.Spec.Name]
		if err := t.setComponent(ctx, w, &old, a.specs[w.Spec.Name]); err != nil {
			return fmt.Errorf("component %s: %w", w.Spec.Name, err)
		}
		a.result.Components[w.Spec.Name] = w.Version + 1
	}
	if err := t.removeComponents(ctx, a.write.RemoveComponents); err != nil {
		return fmt.Errorf("remove components: %w", err)
	}
	return t.addComponents(ctx, added, a.specs, a.result.Components)
}

func (a *apply) writeEventSources(ctx context.Context, t *tx) error {
	var added []*project.EventSource
	for _, w := range a.write.PutEventSources {
		if w.Version == 0 {
			added = append(added, w.Spec)
			continue
		}
		if err := t.setEventSource(ctx, w, a.state.EventSources[w.Spec.Name]); err != nil {
			return fmt.Errorf("event source %s: %w", w.Spec.Name, err)
		}
	}
	if err := t.removeEventSources(ctx, a.write.RemoveEventSources); err != nil {
		return fmt.Errorf("remove event sources: %w", err)
	}
	return t.addEventSources(ctx, added)
}

// oldClaims are those of the stored objects that the plan touches, newClaims
// what the same objects claim from now on.
func (a *apply) oldClaims() claims {
	c := claims{}
	for _, o := range a.write.RemoveComponents {
		c.component(o.Name, a.Desired.Name)
	}
	for _, o := range a.write.RemoveEventSources {
		if row, ok := a.state.EventSources[o.Name]; ok {
			c.eventSource(row.Spec, a.Desired.Name)
		}
	}
	for _, w := range a.write.PutEventSources {
		if row, ok := a.state.EventSources[w.Spec.Name]; ok {
			c.eventSource(row.Spec, a.Desired.Name)
		}
	}
	return c
}

func (a *apply) newClaims() claims {
	c := claims{}
	for _, w := range a.write.PutComponents {
		if w.Version == 0 {
			c.component(w.Spec.Name, a.Desired.Name)
		}
	}
	for _, w := range a.write.PutEventSources {
		c.eventSource(w.Spec, a.Desired.Name)
	}
	return c
}
