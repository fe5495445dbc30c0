package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"maelstrom/cluster"
)

// attempts is how often a transaction is run before its last error is
// returned. Lost connections and locked files are tried less often: a database
// that is away is the caller's to wait for, and people are to hear of it.
const (
	attempts     = 10
	attemptsLost = 3
	attemptsBusy = 2
)

// writeOptions say how a write transaction ends.
type writeOptions struct {
	hold    *cluster.Hold // checked last
	durable bool          // a person was or will be told that it is stored
	rereads bool          // fn reads what it compares with: a conflict is met by running it again
}

// write runs fn in a write transaction and commits it. This is the one place
// where serialisation failures, deadlocks, lost connections and commits in
// doubt are handled: fn runs again, so it must do nothing but write through
// its tx and assign results, and, unless it declares changes, must come to the
// same end when it runs after itself.
//
// Locks are taken in one order everywhere: data rows by key, then the change
// counter, then the lease. The last two are held for a round trip or two, so
// that no writer, not even a frozen one, keeps others waiting long.
func (s *Store) write(ctx context.Context, opt writeOptions, fn func(*tx) error) (number int64, err error) {
	for n := 1; ; n++ {
		number, err = s.attempt(ctx, opt, fn)
		if err == nil || !s.again(ctx, s.class(opt, err), n) {
			break
		}
	}
	if err == nil && number%pruneEvery == 0 && number > 0 {
		s.prune(ctx, number)
	}
	if opt.hold != nil && tooLate(ctx, err) {
		s.counts.refuse(opt.hold.Role)
	}
	return number, err
}

// tooLate tells whether a write was not stored as its role was lost: the
// database has refused it, or it was given up before it came so far.
func tooLate(ctx context.Context, err error) bool {
	lost := errors.Is(err, cluster.ErrFenced) || errors.Is(context.Cause(ctx), cluster.ErrFenced)
	return err != nil && lost && !errors.Is(err, errCommit)
}

// errCommit says that a transaction may have been stored.
var errCommit = errors.New("commit")

func (s *Store) class(opt writeOptions, err error) errorClass {
	class := s.dialect.classify(err)
	if opt.rereads && (class == classUnique || errors.Is(err, cluster.ErrConflict)) {
		return classConflict
	}
	return class
}

// again tells whether to run a transaction once more, after a pause.
func (s *Store) again(ctx context.Context, class errorClass, n int) bool {
	switch class {
	case classConflict:
		if n >= attempts {
			return false
		}
	case classBusy:
		if n >= attemptsBusy {
			return false
		}
	case classLost:
		s.forgetIdle()
		if n >= attemptsLost {
			return false
		}
	default:
		return false
	}
	pause := min(time.Millisecond<<n, 200*time.Millisecond)
	select {
	case <-ctx.Done():
		return false
	case <-time.After(pause/2 + rand.N(pause)):
		s.counts.retry()
		return true
	}
}

func (s *Store) attempt(ctx context.Context, opt writeOptions, fn func(*tx) error) (int64, error) {
	from, done, err := s.connect(ctx, opt.durable)
	if err != nil {
		return 0, err
	}
	defer done()
	t, err := s.begin(ctx, from)
	if err != nil {
		return 0, err
	}
	defer t.Rollback()
	if err := fn(t); err != nil {
		return 0, err
	}
	if err := t.logChanges(ctx); err != nil {
		return 0, err
	}
	if err := t.checkFence(ctx, opt.hold); err != nil {
		return 0, err
	}
	if err := t.Commit(); err != nil {
		if err := s.settle(ctx, t, err); err != nil {
			return 0, err
		}
	}
	s.counts.commit(t.rows)
	return t.number, nil
}

// beginner is a pool, or one connection of it.
type beginner interface {
	BeginTx(context.Context, *sql.TxOptions) (*sql.Tx, error)
}

// connect returns where to begin: a connection that makes commits durable if
// that has to be asked for, else the pool.
func (s *Store) connect(ctx context.Context, durable bool) (from beginner, done func(), err error) {
	if !durable || s.dialect.durable == "" {
		return s.writer, func() {}, nil
	}
	conn, err := s.writer.Conn(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("connect: %w", err)
	}
	if _, err := conn.ExecContext(ctx, s.dialect.durable); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("connect: %w", err), conn.Close())
	}
	return conn, func() {
		if _, err := conn.ExecContext(context.WithoutCancel(ctx), s.dialect.relaxed); err != nil {
			s.log.Warn("database connection stays at durable commits", "error", err)
		}
		conn.Close()
	}, nil
}

func (s *Store) begin(ctx context.Context, from beginner) (*tx, error) {
	options := s.dialect.writes
	inner, err := from.BeginTx(ctx, &options)
	if err != nil {
		return nil, fmt.Errorf("begin: %w", err)
	}
	t := &tx{Tx: inner, dialect: s.dialect, id: cluster.NewID(), changes: map[change]bool{}, rows: map[string]int64{}}
	if s.dialect.begin != "" {
		if _, err := t.ExecContext(ctx, s.dialect.begin); err != nil {
			t.Rollback()
			return nil, fmt.Errorf("begin: %w", err)
		}
	}
	return t, nil
}

// settle finds out whether a transaction that lost its connection while
// committing went through, and returns nil if so. The change log knows: taking
// the counter's lock waits until the server is done with the lost one. Where
// nobody can tell, the error is one that nothing runs again after.
func (s *Store) settle(ctx context.Context, lost *tx, cause error) error {
	cause = fmt.Errorf("%w: %w", errCommit, cause)
	if s.dialect.classify(cause) != classLost || lost.number == 0 {
		return cause
	}
	for n := 1; ; n++ {
		found, err := s.findChange(ctx, lost)
		switch {
		case found:
			return nil
		case err == nil:
			return cause
		case !s.again(ctx, s.dialect.classify(err), n):
			return fmt.Errorf("%w in doubt: %v; then: %v", errCommit, cause, err)
		}
	}
}

func (s *Store) findChange(ctx context.Context, lost *tx) (found bool, err error) {
	t, err := s.begin(ctx, s.writer)
	if err != nil {
		return false, err
	}
	defer t.Rollback()
	if _, err := t.exec(ctx, `update mael_change_counter set n = n where id = 1`); err != nil {
		return false, err
	}
	var n int
	err = t.row(ctx, `select count(*) from mael_change where n = ? and writer = ?`, lost.number, lost.id).Scan(&n)
	return n > 0, err
}

// read runs fn in a transaction that sees one moment of the database.
func (s *Store) read(ctx context.Context, fn func(*tx) error) error {
	for n := 1; ; n++ {
		err := s.readOnce(ctx, fn)
		if err == nil || !s.again(ctx, s.dialect.classify(err), n) {
			return err
		}
	}
}

func (s *Store) readOnce(ctx context.Context, fn func(*tx) error) error {
	options := s.dialect.reads
	inner, err := s.reader.BeginTx(ctx, &options)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer inner.Rollback()
	if err := fn(&tx{Tx: inner, dialect: s.dialect}); err != nil {
		return err
	}
	return inner.Commit()
}
