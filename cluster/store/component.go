package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

// goneKept is how long the last version of a removed component is remembered.
const goneKept = 30 * 24 * time.Hour

func (t *tx) components(ctx context.Context, where string, args ...any) (map[string]*cluster.ComponentRow, error) {
	out := map[string]*cluster.ComponentRow{}
	err := t.each(ctx, func(rows *sql.Rows) error {
		var name, spec, kept, failure string
		var modified int64
		row := &cluster.ComponentRow{Spec: &project.Component{}}
		err := rows.Scan(&name, &spec, &row.Version, &row.RestartVersion, &modified, &row.Released, &row.Proven, &kept, &failure)
		if err != nil {
			return err
		}
		if err := decode(spec, row.Spec); err != nil {
			return fmt.Errorf("read component %s: %w", name, err)
		}
		effective := row.Spec.Effective()
		row.Effective, row.ModifiedAt = &effective, moment(modified)
		out[name] = row
		return errors.Join(decodeKept(row, kept), decodeFailure(row, failure))
	}, `select name, spec, row_version, restart_version, modified_at, released, proven, kept, failure from mael_component `+where, args...)
	return out, err
}

// addComponents inserts components, of which bodies are the encoded specs by
// name, and notes their versions. The version of a name goes on from where a
// removed component left it: a container that still runs of the old one must
// not pass for an instance of the new one.
func (t *tx) addComponents(ctx context.Context, specs []*project.Component, bodies map[string]string, versions map[string]int64) error {
	now, err := t.now(ctx)
	if err != nil {
		return err
	}
	names := make([]string, len(specs))
	for i, c := range specs {
		names[i] = c.Name
	}
	last, err := t.takeGone(ctx, names)
	if err != nil {
		return err
	}
	rows := make([][]any, len(specs))
	for i, c := range specs {
		versions[c.Name] = last[c.Name] + 1
		rows[i] = []any{c.Name, c.Project, bodies[c.Name], versions[c.Name], versions[c.Name], micros(now)}
		t.changed(cluster.ChangeComponent, c.Name)
	}
	return t.insert(ctx, "mael_component", []string{"name", "project", "spec", "row_version", "restart_version", "modified_at"}, rows)
}

// takeGone returns, and forgets, the last versions of removed components.
func (t *tx) takeGone(ctx context.Context, names []string) (map[string]int64, error) {
	last := map[string]int64{}
	err := chunks(names, func(in string, args []any) error {
		return t.each(ctx, func(rows *sql.Rows) error {
			var name string
			var version int64
			err := rows.Scan(&name, &version)
			last[name] = version
			return err
		}, `select name, row_version from mael_component_gone where name in `+in, args...)
	})
	if err != nil || len(last) == 0 {
		return last, err
	}
	return last, chunks(names, func(in string, args []any) error {
		_, err := t.put(ctx, "mael_component_gone", `delete from mael_component_gone where name in `+in, args...)
		return err
	})
}

// setComponent replaces the spec of a component at a version by one that is
// encoded as body, where old is what was read of it. The restart version moves
// along only if containers can see the change.
func (t *tx) setComponent(ctx context.Context, w cluster.ComponentWrite, old *cluster.ComponentRow, body string) error {
	if old.Version != w.Version {
		return cluster.ErrConflict
	}
	now, err := t.now(ctx)
	if err != nil {
		return err
	}
	t.changed(cluster.ChangeComponent, w.Spec.Name)
	if w.Restart {
		return t.replaceVersion(ctx, old, body)
	}
	err = met(t.put(ctx, "mael_component",
		`update mael_component set spec = ?, row_version = ?, modified_at = ? where name = ? and project = ? and row_version = ?`,
		body, w.Version+1, micros(now), w.Spec.Name, w.Spec.Project, w.Version))
	if err != nil || old.Failed == nil || old.Failed.RetryAt.IsZero() {
		return err
	}
	return t.forgive(ctx, old) // it may be what was changed, such as credentials, that it lacked
}

