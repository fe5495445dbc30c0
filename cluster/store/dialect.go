package store

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// dialect is all that differs between databases.
type dialect struct {
	name string

	// open returns a pool for writes and one for reads; they may be the same.
	open func(ctx context.Context, dsn string) (writer, reader *sql.DB, err error)

	numbered bool // placeholders are $1, $2 instead of ?

	writes sql.TxOptions
	reads  sql.TxOptions // of a transaction that sees one moment

	// begin is run first in each write transaction.
	begin string

	// durable and relaxed are run around a transaction that has to survive a
	// power cut once it is acknowledged.
	durable, relaxed string

	clock    string           // query for the time in microseconds; empty: ownClock
	ownClock func() time.Time // nil: time.Now
	classify func(error) errorClass
}

// errorClass says what an error of a database means to a transaction.
type errorClass int

const (
	classOther    errorClass = iota
	classUnique              // a unique key exists already
	classConflict            // lost against another transaction: run it again
	classNoTable             // the schema isn't there yet
	classThere               // what a migration adds to a table is there already
	classBusy                // another program has the file locked for as long as a transaction waits for it
	classLost                // the connection is gone, and the transaction in doubt if it was committing
)

func dialectFor(name string) (*dialect, error) {
	switch name {
	case "sqlite", "sqlite3":
		return sqliteDialect, nil
	case "postgres":
		return postgresDialect, nil
	case "mysql":
		return mysqlDialect, nil
	}
	return nil, fmt.Errorf("open store: unknown driver %q, want sqlite, postgres or mysql", name)
}

// rebind turns ? into the dialect's placeholders. No statement of ours has a
// question mark elsewhere.
func (d *dialect) rebind(query string) string {
	if !d.numbered {
		return query
	}
	var b strings.Builder
	n := 0
	for {
		before, after, found := strings.Cut(query, "?")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		n++
		b.WriteString("$" + strconv.Itoa(n))
		query = after
	}
}

func (d *dialect) now(ctx context.Context, q querier) (time.Time, error) {
	if d.clock == "" && d.ownClock != nil {
		return d.ownClock().UTC().Truncate(time.Microsecond), nil
	}
	if d.clock == "" {
		return time.Now().UTC().Truncate(time.Microsecond), nil
	}
	var n int64
	if err := q.QueryRowContext(ctx, d.clock).Scan(&n); err != nil {
		return time.Time{}, fmt.Errorf("read database time: %w", err)
	}
	return moment(n), nil
}
