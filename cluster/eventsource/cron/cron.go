// Package cron is the work of the role cron: it knows what is due, claims it in
// the database, and sends it through the gateway. The claim is a row that is
// unique per due time, so that no failover, restart or rename fires twice.
package cron

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"maelstrom/cluster"
)

// Feed is the view of the database.
type Feed interface {
	Snapshot() *cluster.Snapshot
	Subscribe() (changed <-chan struct{}, cancel func())
}

// Ledger keeps what was fired.
type Ledger interface {
	// Now is the database's time, the one that counts.
	Now(ctx context.Context) (time.Time, error)

	// ClaimFiring inserts f and tells whether it was the first to do so. It
	// returns ErrFenced if the role was lost.
	ClaimFiring(ctx context.Context, hold cluster.Hold, f cluster.Firing) (bool, error)

	// FinishFiring stores the outcome of a claimed f.
	FinishFiring(ctx context.Context, f cluster.Firing) error

	// LastFirings returns the newest firings of an event source.
	LastFirings(ctx context.Context, eventSource string, limit int) ([]cluster.Firing, error)

	// OpenFirings returns the firings claimed under an identity whose end is
	// not stored, oldest first.
	OpenFirings(ctx context.Context, key string, ordinal int) ([]cluster.Firing, error)

	// LastDue returns the latest due time that was claimed under each identity.
	LastDue(ctx context.Context) (map[cluster.FiringID]time.Time, error)
}

// Sender answers a request by a component, waking it if need be.
type Sender interface {
	ServeComponent(w http.ResponseWriter, r *http.Request, component string)
}

// Waker takes a component from no instance to one.
type Waker interface {
	Wake(ctx context.Context, component string) error
}

// Starts knows how long components take to start.
type Starts interface {
	// P95 is what nearly all starts of a component took at most; false if none
	// is known.
	P95(component string) (time.Duration, bool)
}

// Deps are the parts that cron works with.
type Deps struct {
	Feed   Feed
	Ledger Ledger
	Sender Sender

	// Where both are there, components are started ahead of their requests.
	Waker  Waker
	Starts Starts

	// Missed is told what is due and not fired; nil: nobody is.
	Missed func(row *cluster.EventSourceRow, due time.Time)

	// Told returns the latest due time of each event source that Missed was told
	// of, by whoever held the role; nil: nobody knows.
	Told func(ctx context.Context) (map[string]time.Time, error)
}

// Options are the settings of a Cron. Zero fields take the defaults.
type Options struct {
	Zone   *time.Location // of schedules that name none; nil: UTC
	Host   string         // the Host of requests that name none; empty: localhost
	Limit  int            // requests under way at a time; the others wait
	Logger *slog.Logger   // nil: discarded
}

// DefaultLimit is how many requests may be under way at a time.
const DefaultLimit = 256

// Grace is how late a due time may still fire. What is older is skipped, unless
// its event source says missed: run_once.
const Grace = 60 * time.Second

// Cron fires cron event sources while this node holds the role.
type Cron struct {
	opt   Options
	deps  Deps
	slots chan struct{} // one for each request under way
	freed chan struct{} // buffered 1: a slot became free
	wakes chan struct{} // one for each component that is being started ahead

	wall func() time.Time // the machine's clock, which may be set to another time

	mu      sync.Mutex
	running map[*firing]context.CancelFunc
	idle    chan struct{} // closed while nothing runs
}

// New returns a Cron. Nothing happens before Hold.
func New(opt Options, deps Deps) *Cron {
	if opt.Zone == nil {
		opt.Zone = time.UTC
	}
	if opt.Host == "" {
		opt.Host = "localhost"
	}
	if opt.Limit <= 0 {
		opt.Limit = DefaultLimit
	}
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	if deps.Missed == nil {
		deps.Missed = func(*cluster.EventSourceRow, time.Time) {}
	}
	c := &Cron{
		opt: opt, deps: deps,
		slots:   make(chan struct{}, opt.Limit),
		freed:   make(chan struct{}, 1),
		wakes:   make(chan struct{}, aheadLimit),
		wall:    func() time.Time { return time.Now().Round(0) },
		running: map[*firing]context.CancelFunc{},
		idle:    make(chan struct{}),
	}
	close(c.idle)
	return c
}

// Hold fires what is due until ctx ends or the role turns out to be lost, which
// is ErrFenced. Requests that are under way go on: see Drain.
func (c *Cron) Hold(ctx context.Context, hold cluster.Hold) error {
	changed, cancel := c.deps.Feed.Subscribe()
	defer cancel()
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	t := &term{Cron: c, hold: hold, changed: changed, end: end, table: newTable(c.opt, c.deps.Missed)}
	defer t.leading.Wait()
	defer end(nil)
	return t.run(ctx)
}

// Drain waits until no request is under way. When ctx ends first, it cuts them
// off and waits for that.
func (c *Cron) Drain(ctx context.Context) {
	c.mu.Lock()
	idle := c.idle
	c.mu.Unlock()
	select {
	case <-idle:
		return
	case <-ctx.Done():
	}
	c.mu.Lock()
	for _, cut := range c.running {
		cut()
	}
	c.mu.Unlock()
	<-idle
}

func (c *Cron) begin(f *firing, cut context.CancelFunc) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.running) == 0 {
		c.idle = make(chan struct{})
	}
	c.running[f] = cut
}

func (c *Cron) finish(f *firing) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.running, f)
	if len(c.running) == 0 {
		close(c.idle)
	}
}
