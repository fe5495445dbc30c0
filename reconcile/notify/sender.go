package notify

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"maelstrom/cluster"
	"maelstrom/reconcile"
)

// Feed is the snapshot as a Sender follows it.
type Feed interface {
	Snapshot() *cluster.Snapshot
	Subscribe() (changed <-chan struct{}, cancel func())
	WaitFor(ctx context.Context, number int64) error
}

// Store is where events are read, and where it is kept how far each notifier
// has come.
type Store interface {
	Events(ctx context.Context, q cluster.EventQuery) ([]cluster.Event, error)
	AddEvents(ctx context.Context, events []cluster.Event) error
	NotifierSecret(ctx context.Context, name string) (string, error)
	NotifierStates(ctx context.Context) ([]cluster.NotifierState, error)
	WriteNotifierState(ctx context.Context, hold cluster.Hold, state cluster.NotifierState) error
}

// Options are the settings of a Sender.
type Options struct {
	Version string // of the daemon

	// Networks are the only ones that events are sent to; empty: all but
	// link-local addresses.
	Networks reconcile.Networks

	Logger *slog.Logger // nil: silent
}

// Deps are the parts that a Sender works with.
type Deps struct {
	Feed  Feed
	Store Store
}

// Sender sends events to notifiers.
type Sender struct {
	opt   Options
	feed  Feed
	store Store
	log   *slog.Logger
	http  *http.Client
}

// New returns a Sender.
func New(opt Options, deps Deps) *Sender {
	s := &Sender{opt: opt, feed: deps.Feed, store: deps.Store, log: opt.Logger, http: newClient(opt.Networks)}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	return s
}

// Hold is the work of the role notify: it sends what happens until ctx ends,
// each notifier on its own. cluster.ErrFenced says that the role was lost.
func (s *Sender) Hold(ctx context.Context, hold cluster.Hold) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	changed, unsubscribe := s.feed.Subscribe()
	defer unsubscribe()
	defer s.http.CloseIdleConnections()
	running := map[string]*running{}
	defer func() {
		cancel(nil)
		for _, r := range running {
			<-r.done
		}
	}()
	for {
		s.follow(ctx, cancel, hold, running)
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-changed:
		}
	}
}

// running is the work for one notifier.
type running struct {
	version int64
	stop    context.CancelFunc
	done    chan struct{}
}

// follow starts and ends workers so that there is one for each notifier as it
// is declared now.
func (s *Sender) follow(ctx context.Context, lost context.CancelCauseFunc, hold cluster.Hold, workers map[string]*running) {
	rows := s.feed.Snapshot().Notifiers
	for name, r := range workers {
		if row, ok := rows.Get(name); !ok || row.Version != r.version {
			r.stop()
			<-r.done
			delete(workers, name)
		}
	}
	for name, row := range rows.All() {
		if workers[name] != nil {
			continue
		}
		ctx, stop := context.WithCancel(ctx)
		r := &running{version: row.Version, stop: stop, done: make(chan struct{})}
		workers[name] = r
		w := &worker{Sender: s, row: row, hold: hold, log: s.log.With("notifier", name)}
		go func() {
			defer close(r.done)
			defer stop()
			if err := w.run(ctx); err != nil {
				lost(err)
			}
		}()
	}
}

// The pace of a Sender.
const (
	batch       = 200             // events read at once
	restPeriod  = time.Second     // between two looks at the events
	storeRetry  = 2 * time.Second // after the database did not answer
	feedLag     = 5 * time.Second // for the snapshot to show what an event tells
	giveUpAfter = 24 * time.Hour
)
