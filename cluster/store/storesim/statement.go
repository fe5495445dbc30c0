package storesim

import (
	"context"
	"database/sql/driver"
	"errors"
)

// statement is one that a connection has prepared, for it is run over and over.
type statement struct {
	driver.Stmt
	busy bool // its rows are being read
}

// prepared returns a statement that is not in use, nil if there is none.
func (c *conn) prepared(query string) (*statement, error) {
	s, ok := c.known[query]
	switch {
	case !ok:
		stmt, err := c.inner.PrepareContext(context.Background(), query)
		if err != nil {
			return nil, err
		}
		s = &statement{Stmt: stmt}
		c.known[query] = s
	case s.busy:
		return nil, nil
	}
	return s, nil
}

func (c *conn) exec(query string, args []driver.NamedValue) (driver.Result, error) {
	s, err := c.prepared(query)
	switch {
	case err != nil:
		return nil, err
	case s == nil:
		return c.inner.ExecContext(context.Background(), query, args)
	}
	return s.Stmt.(driver.StmtExecContext).ExecContext(context.Background(), args)
}

func (c *conn) query(query string, args []driver.NamedValue) (driver.Rows, error) {
	s, err := c.prepared(query)
	switch {
	case err != nil:
		return nil, err
	case s == nil:
		return c.inner.QueryContext(context.Background(), query, args)
	}
	rows, err := s.Stmt.(driver.StmtQueryContext).QueryContext(context.Background(), args)
	if err != nil {
		return nil, err
	}
	s.busy = true
	return &statementRows{rows, s}, nil
}

// forget closes what was prepared.
func (c *conn) forget() error {
	var errs []error
	for query, s := range c.known {
		errs = append(errs, s.Close())
		delete(c.known, query)
	}
	return errors.Join(errs...)
}

type statementRows struct {
	driver.Rows
	of *statement
}

// Close implements driver.Rows.
func (r *statementRows) Close() error {
	r.of.busy = false
	return r.Rows.Close()
}
