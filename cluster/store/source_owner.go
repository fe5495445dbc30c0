package store

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"

	"maelstrom/cluster"
)

// release is what becomes of the projects of a source that goes.
type release struct {
	cluster.Deletion
	origin   string                            // of the source
	statuses map[string]*cluster.ProjectStatus // by project
}

// newRelease reads what is remembered of a source that goes.
func (t *tx) newRelease(ctx context.Context, d cluster.Deletion) (release, error) {
	r := release{Deletion: d, statuses: map[string]*cluster.ProjectStatus{}}
	found, err := t.sources(ctx, `where name = ?`, d.Name)
	if err != nil {
		return r, err
	}
	if found[d.Name] == nil {
		return r, cluster.ErrNotFound
	}
	r.origin = found[d.Name].Origin
	if !d.Undeclared {
		return r, nil
	}
	known, err := t.projectStatuses(ctx, `where source = ? order by status_key`, d.Name)
	for _, key := range slices.Sorted(maps.Keys(known)) {
		s := known[key]
		if other := r.statuses[s.Project]; other == nil || other.LastGood == "" { // of two files the one counts that was applied
			r.statuses[s.Project] = s
		}
	}
	return r, err
}

// releaseProjects makes the projects of a source ones that were applied by
// hand. Their content is what it was, so they keep their revisions.
func (t *tx) releaseProjects(ctx context.Context, r release) error {
	names, err := t.projectsOf(ctx, r.Name)
	if err != nil || len(names) == 0 {
		return err
	}
	now, err := t.now(ctx)
	if err != nil {
		return err
	}
	for _, name := range names {
		t.changed(cluster.ChangeProject, name)
		n, err := t.put(ctx, "mael_project", `update mael_project set source = '', modified_at = ? where name = ? and source = ?`,
			micros(now), name, r.Name)
		if err != nil {
			return err
		}
		if n == 0 || !r.Undeclared {
			continue
		}
		if err := t.rememberOwner(ctx, name, r); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) projectsOf(ctx context.Context, source string) (names []string, err error) {
	err = t.each(ctx, func(rows *sql.Rows) error {
		var name string
		err := rows.Scan(&name)
		names = append(names, name)
		return err
	}, `select name from mael_project where source = ? order by name`, source)
	return names, err
}

// rememberOwner keeps whose a project was that was released just now.
func (t *tx) rememberOwner(ctx context.Context, project string, r release) error {
	if err := t.forgetOwner(ctx, project); err != nil {
		return err
	}
	status := ""
	if s := r.statuses[project]; s != nil {
		var err error
		if status, err = encode(s); err != nil {
			return err
		}
	}
	_, err := t.put(ctx, "mael_former_owner",
		`insert into mael_former_owner (project, source, origin, revision, status) select name, ?, ?, revision, ? from mael_project where name = ?`,
		r.Name, r.origin, status, project)
	return err
}

func (t *tx) forgetOwner(ctx context.Context, project string) error {
	_, err := t.put(ctx, "mael_former_owner", `delete from mael_former_owner where project = ?`, project)
	return err
}

// comes does what a new source needs before its row is written, for projects
// come before their source, as in every apply. It says in a word what happened.
func (t *tx) comes(ctx context.Context, w cluster.SourceWrite) (verb string, err error) {
	taken, err := t.takeBack(ctx, w)
	if err != nil || taken == 0 {
		return "declared", err
	}
	return fmt.Sprintf("declared again, with %d of the projects that it had", taken), nil
}

// former is a project that a source had.
type former struct {
	project, origin string
	revision        int64
	status          cluster.ProjectStatus // zero if none was known
}

func (t *tx) formers(ctx context.Context, source string) (all []former, err error) {
	err = t.each(ctx, func(rows *sql.Rows) error {
		var f former
		var status string
		if err := rows.Scan(&f.project, &f.origin, &f.revision, &status); err != nil {
			return err
		}
		if status != "" {
			if err := decode(status, &f.status); err != nil {
				return err
			}
		}
		all = append(all, f)
		return nil
	}, `select project, origin, revision, status from mael_former_owner where source = ? order by project`, source)
	return all, err
}

// takeBack gives a source that comes back the projects that were its when its
// declaration went, and that nobody has changed since. It is not given those
// of another who was declared elsewhere, unless by who may declare anything.
func (t *tx) takeBack(ctx context.Context, w cluster.SourceWrite) (taken int, err error) {
	all, err := t.formers(ctx, w.Spec.Name)
	if err != nil || len(all) == 0 {
		return 0, err
	}
	now, err := t.now(ctx)
	if err != nil {
		return 0, err
	}
	for _, f := range all {
		if f.origin != w.Origin && strings.HasPrefix(w.Origin, "source/") {
			continue
		}
		n, err := t.put(ctx, "mael_project", `update mael_project set source = ?, modified_at = ? where name = ? and source = '' and revision = ?`,
			w.Spec.Name, micros(now), f.project, f.revision)
		if err != nil {
			return 0, err
		}
		if n == 0 {
			continue
		}
		t.changed(cluster.ChangeProject, f.project)
		taken++
		if f.status.Source == "" {
			continue
		}
		f.status.Digest = "" // its file is read again, and its absence is noticed
		if err := t.putStatuses(ctx, []cluster.ProjectStatus{f.status}); err != nil {
			return 0, err
		}
	}
	_, err = t.put(ctx, "mael_former_owner", `delete from mael_former_owner where source = ?`, w.Spec.Name)
	return taken, err
}
