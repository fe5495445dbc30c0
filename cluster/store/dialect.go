package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/lib/pq"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
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

	clock    string // query for the time in microseconds; empty: our own clock
	classify func(error) errorClass
}

// errorClass says what an error of a database means to a transaction.
type errorClass int

const (
	classOther    errorClass = iota
	classUnique              // a unique key exists already
	classConflict            // lost against another transaction: run it again
	classNoTable             // the schema isn't there yet
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

// SQLite serves one daemon. One writer connection, so that writers queue in
// this process instead of meeting SQLITE_BUSY; BEGIN IMMEDIATE, so that a
// transaction never finds out at its first write that it read too early.
//
// synchronous=NORMAL: a killed process loses nothing, a power cut may lose the
// last commits but never tears the file. What a power cut can take back are
// facts about containers and leases, and it ended those containers as well.
// What people were told is stored is committed with FULL.
var sqliteDialect = &dialect{
	name:     "sqlite",
	open:     openSQLite,
	reads:    sql.TxOptions{ReadOnly: true},
	durable:  `pragma synchronous = full`,
	relaxed:  `pragma synchronous = normal`,
	classify: classifySQLite,
}

// PostgreSQL: the time-outs are backstops against a writer that froze with
// locks held. They are set per transaction, for a session may be another
// after each one behind a pooler.
var postgresDialect = &dialect{
	name:     "postgres",
	open:     openPostgres,
	numbered: true,
	writes:   sql.TxOptions{Isolation: sql.LevelReadCommitted},
	reads:    sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true},
	begin:    `set local lock_timeout = '5s'; set local idle_in_transaction_session_timeout = '5s'`,
	clock:    `select cast(extract(epoch from clock_timestamp()) * 1000000 as bigint)`,
	classify: classifyPostgres,
}

// MySQL: READ COMMITTED for writes, for the gap locks of its default would
// make unrelated inserts wait.
var mysqlDialect = &dialect{
	name:     "mysql",
	open:     openMySQL,
	writes:   sql.TxOptions{Isolation: sql.LevelReadCommitted},
	reads:    sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true},
	clock:    `select timestampdiff(microsecond, '1970-01-01 00:00:00', utc_timestamp(6))`,
	classify: classifyMySQL,
}

func openSQLite(ctx context.Context, dsn string) (writer, reader *sql.DB, err error) {
	path, _, _ := strings.Cut(strings.TrimPrefix(dsn, "file:"), "?")
	if path == "" || strings.HasPrefix(path, ":memory:") {
		return nil, nil, fmt.Errorf("database %q is not a file", dsn)
	}
	path, err = filepath.Abs(path)
	if err != nil {
		return nil, nil, err
	}
	// The file and, following it, the write-ahead log hold secrets.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, nil, err
	}
	if err := errors.Join(f.Chmod(0o600), f.Close()); err != nil {
		return nil, nil, err
	}
	file := (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath()}).String()
	writer, err = sql.Open("sqlite", file+"?_txlock=immediate&_pragma=busy_timeout(5000)"+
		"&_pragma=journal_mode(wal)&_pragma=synchronous(normal)")
	if err != nil {
		return nil, nil, err
	}
	writer.SetMaxOpenConns(1)
	// The first connection makes the file and its log, which readers can't.
	if err := writer.PingContext(ctx); err != nil {
		return nil, nil, errors.Join(err, writer.Close())
	}
	reader, err = sql.Open("sqlite", file+"?mode=ro&_pragma=busy_timeout(5000)&_pragma=query_only(1)")
	if err != nil {
		return nil, nil, errors.Join(err, writer.Close())
	}
	reader.SetMaxOpenConns(4)
	return writer, reader, nil
}

func openPostgres(_ context.Context, dsn string) (writer, reader *sql.DB, err error) {
	// Without a prepared statement there is nothing that a pooler could send
	// to another session.
	dsn, err = withParams(dsn, map[string]string{"binary_parameters": "yes", "connect_timeout": "5"})
	if err != nil {
		return nil, nil, err
	}
	connector, err := pq.NewConnector(dsn)
	if err != nil {
		return nil, nil, err
	}
	db := pool(sql.OpenDB(connector))
	return db, db, nil
}

