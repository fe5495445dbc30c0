package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"maelstrom/cluster"
)

// Claims returns every claim, sorted by kind and key.
func (s *Store) Claims(ctx context.Context) (found []cluster.Claim, err error) {
	err = s.read(ctx, func(t *tx) error {
		found = []cluster.Claim{}
		return t.each(ctx, func(rows *sql.Rows) error {
			c, err := scanClaim(rows)
			found = append(found, c)
			return err
		}, `select kind, claim_key, owner, object, claimed_at from mael_claim order by kind, claim_key`)
	})
	if err != nil {
		return nil, fmt.Errorf("read claims: %w", err)
	}
	return found, nil
}

func scanClaim(rows *sql.Rows) (c cluster.Claim, err error) {
	var since int64
	err = rows.Scan(&c.Kind, &c.Key, &c.Owner, &c.Object, &since)
	c.Project, c.Since = c.Owner, moment(since)
	return c, err
}

// RestoreClaims gives claims their times back, and tells what became of each.
// A claim that its owner has gets the older time. One that nobody has is held
// for its owner until that is stored, whose first apply takes it up. One that
// somebody else has, or that its stored owner does not want, is left alone.
func (s *Store) RestoreClaims(ctx context.Context, given []cluster.Claim) (done cluster.ClaimsRestored, err error) {
	for _, c := range given {
		if err := checkKeys(string(c.Kind), c.Owner, c.Object); err != nil {
			return done, fmt.Errorf("restore claims: %w", err)
		}
	}
	_, err = s.write(ctx, writeOptions{durable: true, rereads: true}, func(t *tx) error {
		done = cluster.ClaimsRestored{Held: []cluster.Claim{}, Dropped: []cluster.Claim{}}
		return t.restoreClaims(ctx, given, &done)
	})
	if err != nil {
		return cluster.ClaimsRestored{}, fmt.Errorf("restore claims: %w", err)
	}
	return done, nil
}

func (t *tx) restoreClaims(ctx context.Context, given []cluster.Claim, done *cluster.ClaimsRestored) error {
	wanted := claims{}
	for _, c := range given {
		d := digest(string(c.Kind), c.Key)
		if first, twice := wanted[d]; !twice || c.Since.Before(first.Since) {
			wanted[d] = c
		}
	}
	there, err := t.claimsAt(ctx, wanted.sorted())
	if err != nil {
		return err
	}
	stored, err := t.projects(ctx, ``)
	if err != nil {
		return err
	}
	var rows [][]any
	for _, d := range wanted.sorted() {
		c := wanted[d]
		has, taken := there[d]
		switch {
		case taken && has.Owner != c.Owner:
			done.Held = append(done.Held, has)
		case taken:
			moved, err := t.ageClaim(ctx, d, c.Since)
			if err != nil {
				return err
			}
			done.Restored += moved
			if moved > 0 {
				t.changed(cluster.ChangeProject, c.Owner)
			}
		case stored[c.Owner] != nil:
			done.Dropped = append(done.Dropped, c)
		default:
			rows = append(rows, claimRow(d, c, c.Since))
			done.Reserved++
			t.changed(cluster.ChangeProject, c.Owner)
		}
	}
	return t.insert(ctx, "mael_claim", claimColumns, rows)
}

// ageClaim makes a claim as old as since, and never younger.
func (t *tx) ageClaim(ctx context.Context, digest string, since time.Time) (int, error) {
	n, err := t.put(ctx, "mael_claim", `update mael_claim set claimed_at = ? where digest = ? and claimed_at > ?`,
		micros(since), digest, micros(since))
	return int(n), err
}

// claimsAt returns those of the claims that somebody has, by digest.
func (t *tx) claimsAt(ctx context.Context, digests []string) (claims, error) {
	there := claims{}
	return there, chunks(digests, func(in string, args []any) error {
		return t.each(ctx, func(rows *sql.Rows) error {
			c, err := scanClaim(rows)
			there[digest(string(c.Kind), c.Key)] = c
			return err
		}, `select kind, claim_key, owner, object, claimed_at from mael_claim where digest in `+in, args...)
	})
}

// dropReserved gives up what is held for a project and it does not want. A
// project that is stored for the first time has claims of its own only.
func (t *tx) dropReserved(ctx context.Context, owner string, wanted claims) error {
	var surplus []string
	err := t.each(ctx, func(rows *sql.Rows) error {
		var d string
		err := rows.Scan(&d)
		if _, ok := wanted[d]; !ok {
			surplus = append(surplus, d)
		}
		return err
	}, `select digest from mael_claim where owner = ?`, owner)
	if err != nil {
		return err
	}
	return chunks(surplus, func(in string, args []any) error {
		_, err := t.put(ctx, "mael_claim", `delete from mael_claim where digest in `+in, args...)
		return err
	})
}
