package storesim

import (
	"context"
	"database/sql/driver"
	"errors"
	"syscall"
)

// sqliteConn is what a connection to the file can do.
type sqliteConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
}

// conn is a connection of a node to a Server. It is used by one
// goroutine at a time.
type conn struct {
	server *Server
	node   string
	broken int // as it was when the connection was made
	inner  sqliteConn
	known  map[string]*statement

	tx      driver.Tx // nil: none is open
	writing bool      // it is this one's turn
	dead    bool
}

var (
	_ driver.ConnBeginTx     = (*conn)(nil)
	_ driver.ExecerContext   = (*conn)(nil)
	_ driver.QueryerContext  = (*conn)(nil)
	_ driver.SessionResetter = (*conn)(nil)
	_ driver.Validator       = (*conn)(nil)
)

// pass sends something to the server. A connection that ends takes its
// transaction along.
func (c *conn) pass(ctx context.Context) error {
	if c.dead {
		return syscall.ECONNRESET
	}
	way, broken, _ := c.server.way(c.node)
	if c.tx != nil && (way.Stalled || broken != c.broken) {
		return errors.Join(syscall.ECONNRESET, c.die()) // nobody shall wait for what it has locked
	}
	if err := c.server.pass(ctx, c.node, c.broken); err != nil {
		return errors.Join(err, c.die())
	}
	return nil
}

func (c *conn) die() error {
	c.dead = true
	return c.rollback()
}

func (c *conn) rollback() error {
	defer c.leave()
	if c.tx == nil {
		return nil
	}
	tx := c.tx
	c.tx = nil
	return tx.Rollback()
}

// enter waits for this connection's turn to write.
func (c *conn) enter(ctx context.Context) error {
	select {
	case c.server.turn <- struct{}{}:
		c.writing = true
		return nil
	case <-ctx.Done():
		return errors.Join(ctx.Err(), c.die())
	}
}

func (c *conn) leave() {
	if c.writing {
		c.writing = false
		<-c.server.turn
	}
}

// BeginTx implements driver.ConnBeginTx.
func (c *conn) BeginTx(ctx context.Context, opt driver.TxOptions) (driver.Tx, error) {
	if err := c.pass(ctx); err != nil {
		return nil, err
	}
	if !opt.ReadOnly {
		if err := c.enter(ctx); err != nil {
			return nil, err
		}
	}
	tx, err := c.inner.BeginTx(context.WithoutCancel(ctx), opt)
	if err != nil {
		c.leave()
		return nil, err
	}
	c.tx = tx
	return transaction{c}, nil
}

// ExecContext implements driver.ExecerContext.
func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if err := c.pass(ctx); err != nil {
		return nil, err
	}
	if c.tx != nil {
		return c.exec(query, args)
	}
	if err := c.enter(ctx); err != nil {
		return nil, err
	}
	defer c.leave()
	arrived, doubtful := c.server.doubt(c.node)
	if doubtful && !arrived {
		return nil, errors.Join(syscall.ECONNRESET, c.die())
	}
	result, err := c.exec(query, args)
	if doubtful {
		return nil, errors.Join(syscall.ECONNRESET, c.die())
	}
	return result, err
}

// QueryContext implements driver.QueryerContext.
func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if err := c.pass(ctx); err != nil {
		return nil, err
	}
	return c.query(query, args)
}

// transaction is the transaction of a connection.
type transaction struct{ *conn }

// Commit implements driver.Tx.
func (t transaction) Commit() error {
	c := t.conn
	if err := c.pass(context.Background()); err != nil {
		return err
	}
	arrived, doubtful := false, false
	if c.writing {
		arrived, doubtful = c.server.doubt(c.node)
	}
	if doubtful && !arrived {
		return errors.Join(syscall.ECONNRESET, c.die())
	}
	tx := c.tx
	c.tx = nil
	err := tx.Commit()
	c.leave()
	if doubtful {
		return errors.Join(syscall.ECONNRESET, c.die())
	}
	return err
}

// Rollback implements driver.Tx.
func (t transaction) Rollback() error { return t.rollback() }

// Prepare implements driver.Conn.
func (c *conn) Prepare(query string) (driver.Stmt, error) { return c.inner.Prepare(query) }

// Begin implements driver.Conn.
func (c *conn) Begin() (driver.Tx, error) {
	return c.BeginTx(context.Background(), driver.TxOptions{})
}

// ResetSession implements driver.SessionResetter.
func (c *conn) ResetSession(context.Context) error {
	if !c.IsValid() {
		return driver.ErrBadConn
	}
	return nil
}

// IsValid implements driver.Validator.
func (c *conn) IsValid() bool {
	_, broken, _ := c.server.way(c.node)
	return !c.dead && broken == c.broken
}

// Close implements driver.Conn.
func (c *conn) Close() error { return errors.Join(c.rollback(), c.forget(), c.inner.Close()) }
