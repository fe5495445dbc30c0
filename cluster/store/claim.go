package store

import (
	"cmp"
	"context"
	"database/sql"
	"maps"
	"slices"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

// claims are rows of the claim table by digest.
type claims map[string]cluster.Claim

func (c claims) add(kind cluster.ClaimKind, key, owner, object string) {
	c[digest(string(kind), key)] = cluster.Claim{Kind: kind, Key: key, Owner: owner, Object: object}
}

func (c claims) component(name, owner string) { c.add(cluster.ClaimComponent, name, owner, name) }

// eventSource adds what an event source claims: its name, and its route
// whether it is enabled or not.
func (c claims) eventSource(e *project.EventSource, owner string) {
	c.add(cluster.ClaimEventSource, e.Name, owner, e.Name)
	if e.HTTP != nil {
		c.add(cluster.ClaimRoute, project.NormalHost(e.HTTP.Hostname)+" "+e.HTTP.PathPrefix, owner, e.Name)
	}
}

func (c claims) sorted() []string { return slices.Sorted(maps.Keys(c)) }

// foreignClaims returns what desired wants and another project owns.
func (t *tx) foreignClaims(ctx context.Context, desired *project.Project) ([]cluster.Claim, error) {
	wanted := claims{}
	for i := range desired.Components {
		wanted.component(desired.Components[i].Name, desired.Name)
	}
	for i := range desired.EventSources {
		wanted.eventSource(&desired.EventSources[i], desired.Name)
	}
	var out []cluster.Claim
	err := chunks(wanted.sorted(), func(in string, args []any) error {
		return t.each(ctx, func(rows *sql.Rows) error {
			c := cluster.Claim{Project: desired.Name}
			var since int64
			err := rows.Scan(&c.Kind, &c.Key, &c.Owner, &c.Object, &since)
			c.Since = moment(since)
			out = append(out, c)
			return err
		}, `select kind, claim_key, owner, object, claimed_at from mael_claim where owner <> ? and digest in `+in,
			append([]any{desired.Name}, args...)...)
	})
	slices.SortFunc(out, func(a, b cluster.Claim) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Key, b.Key))
	})
	return out, err
}

// moveClaims gives up old and takes wanted. What is in both keeps the time of
// its claim, for the first to claim keeps a route.
func (t *tx) moveClaims(ctx context.Context, old, wanted claims) error {
	var release []string
	for _, d := range old.sorted() {
		if _, kept := wanted[d]; !kept {
			release = append(release, d)
		}
	}
	err := chunks(release, func(in string, args []any) error {
		_, err := t.put(ctx, "mael_claim", `delete from mael_claim where digest in `+in, args...)
		return err
	})
	if err != nil {
		return err
	}
	had, err := t.heldFor(ctx, old, wanted)
	if err != nil {
		return err
	}
	now, err := t.now(ctx)
	if err != nil {
		return err
	}
	var rows [][]any
	for _, d := range wanted.sorted() {
		c := wanted[d]
		if object, kept := had[d]; !kept {
			rows = append(rows, claimRow(d, c, now))
		} else if object != c.Object {
			_, err := t.put(ctx, "mael_claim", `update mael_claim set object = ? where digest = ?`, c.Object, d)
			if err != nil {
				return err
			}
		}
	}
	return t.insert(ctx, "mael_claim", claimColumns, rows)
}

var claimColumns = []string{"digest", "kind", "claim_key", "owner", "object", "claimed_at"}

func claimRow(digest string, c cluster.Claim, since time.Time) []any {
	return []any{digest, string(c.Kind), text(c.Key), c.Owner, c.Object, micros(since)}
}

// heldFor returns the objects of those wanted claims that their owner has
// already: by the objects it had, or because they were given back to it.
func (t *tx) heldFor(ctx context.Context, old, wanted claims) (map[string]string, error) {
	held := map[string]string{}
	var fresh []string
	for _, d := range wanted.sorted() {
		if c, had := old[d]; had {
			held[d] = c.Object
		} else {
			fresh = append(fresh, d)
		}
	}
	return held, chunks(fresh, func(in string, args []any) error {
		return t.each(ctx, func(rows *sql.Rows) error {
			var d, owner, object string
			err := rows.Scan(&d, &owner, &object)
			if owner == wanted[d].Owner {
				held[d] = object
			}
			return err
		}, `select digest, owner, object from mael_claim where digest in `+in, args...)
	})
}
