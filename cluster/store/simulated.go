package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"log/slog"
	"net/url"
	"path/filepath"
	"time"

	"modernc.org/sqlite"
)

// Simulated says how an SQLite file stands for a database server: the daemons
// of a simulation share it, over connections that fail as those to a server do.
type Simulated struct {
	Path   string
	Logger *slog.Logger // nil: silent

	// Clock is the server's, and no node's.
	Clock func() time.Time

	// Connect is asked for each connection. Open opens the file; only one
	// connection may write at a time, which is for Connect to see to.
	Connect func(ctx context.Context, open func() (driver.Conn, error)) (driver.Conn, error)
}

// OpenSimulated opens a simulated server, for one daemon of those that share it.
func OpenSimulated(opt Simulated) (*Store, error) {
	path, err := filepath.Abs(opt.Path)
	if err != nil {
		return nil, err
	}
	file := (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath()}).String()
	db := sql.OpenDB(simulatedConnector{opt, file + "?_txlock=immediate&_pragma=journal_mode(wal)&_pragma=synchronous(off)"})
	db.SetMaxOpenConns(16)
	db.SetMaxIdleConns(maxIdle)
	s := &Store{
		dialect: &dialect{name: sqliteDialect.name, reads: sqliteDialect.reads, ownClock: opt.Clock, classify: classifySimulated},
		writer:  db, reader: db, log: opt.Logger, logKept: logKept, eventsKept: eventsKept,
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	return s, nil
}

type simulatedConnector struct {
	opt Simulated
	dsn string
}

// Connect implements driver.Connector.
func (c simulatedConnector) Connect(ctx context.Context) (driver.Conn, error) {
	return c.opt.Connect(ctx, func() (driver.Conn, error) { return c.Driver().Open(c.dsn) })
}

// Driver implements driver.Connector.
func (c simulatedConnector) Driver() driver.Driver { return new(sqlite.Driver) }

// classifySimulated knows the errors of the file, and those of connections.
func classifySimulated(err error) errorClass {
	if errors.As(err, new(*sqlite.Error)) {
		return classifySQLite(err)
	}
	return classifyConnection(err)
}
