package daemon

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"maelstrom/cluster/store"
)

// arriveLimit bounds the last copy of a move.
const arriveLimit = 15 * time.Minute

// refusal is why a daemon may not serve from its database. It ends the start:
// waiting would not help.
type refusal struct{ error }

func (r refusal) Unwrap() error { return r.error }

// arrivingError says that this node has to complete its move before it joins.
type arrivingError struct{ move store.Move }

func (e *arrivingError) Error() string { return "the move to this database is not complete" }

// enter joins within a limit, after completing a move if there is one.
func (d *Daemon) enter(ctx context.Context, limit time.Duration) error {
	err := d.joinWithin(ctx, limit)
	var arriving *arrivingError
	if !errors.As(err, &arriving) {
		return err
	}
	if err := d.arrive(ctx, arriving.move); err != nil {
		return err
	}
	return d.joinWithin(ctx, limit)
}

func (d *Daemon) joinWithin(ctx context.Context, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return d.join(ctx)
}

// checkMove refuses a database that was left, or that another node moves to.
func (d *Daemon) checkMove(ctx context.Context) error {
	move, err := d.store.Move(ctx)
	switch {
	case err != nil || move == nil:
		return err
	case move.State == store.MoveLeft:
		return refusal{fmt.Errorf("this database was moved to %s at %s: set MAEL_SQL_DRIVER=%s and MAEL_SQL_DSN to go on there; to stay here instead run maelctl admin migrate --cancel",
			move.Driver, move.At.Format(time.RFC3339), move.Driver)}
	case move.Node != d.node:
		return refusal{fmt.Errorf("node %s is about to move to this database: start its maelstromd on it first", move.Node)}
	}
	return &arrivingError{*move}
}

// arrive completes the move of this node: nobody uses its file any more, so
// what is copied now is the last of it.
func (d *Daemon) arrive(ctx context.Context, move store.Move) error {
	ctx, cancel := context.WithTimeout(ctx, arriveLimit)
	defer cancel()
	if _, err := os.Stat(move.Source); errors.Is(err, fs.ErrNotExist) {
		d.log.Warn("the file that was moved from is gone: going on from the copy as it is", "file", move.Source, "copied_at", move.At)
		return d.store.Unmark(ctx)
	}
	source, err := store.Open(ctx, store.Options{Driver: "sqlite", DSN: move.Source, Logger: d.part("move")})
	if err != nil {
		return refusal{fmt.Errorf("complete the move from %s: %w", move.Source, err)}
	}
	err = d.completeFrom(ctx, source, move)
	return errors.Join(err, source.Close())
}

func (d *Daemon) completeFrom(ctx context.Context, source *store.Store, move store.Move) error {
	if err := source.Migrate(ctx, d.node); err != nil {
		return refusal{err}
	}
	left, err := source.Move(ctx)
	if err != nil {
		return refusal{err}
	}
	if left == nil || left.ID != move.ID {
		return refusal{fmt.Errorf("the copy of %s in this database is not the last word: the move was called off, or done again. Run maelctl admin migrate again from SQLite, or take that file away to go on from the copy of %s",
			move.Source, move.At.Format(time.RFC3339))}
	}
	tables, err := source.CopyTo(ctx, d.store, store.CopyOptions{Move: move, Complete: true})
	if err != nil {
		return err
	}
	var rows int64
	for _, t := range tables {
		rows += t.Rows
	}
	d.log.Info("move completed", "from", move.Source, "to", d.opt.SQLDriver, "rows", rows)
	return nil
}
