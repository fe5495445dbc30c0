package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"maelstrom/cluster"
)

// release is what becomes of the projects of a source that goes.
type release struct {
	cluster.Deletion
	origin string // of the source
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
	_, err := t.put(ctx, "mael_former_owner",
		`insert into mael_former_owner (project, source, origin, revision) select name, ?, ?, revision from mael_project where name = ?`,
		r.Name, r.origin, project)
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

// takeBack gives a source that comes back the projects that were its when its
// declaration went, and that nobody has changed since. It is not given those
// of another who was declared elsewhere, unless by who may declare anything.
func (t *tx) takeBack(ctx context.Context, w cluster.SourceWrite) (taken int, err error) {
	type former struct {
		project, origin string
		revision        int64
	}
	var all []former
	err = t.each(ctx, func(rows *sql.Rows) error {
		var f former
		err := rows.Scan(&f.project, &f.origin, &f.revision)
		all = append(all, f)
		return err
	}, `select project, origin, revision from mael_former_owner where source = ? order by project`, w.Spec.Name)
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
		if n > 0 {
			t.changed(cluster.ChangeProject, f.project)
			taken++
		}
	}
	_, err = t.put(ctx, "mael_former_owner", `delete from mael_former_owner where source = ?`, w.Spec.Name)
	return taken, err
}
