package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// A single node moves from its SQLite file to a server in two steps. First,
// while it runs, CopyTo copies everything in one transaction, and the file is
// marked as left: from then on what people declare is refused there. Then its
// daemon, started on the server, copies once more what has changed since, and
// takes the server's mark away. Between the two nobody else may join the
// server's database, for the node still works from its file.

// MoveState says which side of a move a database is.
type MoveState string

// The sides.
const (
	MoveLeft     MoveState = "left"     // nobody is to serve from here any more
	MoveArriving MoveState = "arriving" // a copy that its node has yet to complete
)

// Move is the mark on both databases of a move.
type Move struct {
	ID     string // the same on both sides
	State  MoveState
	Driver string // of the database that is gone to
	Node   string // which moves, and alone may complete it
	Source string // path of the file that is left
	At     time.Time
}

// Move returns the mark on the database, nil if there is none.
func (s *Store) Move(ctx context.Context) (m *Move, err error) {
	err = s.read(ctx, func(t *tx) error {
		m, err = t.move(ctx)
		return err
	})
	if s.dialect.classify(err) == classNoTable {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read move: %w", err)
	}
	return m, nil
}

// MarkLeft marks the database as one that nobody is to serve from any more.
func (s *Store) MarkLeft(ctx context.Context, m Move) error {
	m.State = MoveLeft
	_, err := s.write(ctx, writeOptions{durable: true, rereads: true}, func(t *tx) error { return t.mark(ctx, m) })
	if err != nil {
		return fmt.Errorf("mark database as left: %w", err)
	}
	return nil
}

// Unmark takes the mark away. A database without one is no error.
func (s *Store) Unmark(ctx context.Context) error {
	_, err := s.write(ctx, writeOptions{durable: true}, func(t *tx) error { return t.unmark(ctx) })
	if err != nil && s.dialect.classify(err) != classNoTable {
		return fmt.Errorf("take mark off database: %w", err)
	}
	return nil
}

func (t *tx) move(ctx context.Context) (*Move, error) {
	var m Move
	var at int64
	err := t.row(ctx, `select move, state, driver, node, source, moved_at from mael_move where id = 1`).
		Scan(&m.ID, &m.State, &m.Driver, &m.Node, &m.Source, &at)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	m.At = moment(at)
	return &m, err
}

func (t *tx) mark(ctx context.Context, m Move) error {
	if err := t.unmark(ctx); err != nil {
		return err
	}
	return t.insert(ctx, "mael_move", []string{"id", "move", "state", "driver", "node", "source", "moved_at"},
		[][]any{{1, m.ID, string(m.State), m.Driver, m.Node, m.Source, micros(m.At)}})
}

func (t *tx) unmark(ctx context.Context) error {
	_, err := t.put(ctx, "mael_move", `delete from mael_move where id = 1`)
	return err
}