// removeComponents deletes components at their versions, which are remembered.
func (t *tx) removeComponents(ctx context.Context, removed []cluster.ObjectVersion) error {
	if len(removed) == 0 {
		return nil
	}
	now, err := t.now(ctx)
	if err != nil {
		return err
	}
	rows := make([][]any, len(removed))
	for i, o := range removed {
		t.gone(cluster.ChangeComponent, o.Name)
		if err := t.dropReleases(ctx, o.Name); err != nil {
			return err
		}
		rows[i] = []any{o.Name, o.Version, micros(now)}
	}
	if err := t.deleteAt(ctx, "mael_component", removed); err != nil {
		return err
	}
	if err := t.insert(ctx, "mael_component_gone", []string{"name", "row_version", "removed_at"}, rows); err != nil {
		return err
	}
	return t.forgetGone(ctx)
}

// deleteAt deletes rows at their versions. One that is not met is ErrConflict.
func (t *tx) deleteAt(ctx context.Context, table string, objects []cluster.ObjectVersion) error {
	for group := range slices.Chunk(objects, batch) {
		var args []any
		for _, o := range group {
			args = append(args, o.Name, o.Version)
		}
		where := strings.TrimSuffix(strings.Repeat(`name = ? and row_version = ? or `, len(group)), ` or `)
		n, err := t.put(ctx, table, `delete from `+table+` where `+where, args...)
		if err == nil && n < int64(len(group)) {
			err = cluster.ErrConflict
		}
		if err != nil {
			return fmt.Errorf("%s to %s: %w", group[0].Name, group[len(group)-1].Name, err)
		}
	}
	return nil
}

// forgetGone drops versions that nothing can still run.
func (t *tx) forgetGone(ctx context.Context) error {
	now, err := t.now(ctx)
	if err != nil {
		return err
	}
	_, err = t.put(ctx, "mael_component_gone", `delete from mael_component_gone where removed_at < ?`, micros(now.Add(-goneKept)))
	return err
}

// BumpComponents gives components a new version of the same spec, so that the
// ordinary roll-out restarts them, and returns the versions.
func (s *Store) BumpComponents(ctx context.Context, names []string, actor string) (versions map[string]int64, err error) {
	names = sortedSet(names)
	_, err = s.write(ctx, writeOptions{durable: true, rereads: true}, func(t *tx) error {
		found, err := named(ctx, names, t.components, `where name in `)
		if err != nil {
			return err
		}
		projects := map[string][]string{}
		for _, name := range names {
			if found[name] == nil {
				return fmt.Errorf("component %s: %w", name, cluster.ErrNotFound)
			}
			owner := found[name].Spec.Project
			projects[owner] = append(projects[owner], name)
		}
		if err := t.noteRestarts(ctx, projects, actor); err != nil {
			return err
		}
		versions, err = t.bump(ctx, names, found)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("restart components: %w", err)
	}
	return versions, nil
}

func (t *tx) bump(ctx context.Context, names []string, found map[string]*cluster.ComponentRow) (map[string]int64, error) {
	versions := map[string]int64{}
	for _, name := range names {
		if err := t.replaceVersion(ctx, found[name], ""); err != nil {
			return nil, fmt.Errorf("component %s: %w", name, err)
		}
		versions[name] = found[name].Version + 1
		t.changed(cluster.ChangeComponent, name)
	}
	return versions, nil
}

// noteRestarts adds an entry to the history of each project.
func (t *tx) noteRestarts(ctx context.Context, projects map[string][]string, actor string) error {
	owners := make([]string, 0, len(projects))
	for owner := range projects {
		owners = append(owners, owner)
	}
	slices.Sort(owners)
	for _, owner := range owners {
		rows, err := t.projects(ctx, `where name = ?`, owner)
		if err != nil {
			return err
		}
		row := rows[owner]
		if row == nil {
			return fmt.Errorf("project %s: %w", owner, cluster.ErrNotFound)
		}
		row.Revision++
		if err := t.setProject(ctx, row); err != nil {
			return err
		}
		digest, err := t.lastDigest(ctx, owner)
		if err != nil {
			return err
		}
		err = t.addRevision(ctx, cluster.Revision{
			Project: owner, Number: row.Revision, Kind: cluster.RevisionEdit, Digest: digest, Actor: actor, Source: row.Source, SourceRevision: row.SourceRevision,
			RequestID: cluster.NewID(), Summary: "restarted " + strings.Join(projects[owner], ", "),
		}, cluster.ApplyResult{})
		if err != nil {
			return err
		}
	}
	return nil
}

// met turns a statement that met no row into ErrConflict.
func met(n int64, err error) error {
	if err == nil && n == 0 {
		return cluster.ErrConflict
	}
	return err
}

// sortedSet returns names in order, each once.
func sortedSet(names []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(names)))
}
