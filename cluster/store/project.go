package store

import (
	"context"
	"database/sql"
	"fmt"

	"maelstrom/cluster"
	"maelstrom/project"
)

// LoadProject reads all that planning an apply of the desired project depends
// on, at one moment. It is what ApplyProject plans from.
func (s *Store) LoadProject(ctx context.Context, desired *project.Project) (state cluster.ProjectState, err error) {
	err = s.read(ctx, func(t *tx) error {
		state, err = t.projectState(ctx, desired)
		return err
	})
	if err != nil {
		return cluster.ProjectState{}, fmt.Errorf("load project %s: %w", desired.Name, err)
	}
	return state, nil
}

func (t *tx) projectState(ctx context.Context, desired *project.Project) (cluster.ProjectState, error) {
	state := cluster.ProjectState{
		Components:   map[string]cluster.ComponentRow{},
		EventSources: map[string]cluster.EventSourceRow{},
	}
	projects, err := t.projects(ctx, `where name = ?`, desired.Name)
	if err != nil {
		return state, err
	}
	state.Project = projects[desired.Name]
	components, err := t.components(ctx, `where project = ?`, desired.Name)
	if err != nil {
		return state, err
	}
	for name, row := range components {
		state.Components[name] = *row
	}
	sources, err := t.eventSources(ctx, `where project = ?`, desired.Name)
	if err != nil {
		return state, err
	}
	for name, row := range sources {
		state.EventSources[name] = *row
	}
	key := cluster.ControlKey(cluster.ControlProject, desired.Name)
	controls, err := t.controls(ctx, `where control_key = ?`, key)
	if err != nil {
		return state, err
	}
	state.Control = cluster.ControlRow{Kind: cluster.ControlProject, Name: desired.Name}
	if row := controls[key]; row != nil {
		state.Control = *row
	}
	state.Foreign, err = t.foreignClaims(ctx, desired)
	return state, err
}

func (t *tx) projects(ctx context.Context, where string, args ...any) (map[string]*cluster.ProjectRow, error) {
	out := map[string]*cluster.ProjectRow{}
	err := t.each(ctx, func(rows *sql.Rows) error {
		var p cluster.ProjectRow
		var created, modified int64
		if err := rows.Scan(&p.Name, &p.Source, &p.Revision, &p.SourceRevision, &created, &modified); err != nil {
			return err
		}
		p.CreatedAt, p.ModifiedAt = moment(created), moment(modified)
		out[p.Name] = &p
		return nil
	}, `select name, source, revision, source_revision, created_at, modified_at from mael_project `+where, args...)
	return out, err
}

// setProject writes a project's row over the one of the revision before. This
// compare-and-set is what orders the applies of one project.
func (t *tx) setProject(ctx context.Context, p *cluster.ProjectRow) error {
	now, err := t.now(ctx)
	if err != nil {
		return err
	}
	p.ModifiedAt = now
	t.changed(cluster.ChangeProject, p.Name)
	return met(t.put(ctx, "mael_project",
		`update mael_project set source = ?, revision = ?, source_revision = ?, modified_at = ? where name = ? and revision = ?`,
		p.Source, p.Revision, p.SourceRevision, micros(now), p.Name, p.Revision-1))
}

// addProject inserts a project. Its history may go back to before it was
// removed; the revision continues it.
func (t *tx) addProject(ctx context.Context, p *cluster.ProjectRow) error {
	now, err := t.now(ctx)
	if err != nil {
		return err
	}
	if p.Revision, err = t.lastRevision(ctx, p.Name); err != nil {
		return err
	}
	p.Revision++
	p.CreatedAt, p.ModifiedAt = now, now
	t.changed(cluster.ChangeProject, p.Name)
	return t.insert(ctx, "mael_project",
		[]string{"name", "source", "revision", "source_revision", "created_at", "modified_at"},
		[][]any{{p.Name, p.Source, p.Revision, p.SourceRevision, micros(now), micros(now)}})
}

// removeProject deletes a project's row at the revision before.
func (t *tx) removeProject(ctx context.Context, p *cluster.ProjectRow) error {
	t.gone(cluster.ChangeProject, p.Name)
	if err := t.forgetOwner(ctx, p.Name); err != nil {
		return err
	}
	return met(t.put(ctx, "mael_project", `delete from mael_project where name = ? and revision = ?`, p.Name, p.Revision-1))
}
