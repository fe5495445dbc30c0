package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// ErrNotEmpty says that a database to copy to holds something already.
var ErrNotEmpty = errors.New("the database is not empty")

// CheckTarget tells whether CopyTo would accept the database for the tables of
// a cluster, and writes nothing; ErrNotEmpty if not. It need not be migrated.
func (s *Store) CheckTarget(ctx context.Context, clusterID string, tables []CopiedTable) error {
	version, _, err := s.schemaVersion(ctx)
	if err != nil || version == 0 {
		return err
	}
	mark, err := s.Move(ctx)
	if err != nil {
		return err
	}
	// No transaction: a missing table would end it.
	there, err := readClusterID(ctx, s.reader)
	if err != nil && s.dialect.classify(err) != classNoTable {
		return fmt.Errorf("look at target: %w", err)
	}
	if resumed, err := judgeTarget(mark, there, clusterID); resumed || err != nil {
		return err
	}
	for _, table := range tables {
		err := checkEmpty(ctx, s.dialect, s.reader, table.Table)
		if err != nil && s.dialect.classify(err) != classNoTable {
			return fmt.Errorf("look at target: %w", err)
		}
	}
	return nil
}

// checkTarget refuses a database that holds anything but an unfinished copy of
// the same cluster.
func (t *tx) checkTarget(ctx context.Context, clusterID string, tables []CopiedTable) error {
	there, err := readClusterID(ctx, t)
	if err != nil {
		return err
	}
	mark, err := t.move(ctx)
	if err != nil {
		return err
	}
	if resumed, err := judgeTarget(mark, there, clusterID); resumed || err != nil {
		return err
	}
	for _, table := range tables {
		if err := checkEmpty(ctx, t.dialect, t, table.Table); err != nil {
			return err
		}
	}
	return nil
}

// judgeTarget tells whether a database is an earlier copy that may be written
// over, or whether another cluster lives there.
func judgeTarget(mark *Move, there, clusterID string) (resumed bool, err error) {
	switch {
	case there == "":
		return false, nil
	case there != clusterID:
		return false, fmt.Errorf("%w: cluster %s lives there", ErrNotEmpty, there)
	case mark == nil || mark.State != MoveArriving:
		return false, fmt.Errorf("%w: this very cluster lives there", ErrNotEmpty)
	}
	return true, nil
}

func checkEmpty(ctx context.Context, d *dialect, q querier, table string) error {
	// Every database has a counter, and the lease of its migrations.
	if table == "mael_change_counter" || table == "mael_lease" {
		return nil
	}
	n, err := countRows(ctx, d, q, table)
	if err == nil && n > 0 {
		err = fmt.Errorf("%w: %s has %d rows", ErrNotEmpty, table, n)
	}
	return err
}

// readClusterID returns an empty id where no cluster lives yet.
func readClusterID(ctx context.Context, q querier) (id string, err error) {
	err = q.QueryRowContext(ctx, `select cluster_id from mael_cluster where id = 1`).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return id, err
}

func countRows(ctx context.Context, d *dialect, q querier, table string) (n int64, err error) {
	err = q.QueryRowContext(ctx, d.rebind(`select count(*) from `+table+where(table)), whereArgs(table)...).Scan(&n)
	return n, err
}