// withParams adds parameters to a DSN of either form that libpq takes, unless
// they are set there.
func withParams(dsn string, params map[string]string) (string, error) {
	if strings.HasPrefix(dsn, "postgres://") || strings.HasPrefix(dsn, "postgresql://") {
		u, err := url.Parse(dsn)
		if err != nil {
			return "", errors.New("parse DSN: not a URL") // the text would show its password
		}
		q := u.Query()
		for k, v := range params {
			if !q.Has(k) {
				q.Set(k, v)
			}
		}
		u.RawQuery = q.Encode()
		return u.String(), nil
	}
	for k, v := range params {
		if !strings.Contains(dsn, k+"=") {
			dsn += " " + k + "=" + v
		}
	}
	return dsn, nil
}

func openMySQL(_ context.Context, dsn string) (writer, reader *sql.DB, err error) {
	cfg, err := mysql.ParseDSN(dsn)
	if err != nil {
		return nil, nil, err
	}
	cfg.ClientFoundRows = true   // an update that changes nothing has still met its row
	cfg.InterpolateParams = true // no prepared statements, as above
	cfg.RejectReadOnly = true    // a failover leaves us on what is now a replica
	if cfg.Timeout == 0 {
		cfg.Timeout = 5 * time.Second
	}
	if cfg.Params == nil {
		cfg.Params = map[string]string{}
	}
	if cfg.Params["innodb_lock_wait_timeout"] == "" {
		cfg.Params["innodb_lock_wait_timeout"] = "5"
	}
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, nil, err
	}
	db := pool(sql.OpenDB(connector))
	return db, db, nil
}

// pool bounds the connections to a server; old ones are replaced, so that a
// change of address behind a name is followed.
func pool(db *sql.DB) *sql.DB {
	db.SetMaxOpenConns(16)
	db.SetMaxIdleConns(4)
	db.SetConnMaxLifetime(10 * time.Minute)
	return db
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
	if d.clock == "" {
		return time.Now().UTC().Truncate(time.Microsecond), nil
	}
	var n int64
	if err := q.QueryRowContext(ctx, d.clock).Scan(&n); err != nil {
		return time.Time{}, fmt.Errorf("read database time: %w", err)
	}
	return moment(n), nil
}

func classifySQLite(err error) errorClass {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return classOther
	}
	switch e.Code() {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
		return classUnique
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_ERROR:
		if strings.Contains(e.Error(), "no such table") {
			return classNoTable
		}
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return classConflict
	}
	return classOther
}

func classifyPostgres(err error) errorClass {
	var e *pq.Error
	if !errors.As(err, &e) {
		return classifyConnection(err)
	}
	switch code := string(e.Code); code {
	case "23505", "42710", "42P07": // a row, or a table that another program has just made
		return classUnique
	case "42P01":
		return classNoTable
	case "40001", "40P01", "55P03": // serialisation failure, deadlock, lock time-out
		return classConflict
	case "25P03", "57P01", "57P02", "57P03", "25006": // idle too long, shutting down, starting, read-only after a failover
		return classLost
	default:
		if strings.HasPrefix(code, "08") {
			return classLost
		}
	}
	return classOther
}

func classifyMySQL(err error) errorClass {
	var e *mysql.MySQLError
	if !errors.As(err, &e) {
		return classifyConnection(err)
	}
	switch e.Number {
	case 1062:
		return classUnique
	case 1146:
		return classNoTable
	case 1205, 1213, 1020: // lock wait time-out, deadlock, row changed since read
		return classConflict
	case 1053, 1077, 1290, 1792, 1836, 1927, 2006, 2013: // shutting down, read-only after a failover, killed, gone
		return classLost
	}
	return classOther
}

func classifyConnection(err error) errorClass {
	var network net.Error
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return classOther
	case errors.Is(err, driver.ErrBadConn), errors.Is(err, mysql.ErrInvalidConn), errors.Is(err, sql.ErrConnDone),
		errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed),
		errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, syscall.ECONNREFUSED),
		errors.As(err, &network):
		return classLost
	}
	return classOther
}
