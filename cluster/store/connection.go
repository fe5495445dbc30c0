package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/go-sql-driver/mysql"
)

// How long a server is waited for. A writer that froze within a transaction
// keeps its locks for idleTimeout at most, and who waits for a lock gives up
// after lockTimeout, so that an answer comes within patience from any server
// that is alive.
const (
	connectTimeout = 5 * time.Second
	lockTimeout    = 5 * time.Second
	idleTimeout    = 5 * time.Second
	patience       = 7 * time.Second

	// cancelGrace is for the answer of a server that was asked to cancel.
	cancelGrace = 250 * time.Millisecond
)

// pool bounds the connections to a server. Old ones are replaced, so that a
// change of address behind a name is followed, and idle ones closed before the
// server does.
func pool(db *sql.DB) *sql.DB {
	db.SetMaxOpenConns(16)
	db.SetMaxIdleConns(maxIdle)
	db.SetConnMaxIdleTime(idleTimeout * 3 / 5)
	db.SetConnMaxLifetime(5 * time.Minute)
	return db
}

const maxIdle = 4

// forgetIdle closes the idle connections to a server: where one is lost, or
// leads to what is a replica now, the others are no better.
func (s *Store) forgetIdle() {
	if s.writer == s.reader {
		s.writer.SetMaxIdleConns(-1)
		s.writer.SetMaxIdleConns(maxIdle)
	}
}

// noteLost looks at how a statement outside of a transaction ended.
func (s *Store) noteLost(ctx context.Context, err error) {
	if err != nil && (s.dialect.classify(err) == classLost || errors.Is(ctx.Err(), context.DeadlineExceeded)) {
		s.forgetIdle()
	}
}

// dial connects to a server. The kernel finds out within seconds that a host
// is gone.
func dial(ctx context.Context, network, address string) (net.Conn, error) {
	d := net.Dialer{Timeout: connectTimeout, KeepAliveConfig: net.KeepAliveConfig{
		Enable: true, Idle: 2 * time.Second, Interval: time.Second, Count: 3}}
	return d.DialContext(ctx, network, address)
}

// impatientConn is a connection whose reads fail when nothing comes within
// patience: the kernel doesn't know of a server that hangs.
type impatientConn struct {
	net.Conn

	mu       sync.Mutex
	deadline time.Time // set by the driver; zero: none
}

func (c *impatientConn) Read(b []byte) (int, error) {
	if err := c.limit(); err != nil {
		return 0, err
	}
	return c.Conn.Read(b)
}

func (c *impatientConn) limit() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	limit := time.Now().Add(patience)
	if !c.deadline.IsZero() && c.deadline.Before(limit) {
		limit = c.deadline
	}
	return c.SetReadDeadline(limit)
}

// SetDeadline implements net.Conn.
func (c *impatientConn) SetDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deadline = t
	return c.Conn.SetDeadline(t)
}

// classifyConnection knows the errors that no server sent.
func classifyConnection(err error) errorClass {
	var network net.Error
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return classOther
	case errors.Is(err, driver.ErrBadConn), errors.Is(err, mysql.ErrInvalidConn), errors.Is(err, sql.ErrConnDone),
		errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed),
		errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, syscall.ECONNREFUSED),
		errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &network):
		return classLost
	}
	return classOther
}
