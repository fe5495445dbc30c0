// Package placer is the work of the role placement: one loop that asks
// cluster/scheduler what to do whenever something changed, and writes the
// answer under the role's fence.
package placer

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"maelstrom/cluster"
	"maelstrom/cluster/scheduler"
)

// Ledger keeps the placement rows.
type Ledger interface {
	// WritePlacements writes all or nothing. It returns ErrFenced if the role
	// was lost, ErrConflict if a row has moved.
	WritePlacements(ctx context.Context, hold cluster.Hold, writes []cluster.PlacementWrite) (changeNumber int64, err error)

	// Reserve stores runs, all or nothing. It returns ErrFenced if the role was
	// lost, ErrConflict if one of them is a release that is stored already.
	Reserve(ctx context.Context, hold cluster.Hold, runs []cluster.Run) (changeNumber int64, err error)

	// Habits returns what was learned of components, by name.
	Habits(ctx context.Context) (map[string]*cluster.Habit, error)

	// WriteHabits stores and forgets habits, all or nothing. It returns
	// ErrFenced if the role was lost.
	WriteHabits(ctx context.Context, hold cluster.Hold, put map[string]*cluster.Habit, remove []string) error
}

// Feed is the view of the database.
type Feed interface {
	Snapshot() *cluster.Snapshot
	Subscribe() (changed <-chan struct{}, cancel func())
	Hint()
	WaitFor(ctx context.Context, number int64) error
}

// Loads tells what the gateway sees.
type Loads interface {
	Load() cluster.Load
	LoadChanged() <-chan struct{}
}

// Options are the settings of a Placer.
type Options struct {
	Node   string         // this node's id; its own wakes prefer it
	NewID  func() string  // cluster.NewID unless set
	Zone   *time.Location // of crons; nil: UTC
	Logger *slog.Logger

	// Record takes events in, and does not wait; nil: nobody does.
	Record func(...cluster.Event)
}

// Placer decides placements while this node holds the role. Its methods are
// safe for concurrent use.
type Placer struct {
	opt    Options
	ledger Ledger
	feed   Feed
	loads  Loads
	asked  chan struct{} // buffered 1: a wake or a sleep waits

	mu       sync.Mutex
	held     bool
	wakes    map[string]*call
	sleeps   map[string]*call
	runs     map[string]*runCall  // by id
	recent   map[string]time.Time // wakes answered without the loop
	refusals map[string]refusal   // by component
	known    scheduler.Memory     // of the last plan that was stored
	heavy    map[string]int64     // what counts of the memory in use
	effect   cluster.HabitEffect  // that was counted here
	err      error                // of the last write, until one succeeds
	since    time.Time            // of err

	history     history
	counts      map[change]int64
	unplaceable map[string]shortage // by component
}

// New returns a Placer. Nothing happens before Hold.
func New(opt Options, ledger Ledger, feed Feed, loads Loads) *Placer {
	if opt.NewID == nil {
		opt.NewID = cluster.NewID
	}
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	if opt.Record == nil {
		opt.Record = func(...cluster.Event) {}
	}
	return &Placer{
		opt: opt, ledger: ledger, feed: feed, loads: loads,
		asked:  make(chan struct{}, 1),
		wakes:  map[string]*call{},
		sleeps: map[string]*call{},
		runs:   map[string]*runCall{},
		recent: map[string]time.Time{},
	}
}

// Hold decides until ctx ends or the role turns out to be lost, which is
// ErrFenced. Whoever still waits then is told ErrNotHolder.
func (p *Placer) Hold(ctx context.Context, hold cluster.Hold) error {
	changed, cancel := p.feed.Subscribe()
	defer cancel()
	p.take()
	defer p.leave()
	l := &loop{Placer: p, hold: hold, changed: changed, stopping: map[string]bool{}}
	return l.run(ctx)
}

// Health returns why the latest decision could not be written, and since when
// that is so; nil if it could.
func (p *Placer) Health() (err error, since time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err, p.since
}

// refusal is why a component could not be placed, when that was last found.
type refusal struct {
	failure *cluster.Failure
	at      time.Time
	more    bool // the component has an instance, and could not have another one
}

// refusalKept is how long a refusal is told after the request that met it.
const refusalKept = 5 * time.Minute

// Refusals returns why components lack the instance that they need, as of the
// last few minutes.
func (p *Placer) Refusals() map[string]*cluster.Failure {
	p.mu.Lock()
	defer p.mu.Unlock()
	recent := map[string]*cluster.Failure{}
	for component, r := range p.refusals {
		if !r.more && time.Since(r.at) <= refusalKept {
			recent[component] = r.failure
		}
	}
	return recent
}

func (p *Placer) take() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held, p.refusals = true, map[string]refusal{}
	p.history, p.counts, p.unplaceable = history{}, map[change]int64{}, map[string]shortage{}
}

func (p *Placer) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held, p.err, p.refusals, p.known, p.heavy = false, nil, nil, scheduler.Memory{}, nil
	p.history, p.counts, p.unplaceable = history{}, nil, nil
	for _, calls := range []map[string]*call{p.wakes, p.sleeps} {
		for component, c := range calls {
			c.answer(cluster.ErrNotHolder)
			delete(calls, component)
		}
	}
	for id := range p.runs {
		p.answerRunLocked(id, cluster.ErrNotHolder)
	}
	clear(p.recent)
}
