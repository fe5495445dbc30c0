package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// errCopyDiffers says that a database did not keep what was written to it.
var errCopyDiffers = errors.New("the copy differs from what was copied")

// copyBytes is about how much text goes into one statement: far below what
// any server takes.
const copyBytes = 256 << 10

// ownTables are those that each database has for itself.
var ownTables = []string{"mael_schema", "mael_migration", "mael_move"}

// CopiedTable tells how far the copy of a table is.
type CopiedTable struct {
	Table  string
	Rows   int64
	Copied int64
}

// CopyOptions say how to copy.
type CopyOptions struct {
	Move Move // the mark that the copy carries, or carried

	// Complete copies over an earlier copy of the same move and takes its
	// mark away. Otherwise the target is empty, or an unfinished copy of this
	// same cluster.
	Complete bool

	Progress func(CopiedTable) // may be nil; called often
}

// Tables counts the rows of every table that CopyTo copies, sorted by name.
func (s *Store) Tables(ctx context.Context) (tables []CopiedTable, err error) {
	err = s.read(ctx, func(t *tx) error {
		tables, err = t.tables(ctx)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("count rows: %w", err)
	}
	return tables, nil
}

// CopyTo copies one moment of an SQLite database to a migrated one, in one
// transaction there: it has everything, compared row by row, or nothing of it.
func (s *Store) CopyTo(ctx context.Context, target *Store, opt CopyOptions) (copied []CopiedTable, err error) {
	if s.dialect != sqliteDialect {
		return nil, fmt.Errorf("copy store: %s is copied with its own tools", s.dialect.name)
	}
	err = s.read(ctx, func(from *tx) error {
		tables, err := from.tables(ctx)
		if err != nil {
			return err
		}
		id, err := readClusterID(ctx, from)
		if err != nil {
			return err
		}
		_, err = target.write(ctx, writeOptions{durable: true, rereads: true}, func(to *tx) error {
			copied = slices.Clone(tables)
			return copyAll(ctx, &copyRun{from: from, to: to, opt: opt, cluster: id}, copied)
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("copy store: %w", err)
	}
	return copied, nil
}

// copyRun is one attempt of a copy.
type copyRun struct {
	from, to *tx
	opt      CopyOptions
	cluster  string
}

func copyAll(ctx context.Context, c *copyRun, tables []CopiedTable) error {
	if done, err := c.accept(ctx, tables); done || err != nil {
		return err
	}
	for i := range tables {
		if err := c.table(ctx, &tables[i]); err != nil {
			return fmt.Errorf("%s: %w", tables[i].Table, err)
		}
	}
	if c.opt.Complete {
		return c.to.unmark(ctx)
	}
	mark := c.opt.Move
	mark.State = MoveArriving
	return c.to.mark(ctx, mark)
}

// accept checks the target. Done: an attempt whose commit was in doubt has
// completed the move.
func (c *copyRun) accept(ctx context.Context, tables []CopiedTable) (done bool, err error) {
	if !c.opt.Complete {
		return false, c.to.checkTarget(ctx, c.cluster, tables)
	}
	mark, err := c.to.move(ctx)
	switch {
	case err != nil:
		return false, err
	case mark == nil:
		return true, nil
	case mark.ID != c.opt.Move.ID:
		return false, fmt.Errorf("%w: it is a copy of another move", ErrNotEmpty)
	}
	return false, nil
}

// tables lists what to copy from an SQLite database.
func (t *tx) tables(ctx context.Context) ([]CopiedTable, error) {
	var tables []CopiedTable
	err := t.each(ctx, func(rows *sql.Rows) error {
		var name string
		err := rows.Scan(&name)
		if strings.HasPrefix(name, "mael_") && !slices.Contains(ownTables, name) {
			tables = append(tables, CopiedTable{Table: name})
		}
		return err
	}, `select name from sqlite_master where type = 'table' order by name`)
	for i := range tables {
		if err != nil {
			break
		}
		tables[i].Rows, err = countRows(ctx, t.dialect, t, tables[i].Table)
	}
	return tables, err
}

// table replaces the rows of a table and compares what is there then.
func (c *copyRun) table(ctx context.Context, table *CopiedTable) error {
	if _, err := c.to.put(ctx, table.Table, `delete from `+table.Table+where(table.Table), whereArgs(table.Table)...); err != nil {
		return err
	}
	var sent digestSum
	out := copyBatch{run: c, table: table}
	err := c.from.eachRow(ctx, table.Table, func(columns []string, row []any) error {
		give(table.Table, columns, row)
		sent.add(row)
		return out.add(ctx, columns, row)
	})
	if err == nil {
		err = out.flush(ctx)
	}
	if err != nil {
		return err
	}
	var kept digestSum
	err = c.to.eachRow(ctx, table.Table, func(_ []string, row []any) error {
		kept.add(row)
		return nil
	})
	if err == nil && kept != sent {
		err = fmt.Errorf("%w: %d rows of %d, or other content", errCopyDiffers, kept.rows, sent.rows)
	}
	return err
}

// give gives up a copied lease: its holder holds it in the other database.
// The fence stays, for it never goes back.
func give(table string, columns []string, row []any) {
	if table == "mael_lease" {
		row[slices.Index(columns, "holder")] = ""
	}
}
