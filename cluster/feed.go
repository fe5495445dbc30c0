package cluster

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// The pace of a Feed. A read that hangs must not keep hints and later polls
// from being served, so each has its own deadline.
const (
	feedPoll        = time.Second
	feedPollTimeout = 5 * time.Second
	feedReadTimeout = time.Minute
)

// ChangeReader is the database as the Feed sees it.
type ChangeReader interface {
	// ChangeNumber returns the number of the latest change.
	ChangeNumber(ctx context.Context) (int64, error)

	// Changes returns what changed after the given number, or everything if
	// since is zero, too far back, or not a number this database has reached.
	Changes(ctx context.Context, since int64) (ChangeSet, error)
}

// FeedOptions are the settings of a Feed.
type FeedOptions struct {
	// CopyPath is where the snapshot's copy on disk lives; empty: none.
	CopyPath string
	Logger   *slog.Logger // nil: silent
}

// Feed keeps the current snapshot: it follows the change log of the database
// and takes in what nodes push. All methods are safe for concurrent use.
type Feed struct {
	reader ChangeReader
	opt    FeedOptions
	log    *slog.Logger

	current atomic.Pointer[Snapshot]
	hints   chan struct{}
	ready   chan struct{}

	mu          sync.Mutex // guards what follows, and each change of current
	next        chan struct{}
	subscribers map[chan struct{}]struct{}
	err         error
	errSince    time.Time
	read        time.Time // when the database was read last, or the copy written
}

// NewFeed returns a Feed with an empty snapshot; Run fills it.
func NewFeed(reader ChangeReader, opt FeedOptions) *Feed {
	f := &Feed{
		reader: reader,
		opt:    opt,
		log:    opt.Logger,
		hints:  make(chan struct{}, 1),
		ready:  make(chan struct{}),
		next:   make(chan struct{}),

		subscribers: map[chan struct{}]struct{}{},
	}
	if f.log == nil {
		f.log = slog.New(slog.DiscardHandler)
	}
	f.current.Store(NewSnapshot())
	return f
}

// Run follows the database until ctx ends. While the database is away the
// last snapshot stays; at the start, the copy on disk takes its place.
func (f *Feed) Run(ctx context.Context) error {
	var copier sync.WaitGroup
	if f.opt.CopyPath != "" {
		copier.Go(func() { f.keepCopy(ctx) })
	}
	defer copier.Wait()

	tick := time.NewTicker(feedPoll)
	defer tick.Stop()
	for {
		f.report(ctx, f.poll(ctx))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		case <-f.hints:
		}
	}
}

// poll reads the change number, and what changed if it moved.
func (f *Feed) poll(ctx context.Context) error {
	number, err := f.readNumber(ctx)
	if err != nil {
		return err
	}
	s := f.Snapshot()
	if number == s.Number && !s.Restored && f.isReady() {
		return nil
	}
	since := s.Number
	if s.Restored {
		since = 0 // the copy lacks what must not be on disk
	}
	ctx, cancel := context.WithTimeout(ctx, feedReadTimeout)
	defer cancel()
	changes, err := f.reader.Changes(ctx, since)
	if err != nil {
		return err
	}
	f.change(func(s *Snapshot) *Snapshot { return s.With(changes) })
	f.setReady()
	return nil
}

func (f *Feed) readNumber(ctx context.Context) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, feedPollTimeout)
	defer cancel()
	return f.reader.ChangeNumber(ctx)
}

// report keeps the outcome of a poll for Health and logs the turns.
func (f *Feed) report(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	f.mu.Lock()
	before, since := f.err, f.errSince
	f.err = err
	if err == nil {
		f.read = time.Now()
	}
	if (err == nil) != (before == nil) || since.IsZero() {
		f.errSince = time.Now()
	}
	f.mu.Unlock()
	switch {
	case err != nil && before == nil:
		f.log.Warn("database does not answer; serving the last snapshot", "error", err, "change", f.Snapshot().Number)
	case err == nil && before != nil:
		f.log.Info("database answers again", "away", time.Since(since).Round(time.Millisecond))
	}
	if err != nil && !f.isReady() {
		f.restore()
	}
}

// Snapshot returns the current snapshot, never nil. It costs one atomic load.
func (f *Feed) Snapshot() *Snapshot { return f.current.Load() }

// Ready is closed once there is a snapshot, from the database or its copy.
func (f *Feed) Ready() <-chan struct{} { return f.ready }

// Hint makes the Feed look at the database at once.
func (f *Feed) Hint() {
	select {
	case f.hints <- struct{}{}:
	default:
	}
}

// Health returns the error of the latest poll, nil if it went well, and since
// when that is so.
func (f *Feed) Health() (err error, since time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err, f.errSince
}

// ReadAt returns when the database was as the snapshot has it: at its latest
// reading, or when the copy on disk was last known to be so.
func (f *Feed) ReadAt() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.read
}

func (f *Feed) isReady() bool {
	select {
	case <-f.ready:
		return true
	default:
		return false
	}
}

// setReady is called by Run alone.
func (f *Feed) setReady() {
	if !f.isReady() {
		close(f.ready)
	}
}
