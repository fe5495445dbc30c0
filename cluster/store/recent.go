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

// Recent returns what people look at that is new after the given change number,
// or everything if since is zero, too far back, or not a number this database
// has reached. What it reads is bounded, but for claims, which all are there.
func (s *Store) Recent(ctx context.Context, since int64) (set cluster.RecentSet, err error) {
	err = s.read(ctx, func(t *tx) error {
		var pruned int64
		set = cluster.RecentSet{}
		if err := t.row(ctx, `select n, pruned from mael_change_counter where id = 1`).Scan(&set.Number, &pruned); err != nil {
			return err
		}
		if since <= 0 || since < pruned || since > set.Number {
			set.Full, since = true, -1
		}
		if err := t.recentEvents(ctx, &set, since); err != nil {
			return err
		}
		if set.Full {
			return t.allRecent(ctx, &set)
		}
		return t.changedRecent(ctx, &set, since)
	})
	if err != nil {
		return cluster.RecentSet{}, fmt.Errorf("read what is new since %d: %w", since, err)
	}
	return set, nil
}

// recentEvents reads the newest of the changes after a number.
func (t *tx) recentEvents(ctx context.Context, set *cluster.RecentSet, since int64) error {
	err := t.each(ctx, func(rows *sql.Rows) error {
		e, err := scanEvent(rows)
		set.Events = append(set.Events, e)
		return err
	}, `select `+strings.Join(eventColumns, ", ")+` from mael_event where id >= ? order by id desc limit ?`,
		(since+1)*eventsPerChange, cluster.RecentEvents+1)
	if len(set.Events) > cluster.RecentEvents {
		set.Cut, set.Events = true, set.Events[:cluster.RecentEvents]
	}
	slices.Reverse(set.Events)
	return err
}

func (t *tx) allRecent(ctx context.Context, set *cluster.RecentSet) error {
	sources, err := t.names(ctx, `select distinct source from mael_delivery`)
	if err != nil {
		return err
	}
	if set.Deliveries, err = t.recentDeliveries(ctx, sources); err != nil {
		return err
	}
	projects, err := t.projects(ctx, ``)
	if err != nil {
		return err
	}
	if set.Revisions, err = t.recentRevisions(ctx, projects, len(projects)); err != nil {
		return err
	}
	set.Claims = map[string][]cluster.Claim{}
	return t.claimsOf(ctx, set.Claims, ``)
}

// changedRecent reads lists anew that the change log names.
func (t *tx) changedRecent(ctx context.Context, set *cluster.RecentSet, since int64) error {
	var projects, sources []string
	err := t.each(ctx, func(rows *sql.Rows) error {
		var kind cluster.ChangeKind
		var object string
		err := rows.Scan(&kind, &object)
		if kind == cluster.ChangeProject {
			projects = append(projects, object)
		} else {
			sources = append(sources, object)
		}
		return err
	}, `select distinct kind, object from mael_change where n > ? and kind in (?, ?, ?)`,
		since, string(cluster.ChangeProject), string(cluster.ChangeDelivery), string(cluster.ChangeSource))
	if err != nil {
		return err
	}
	if set.Deliveries, err = t.recentDeliveries(ctx, sortedSet(sources)); err != nil || len(projects) == 0 {
		return err
	}
	set.Claims = map[string][]cluster.Claim{}
	for _, owner := range projects {
		set.Claims[owner] = nil
	}
	err = chunks(projects, func(in string, args []any) error { return t.claimsOf(ctx, set.Claims, `where owner in `+in, args...) })
	if err != nil {
		return err
	}
	changed, err := named(ctx, projects, t.projects, `where name in `)
	if err != nil {
		return err
	}
	var all int
	if err := t.row(ctx, `select count(*) from mael_project`).Scan(&all); err != nil {
		return err
	}
	set.Revisions, err = t.recentRevisions(ctx, changed, all)
	return err
}

func (t *tx) recentDeliveries(ctx context.Context, sources []string) (map[string][]cluster.Delivery, error) {
	found := map[string][]cluster.Delivery{}
	for _, source := range sources {
		list, err := t.deliveries(ctx, source, cluster.RecentDeliveries)
		if err != nil {
			return nil, err
		}
		found[source] = list
	}
	return found, nil
}

// revisionsAtOnce is of how many projects one statement reads the newest
// revisions.
const revisionsAtOnce = 100

// recentRevisions reads the newest revisions of projects, of which all there
// are so many; a nil row stands for a project that is gone.
func (t *tx) recentRevisions(ctx context.Context, projects map[string]*cluster.ProjectRow, all int) (map[string][]cluster.Revision, error) {
	kept := int64(cluster.RecentOfEach(all))
	found := map[string][]cluster.Revision{}
	for group := range slices.Chunk(slices.Sorted(maps.Keys(projects)), revisionsAtOnce) {
		var wanted []string
		var args []any
		for _, name := range group {
			found[name] = nil
			if row := projects[name]; row != nil {
				wanted = append(wanted, `project = ? and number > ?`)
				args = append(args, name, row.Revision-kept)
			}
		}
		if len(wanted) == 0 {
			continue
		}
		err := t.revisions(ctx, func(r cluster.Revision) error {
			found[r.Project] = folded(found[r.Project], r)
			return nil
		}, `where `+strings.Join(wanted, ` or `)+` order by project, number desc`, args...)
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// folded appends the next older entry of a history, or counts it with its
// neighbour that did the same.
func folded(revisions []cluster.Revision, r cluster.Revision) []cluster.Revision {
	if last := len(revisions) - 1; last >= 0 && repeats(&revisions[last], &r) {
		revisions[last].Repeated++
		return revisions
	}
	return append(revisions, r)
}

// claimsOf adds claims to those of their owners.
func (t *tx) claimsOf(ctx context.Context, found map[string][]cluster.Claim, where string, args ...any) error {
	return t.each(ctx, func(rows *sql.Rows) error {
		c, err := scanClaim(rows)
		found[c.Owner] = append(found[c.Owner], c)
		return err
	}, `select kind, claim_key, owner, object, claimed_at from mael_claim `+where, args...)
}

func (t *tx) names(ctx context.Context, query string) (names []string, err error) {
	err = t.each(ctx, func(rows *sql.Rows) error {
		var name string
		err := rows.Scan(&name)
		names = append(names, name)
		return err
	}, query)
	return names, err
}
