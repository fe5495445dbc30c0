package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"maelstrom/cluster"
)

// where leaves out the one lease that is each database's own.
func where(table string) string {
	if table == "mael_lease" {
		return ` where role <> ?`
	}
	return ""
}

func whereArgs(table string) []any {
	if table == "mael_lease" {
		return []any{cluster.RoleMigrate}
	}
	return nil
}

// eachRow calls fn for each row of a table, with columns in the order of their
// names: databases need not agree on another.
func (t *tx) eachRow(ctx context.Context, table string, fn func(columns []string, row []any) error) error {
	names, err := t.columns(ctx, table)
	if err != nil {
		return err
	}
	return t.each(ctx, func(rows *sql.Rows) error {
		row := make([]any, len(names))
		fields := make([]any, len(names))
		for i := range row {
			fields[i] = &row[i]
		}
		if err := rows.Scan(fields...); err != nil {
			return err
		}
		for i, value := range row {
			if text, ok := value.([]byte); ok {
				row[i] = string(text)
			}
		}
		return fn(names, row)
	}, `select `+strings.Join(names, ", ")+` from `+table+where(table), whereArgs(table)...)
}

func (t *tx) columns(ctx context.Context, table string) ([]string, error) {
	rows, err := t.QueryContext(ctx, `select * from `+table+` where 1 = 0`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	names, err := rows.Columns()
	slices.Sort(names)
	return names, errors.Join(err, rows.Err())
}

// copyBatch collects rows for statements of a bounded size.
type copyBatch struct {
	run   *copyRun
	table *CopiedTable

	columns []string
	rows    [][]any
	size    int
}

func (b *copyBatch) add(ctx context.Context, columns []string, row []any) error {
	b.columns, b.rows = columns, append(b.rows, row)
	for _, value := range row {
		if text, ok := value.(string); ok {
			b.size += len(text)
		}
	}
	if len(b.rows) < batch && b.size < copyBytes {
		return nil
	}
	return b.flush(ctx)
}

func (b *copyBatch) flush(ctx context.Context) error {
	if len(b.rows) == 0 {
		return nil
	}
	if err := b.run.to.insert(ctx, b.table.Table, b.columns, b.rows); err != nil {
		return err
	}
	b.table.Copied += int64(len(b.rows))
	b.rows, b.size = nil, 0
	if b.run.opt.Progress != nil {
		b.run.opt.Progress(*b.table)
	}
	return nil
}

// digestSum compares rows that come in any order.
type digestSum struct {
	rows int64
	sum  uint64
}

func (d *digestSum) add(row []any) {
	h := sha256.New()
	for _, value := range row {
		text := fmt.Sprint(value)
		fmt.Fprintf(h, "%d:%s", len(text), text)
	}
	d.rows++
	d.sum += binary.BigEndian.Uint64(h.Sum(nil))
}
