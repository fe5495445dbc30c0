package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"maelstrom/cluster"
)

// The statements of a lease are each a transaction of one statement. One whose
// connection is lost is not run again: the next observation tells how it ended.

// Leases returns every lease that was ever taken.
func (s *Store) Leases(ctx context.Context) ([]cluster.Lease, error) {
	var leases []cluster.Lease
	rows, err := s.reader.QueryContext(ctx, `select role, holder, fence, beat from mael_lease order by role`)
	if err != nil {
		s.noteLost(ctx, err)
		return nil, fmt.Errorf("read leases: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var l cluster.Lease
		if err := rows.Scan(&l.Role, &l.Holder, &l.Fence, &l.Beat); err != nil {
			return nil, fmt.Errorf("read leases: %w", err)
		}
		leases = append(leases, l)
	}
	if err := rows.Err(); err != nil {
		s.noteLost(ctx, err)
		return nil, fmt.Errorf("read leases: %w", err)
	}
	return leases, nil
}

// RenewLeases shows that the holder of roles is alive, with one statement for
// all of them. It returns those that it still holds.
func (s *Store) RenewLeases(ctx context.Context, holder string, held []cluster.Hold) (stillHeld []cluster.Hold, err error) {
	if len(held) == 0 {
		return nil, nil
	}
	args := []any{holder}
	for _, h := range held {
		args = append(args, h.Role, h.Fence)
	}
	n, err := s.leaseStatement(ctx, `update mael_lease set beat = beat + 1 where holder = ? and (`+
		strings.TrimSuffix(strings.Repeat(`role = ? and fence = ? or `, len(held)), ` or `)+`)`, args...)
	if err != nil {
		return nil, fmt.Errorf("renew leases: %w", err)
	}
	if n == int64(len(held)) {
		return held, nil
	}
	leases, err := s.Leases(ctx)
	if err != nil {
		return nil, fmt.Errorf("renew leases: %w", err)
	}
	for _, h := range held {
		for _, l := range leases {
			if l.Role == h.Role && l.Holder == holder && l.Fence == h.Fence {
				stillHeld = append(stillHeld, h)
			}
		}
	}
	return stillHeld, nil
}

// TakeLease takes a role if its lease is still as it was observed; a role
// without a row is observed as one without holder, fence and beat. False means
// that somebody was quicker.
func (s *Store) TakeLease(ctx context.Context, observed cluster.Lease, holder string) (cluster.Lease, bool, error) {
	if err := checkKeys(observed.Role, holder); err != nil {
		return observed, false, fmt.Errorf("take lease: %w", err)
	}
	taken := cluster.Lease{Role: observed.Role, Holder: holder, Fence: observed.Fence + 1, Beat: observed.Beat + 1}
	var n int64
	var err error
	if observed.Fence == 0 {
		n, err = s.leaseStatement(ctx, `insert into mael_lease (role, holder, fence, beat) values (?, ?, ?, ?)`,
			taken.Role, taken.Holder, taken.Fence, taken.Beat)
		if s.dialect.classify(err) == classUnique {
			n, err = 0, nil
		}
	} else {
		n, err = s.leaseStatement(ctx,
			`update mael_lease set holder = ?, fence = fence + 1, beat = beat + 1 where role = ? and holder = ? and fence = ? and beat = ?`,
			holder, observed.Role, observed.Holder, observed.Fence, observed.Beat)
	}
	if err != nil {
		return observed, false, fmt.Errorf("take lease %s: %w", observed.Role, err)
	}
	if n > 0 {
		return taken, true, nil
	}
	current, err := s.lease(ctx, observed.Role)
	return current, false, err
}

// GiveLease gives a role up, so that another node can take it at once. A role
// that is not held any more is no error.
func (s *Store) GiveLease(ctx context.Context, hold cluster.Hold) error {
	_, err := s.leaseStatement(ctx, `update mael_lease set holder = '' where role = ? and holder = ? and fence = ?`,
		hold.Role, hold.Holder, hold.Fence)
	if err != nil {
		return fmt.Errorf("give lease %s: %w", hold.Role, err)
	}
	return nil
}

func (s *Store) lease(ctx context.Context, role string) (cluster.Lease, error) {
	l := cluster.Lease{Role: role}
	err := s.reader.QueryRowContext(ctx, s.dialect.rebind(`select holder, fence, beat from mael_lease where role = ?`), role).
		Scan(&l.Holder, &l.Fence, &l.Beat)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		s.noteLost(ctx, err)
		return l, fmt.Errorf("read lease %s: %w", role, err)
	}
	return l, nil
}

func (s *Store) leaseStatement(ctx context.Context, query string, args ...any) (int64, error) {
	n, err := s.onOneConnection(ctx, query, args...)
	if err != nil {
		s.noteLost(ctx, err)
		return 0, err
	}
	s.counts.commit(map[string]int64{"mael_lease": n})
	return n, nil
}

func (s *Store) onOneConnection(ctx context.Context, query string, args ...any) (int64, error) {
	// On a connection of its own, for a pool runs a statement again by itself
	// when its driver calls the connection bad, and lib/pq does so even when
	// the server may have had the statement.
	conn, err := s.writer.Conn(ctx)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	result, err := conn.ExecContext(ctx, s.dialect.rebind(query), args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}
