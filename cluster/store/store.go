// Package store keeps what nodes agree on in a database. It is the only
// package that contains SQL. Every method is one transaction; all that
// differs between SQLite, PostgreSQL and MySQL is in dialect.go and the three
// files named after them.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// Options say which database to open.
type Options struct {
	// Driver is sqlite (or sqlite3), postgres or mysql.
	Driver string

	// DSN is a path for SQLite, else what the driver takes. Parameters that
	// the store needs are added to it.
	DSN string

	Logger *slog.Logger // nil: silent
}

// Store is an open database. All methods are safe for concurrent use.
type Store struct {
	dialect *dialect
	writer  *sql.DB
	reader  *sql.DB
	log     *slog.Logger
	counts  counts

	logKept    int // rows of the change log
	eventsKept int
}

// Open prepares the database for use. A server need not answer yet, see Ping;
// an SQLite file is created where there is none.
func Open(ctx context.Context, opt Options) (*Store, error) {
	d, err := dialectFor(opt.Driver)
	if err != nil {
		return nil, err
	}
	s := &Store{dialect: d, log: opt.Logger, logKept: logKept, eventsKept: eventsKept}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.writer, s.reader, err = d.open(ctx, opt.DSN)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	return s, nil
}

// Close ends all connections.
func (s *Store) Close() error {
	if s.reader == s.writer {
		return s.writer.Close()
	}
	// The writer goes last: the last connection to an SQLite file is the one
	// that empties the write-ahead log, and only it may write.
	return errors.Join(s.reader.Close(), s.writer.Close())
}

// Dialect names the database: sqlite, postgres or mysql.
func (s *Store) Dialect() string { return s.dialect.name }

// Ping tells whether the database answers.
func (s *Store) Ping(ctx context.Context) error {
	var one int
	if err := s.reader.QueryRowContext(ctx, `select 1`).Scan(&one); err != nil {
		s.noteLost(ctx, err)
		return fmt.Errorf("ping store: %w", err)
	}
	return nil
}

// Now returns the database's time.
func (s *Store) Now(ctx context.Context) (time.Time, error) {
	return s.dialect.now(ctx, s.reader)
}

// querier is what a transaction and a pool have in common.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}
