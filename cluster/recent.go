package cluster

import (
	"cmp"
	"context"
	"slices"
	"time"
)

// Bounds of a Recent. Of projects it has so many revisions that all of them are
// at most RecentRevisions, and of each at least the newest.
const (
	RecentEvents     = 1_000
	RecentDeliveries = 50     // of each source
	RecentOfProject  = 5      // revisions of each project
	RecentRevisions  = 10_000 // of all projects
)

// Recent is the newest of what people look at and nothing is decided by, at one
// change number: what is told while the database is away. It is immutable.
type Recent struct {
	Number   int64     // change number; 0: nothing is known
	ReadAt   time.Time // when the database was so
	Restored bool      // from the copy on disk, which lacks messages that may quote secrets

	Events []Event // oldest first
	Cut    bool    // older events than these are in the database alone

	Deliveries Map[[]Delivery] // by source, newest first
	Revisions  Map[[]Revision] // by project that is stored, newest first
	Claims     Map[[]Claim]    // by owner
}

// RecentSet is what is new for a Recent since a number, read in one
// transaction. A list is all that is known of its source, project or owner; an
// empty one: nothing.
type RecentSet struct {
	Number int64
	Full   bool    // the lists are everything
	Events []Event // the newest since, oldest first
	Cut    bool    // and there are others between those and the ones before

	Deliveries map[string][]Delivery
	Revisions  map[string][]Revision
	Claims     map[string][]Claim
}

// RecentReader is the database as a RecentFeed sees it.
type RecentReader interface {
	// Recent returns what is new after the given number, or everything if
	// since is zero, too far back, or not a number this database has reached.
	Recent(ctx context.Context, since int64) (RecentSet, error)
}

// RecentOfEach is how many revisions are kept of each of so many projects.
func RecentOfEach(projects int) int {
	return min(max(RecentRevisions/max(projects, 1), 1), RecentOfProject)
}

// With returns r with what is new.
func (r *Recent) With(set RecentSet, at time.Time) *Recent {
	n := *r
	if set.Full {
		n = Recent{}
	}
	n.Number, n.ReadAt, n.Restored = set.Number, at, false
	n.Deliveries = withLists(n.Deliveries, set.Deliveries)
	if len(set.Revisions) > 0 {
		n.Revisions = shortened(withLists(n.Revisions, set.Revisions))
	}
	n.Claims = withLists(n.Claims, set.Claims)
	if set.Cut {
		n.Events = nil
	}
	n.Cut = n.Cut || set.Cut
	events := slices.Concat(n.Events, set.Events)
	if surplus := len(events) - RecentEvents; surplus > 0 {
		n.Cut, events = true, slices.Clone(events[surplus:])
	}
	n.Events = events
	return &n
}

// shortened has fewer revisions of each project where there are more projects.
func shortened(revisions Map[[]Revision]) Map[[]Revision] {
	kept, put := RecentOfEach(revisions.Len()), map[string][]Revision{}
	for project, list := range revisions.All() {
		if len(list) > kept {
			put[project] = slices.Clone(list[:kept]) // and not the rest with it
		}
	}
	return revisions.With(put, nil)
}

func withLists[V any](m Map[[]V], changed map[string][]V) Map[[]V] {
	put, gone := map[string][]V{}, []string{}
	for key, list := range changed {
		if len(list) == 0 {
			gone = append(gone, key)
		} else {
			put[key] = list
		}
	}
	return m.With(put, gone)
}

// Select returns the events that a query selects, as the database would, and
// whether that may have older ones which it selects too.
func (r *Recent) Select(q EventQuery) (found []Event, cut bool) {
	limit := q.Limit
	if limit <= 0 {
		limit = DefaultEvents
	}
	for _, e := range r.Events {
		if q.selects(&e) {
			found = append(found, e)
		}
	}
	cut = r.Cut && (len(r.Events) == 0 || q.After < r.Events[0].ID && q.Since.Before(r.Events[0].Time))
	switch {
	case q.After > 0:
		return found[:min(len(found), limit)], cut
	case len(found) >= limit:
		return found[len(found)-limit:], false
	}
	return found, cut
}

func (q *EventQuery) selects(e *Event) bool {
	is := func(wanted, has string) bool { return wanted == "" || wanted == has }
	return e.ID > q.After && !e.Time.Before(q.Since) && (len(q.Kinds) == 0 || slices.Contains(q.Kinds, e.Kind)) &&
		is(q.Source, e.Source) && is(q.Project, e.Project) && is(q.Component, e.Component) && is(q.Node, e.Node)
}

// Newest returns the newest entries of a project's history, and whether there
// are older ones in the database.
func (r *Recent) Newest(project string, limit int) (revisions []Revision, cut bool) {
	all, _ := r.Revisions.Get(project)
	if len(all) > limit {
		return all[:limit], false
	}
	if len(all) == 0 {
		return nil, false
	}
	oldest := all[len(all)-1]
	return all, len(all) < limit && oldest.Number-int64(oldest.Repeated) > 1
}

// AllClaims returns every claim, sorted by kind and key.
func (r *Recent) AllClaims() []Claim {
	all := []Claim{}
	for _, claims := range r.Claims.All() {
		all = append(all, claims...)
	}
	slices.SortFunc(all, func(a, b Claim) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Key, b.Key)) })
	return all
}
