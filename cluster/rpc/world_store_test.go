package rpc

import (
	"context"
	"fmt"
	"os"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

// The Store.

func (w *world) LoadProject(_ context.Context, desired *project.Project) (cluster.ProjectState, error) {
	defer w.lock()()
	return w.state(desired.Name), w.away
}

func (w *world) state(name string) cluster.ProjectState {
	state := cluster.ProjectState{
		Project:      w.projects[name],
		Components:   map[string]cluster.ComponentRow{},
		EventSources: map[string]cluster.EventSourceRow{},
	}
	for key, row := range w.comps {
		if row.Spec.Project == name {
			state.Components[key] = *row
		}
	}
	for key, row := range w.sources {
		if row.Spec.Project == name {
			state.EventSources[key] = *row
		}
	}
	return state
}

func (w *world) Revisions(_ context.Context, name string, limit int) ([]cluster.Revision, error) {
	defer w.lock()()
	var list []cluster.Revision
	for i := len(w.history) - 1; i >= 0 && len(list) < limit; i-- {
		if w.history[i].Project == name {
			list = append(list, w.history[i])
		}
	}
	return list, w.away
}

func (w *world) BumpComponents(_ context.Context, names []string, actor string) (map[string]int64, error) {
	defer w.lock()()
	versions := map[string]int64{}
	changed := map[string]*cluster.ComponentRow{}
	for _, name := range names {
		row := *w.comps[name]
		row.Version++
		w.comps[name], changed[name], versions[name] = &row, &row, row.Version
	}
	w.history = append(w.history, cluster.Revision{Actor: actor})
	w.commit(cluster.ChangeSet{Components: changed})
	return versions, w.away
}

func (w *world) SetEventSourcesEnabled(_ context.Context, names []string, enabled bool) (int64, error) {
	defer w.lock()()
	if w.away != nil {
		return 0, w.away
	}
	changed := map[string]*cluster.EventSourceRow{}
	for _, name := range names {
		row := *w.sources[name]
		row.Enabled = enabled
		w.sources[name], changed[name] = &row, &row
	}
	return w.commit(cluster.ChangeSet{EventSources: changed}), nil
}

func (w *world) Nodes(context.Context) ([]cluster.Node, error) {
	defer w.lock()()
	var nodes []cluster.Node
	for _, n := range w.snap.Nodes.Sorted() {
		status := *n
		status.Load1m = latestLoad // not in the change log
		nodes = append(nodes, status)
	}
	return nodes, w.away
}

// Events: nothing is ever told here.
func (w *world) Events(context.Context, cluster.EventQuery) ([]cluster.Event, error) {
	defer w.lock()()
	return nil, w.away
}

// latestLoad is the load that the database has of every node.
const latestLoad = 1.75

func (w *world) Backup(_ context.Context, path string) error {
	defer w.lock()()
	w.backedUp = path
	return os.WriteFile(path, []byte("backup"), 0o600)
}

// declarations is the planner over the world.
type declarations world

func (d *declarations) Diff(_ context.Context, dec Declaration) (DiffAnswer, error) {
	w := (*world)(d)
	defer w.lock()()
	if w.away != nil {
		return DiffAnswer{}, w.away
	}
	state := w.state(dec.Project.Name)
	changes, err := w.plan(state, dec)
	answer := DiffAnswer{Changes: changes, Revision: revisionOf(state)}
	answer.Versions.Components = map[string]int64{}
	for name, row := range state.Components {
		answer.Versions.Components[name] = row.Version
	}
	return answer, err
}

func (w *world) plan(state cluster.ProjectState, dec Declaration) (project.Changes, error) {
	for _, c := range dec.Project.Components {
		if row := w.comps[c.Name]; row != nil && row.Spec.Project != dec.Project.Name {
			return project.Changes{}, &conflict{problems: []project.Problem{{
				Rule: "MAEL900", Severity: project.Error, Path: "components." + c.Name,
				Message: c.Name + " belongs to project " + row.Spec.Project,
			}}}
		}
	}
	return project.Diff(declared(dec.Project.Name, state), dec.Project, dec.Positions), nil
}

func (d *declarations) Apply(_ context.Context, dec Declaration) (ApplyAnswer, error) {
	w := (*world)(d)
	if before := w.before; before != nil {
		w.before = nil
		before()
	}
	defer w.lock()()
	w.last = dec
	if w.away != nil {
		return ApplyAnswer{}, w.away
	}
	if answer, ok := w.replies[dec.RequestID]; ok {
		answer.Replayed = true
		return answer, nil
	}
	state := w.state(dec.Project.Name)
	if dec.IfRevision != nil && *dec.IfRevision != revisionOf(state) {
		return ApplyAnswer{}, fmt.Errorf("revision %d: %w", revisionOf(state), cluster.ErrConflict)
	}
	for name, version := range dec.IfVersions.Components {
		if state.Components[name].Version != version {
			return ApplyAnswer{}, fmt.Errorf("component %s: %w", name, cluster.ErrConflict)
		}
	}
	changes, err := w.plan(state, dec)
	if err != nil {
		return ApplyAnswer{}, err
	}
	answer := ApplyAnswer{Changes: changes, Revision: revisionOf(state), ChangeNumber: w.number}
	if !changes.Empty() {
		answer.Revision++
		answer.ChangeNumber = w.write(dec, changes, answer.Revision)
	}
	w.replies[dec.RequestID] = answer
	return answer, nil
}

func (w *world) write(dec Declaration, changes project.Changes, revision int64) int64 {
	cs := cluster.ChangeSet{
		Projects:     map[string]*cluster.ProjectRow{},
		Components:   map[string]*cluster.ComponentRow{},
		EventSources: map[string]*cluster.EventSourceRow{},
	}
	name := dec.Project.Name
	cs.Projects[name] = &cluster.ProjectRow{Name: name, Revision: revision, SourceRevision: dec.SourceRevision, ModifiedAt: started}
	w.projects[name] = cs.Projects[name]
	touched := map[string]bool{}
	for _, list := range [][]project.ObjectChange{changes.Components.Added, changes.Components.Updated, changes.EventSources.Added, changes.EventSources.Updated} {
		for _, o := range list {
			touched[o.Name] = true
		}
	}
	for i := range dec.Project.Components {
		if c := dec.Project.Components[i]; touched[c.Name] {
			effective := c.Effective()
			row := &cluster.ComponentRow{Spec: &c, Effective: &effective, Version: 1, ModifiedAt: started}
			if old := w.comps[c.Name]; old != nil {
				row.Version = old.Version + 1
			}
			w.comps[c.Name], cs.Components[c.Name] = row, row
		}
	}
	for i := range dec.Project.EventSources {
		if e := dec.Project.EventSources[i]; touched[e.Name] {
			row := &cluster.EventSourceRow{Spec: &e, Enabled: true, Version: 1, CreatedAt: started, ModifiedAt: started}
			if old := w.sources[e.Name]; old != nil {
				row.Version, row.Enabled = old.Version+1, old.Enabled
			}
			w.sources[e.Name], cs.EventSources[e.Name] = row, row
		}
	}
	for _, o := range changes.Components.Removed {
		delete(w.comps, o.Name)
		cs.Components[o.Name] = nil
	}
	for _, o := range changes.EventSources.Removed {
		delete(w.sources, o.Name)
		cs.EventSources[o.Name] = nil
	}
	w.history = append(w.history, cluster.Revision{
		Project: name, Number: revision, Kind: cluster.RevisionApply, Time: time.Unix(0, 0).UTC(), Actor: dec.Actor, RequestID: dec.RequestID, SourceRevision: dec.SourceRevision,
	})
	return w.commit(cs)
}

func (d *declarations) Remove(ctx context.Context, r Removal) (ApplyAnswer, error) {
	w := (*world)(d)
	defer w.lock()()
	state := w.state(r.Name)
	switch {
	case w.away != nil:
		return ApplyAnswer{}, w.away
	case state.Project == nil:
		return ApplyAnswer{}, fmt.Errorf("project %s: %w", r.Name, cluster.ErrNotFound)
	case r.IfRevision != nil && *r.IfRevision != state.Project.Revision:
		return ApplyAnswer{}, fmt.Errorf("project %s: %w", r.Name, cluster.ErrConflict)
	}
	changes := project.Diff(declared(r.Name, state), nil, nil)
	changes.Project = r.Name
	answer := ApplyAnswer{Changes: changes, Revision: state.Project.Revision}
	if !r.DryRun {
		w.write(Declaration{Project: &project.Project{Name: r.Name}, Actor: r.Actor, RequestID: r.RequestID}, changes, state.Project.Revision+1)
		delete(w.projects, r.Name)
		answer.ChangeNumber = w.commit(cluster.ChangeSet{Projects: map[string]*cluster.ProjectRow{r.Name: nil}})
	}
	return answer, nil
}
