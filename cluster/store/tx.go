package store

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"maelstrom/cluster"
)

// tx is one transaction.
type tx struct {
	*sql.Tx
	dialect *dialect
	id      string // names this run in the change log
	changes map[change]bool
	events  []cluster.Event
	number  int64 // of this change, once it is logged
	clock   time.Time
	rows    map[string]int64 // written, by table
}

// change is what a transaction declares to have changed; the map's value
// tells whether it is gone.
type change struct {
	kind   cluster.ChangeKind
	object string
}

// put runs a statement that writes rows of a table and returns how many.
func (t *tx) put(ctx context.Context, table, query string, args ...any) (int64, error) {
	n, err := t.exec(ctx, query, args...)
	if n > 0 {
		t.rows[table] += n
	}
	return n, err
}

func (t *tx) exec(ctx context.Context, query string, args ...any) (int64, error) {
	result, err := t.ExecContext(ctx, t.dialect.rebind(query), args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

func (t *tx) row(ctx context.Context, query string, args ...any) *sql.Row {
	return t.QueryRowContext(ctx, t.dialect.rebind(query), args...)
}

// each calls scan for every row of a query.
func (t *tx) each(ctx context.Context, scan func(*sql.Rows) error, query string, args ...any) error {
	rows, err := t.QueryContext(ctx, t.dialect.rebind(query), args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// insert adds rows, many in one statement.
func (t *tx) insert(ctx context.Context, table string, columns []string, rows [][]any) error {
	for group := range batches(rows) {
		values := strings.TrimSuffix(strings.Repeat(marks(len(columns))+", ", len(group)), ", ")
		query := "insert into " + table + " (" + strings.Join(columns, ", ") + ") values " + values
		if _, err := t.put(ctx, table, query, slices.Concat(group...)...); err != nil {
			return err
		}
	}
	return nil
}

// now returns the database's time, the same throughout the transaction.
func (t *tx) now(ctx context.Context) (time.Time, error) {
	if t.clock.IsZero() {
		now, err := t.dialect.now(ctx, t)
		if err != nil {
			return now, err
		}
		t.clock = now
	}
	return t.clock, nil
}

// changed declares that an object changed, for the change log.
func (t *tx) changed(kind cluster.ChangeKind, object string) { t.changes[change{kind, object}] = false }

// gone declares that an object was deleted, for the change log.
func (t *tx) gone(kind cluster.ChangeKind, object string) { t.changes[change{kind, object}] = true }

// logChanges numbers the transaction. The counter's row lock is held until
// the commit, which makes the order of numbers the order of commits: a reader
// that has seen a number has seen all below it.
func (t *tx) logChanges(ctx context.Context) error {
	if len(t.events) > 0 {
		if _, err := t.now(ctx); err != nil { // before the lock that everybody waits for
			return err
		}
		if len(t.changes) == 0 {
			t.changed(cluster.ChangeEvent, "")
		}
	}
	if len(t.changes) == 0 {
		return nil
	}
	if _, err := t.put(ctx, "mael_change_counter", `update mael_change_counter set n = n + 1 where id = 1`); err != nil {
		return fmt.Errorf("number change: %w", err)
	}
	if err := t.row(ctx, `select n from mael_change_counter where id = 1`).Scan(&t.number); err != nil {
		return fmt.Errorf("number change: %w", err)
	}
	keys := slices.SortedFunc(maps.Keys(t.changes), func(a, b change) int {
		return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.object, b.object))
	})
	rows := make([][]any, len(keys))
	for i, c := range keys {
		rows[i] = []any{t.number, string(c.kind), c.object, flag(t.changes[c]), t.id}
	}
	if err := t.insert(ctx, "mael_change", []string{"n", "kind", "object", "deleted", "writer"}, rows); err != nil {
		return fmt.Errorf("log change: %w", err)
	}
	return t.addEvents(ctx)
}

// checkFence is the last statement before a commit, so that the lease's row
// lock lives for one round trip: a writer that freezes can't keep another node
// from taking the role.
func (t *tx) checkFence(ctx context.Context, hold *cluster.Hold) error {
	if hold == nil {
		return nil
	}
	n, err := t.put(ctx, "mael_lease", `update mael_lease set beat = beat + 1 where role = ? and holder = ? and fence = ?`,
		hold.Role, hold.Holder, hold.Fence)
	if err != nil {
		return fmt.Errorf("check fence: %w", err)
	}
	if n == 0 {
		return fmt.Errorf("check fence of %s: %w", hold.Role, cluster.ErrFenced)
	}
	return nil
}
