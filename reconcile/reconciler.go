package reconcile

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"maelstrom/cluster"
)

// Database is what the loops of sources need of the store.
type Database interface {
	Store
	StatusStore
	PresentStore
	DeclarationStore
	History
}

// StatusStore keeps what loops know and what users tell them.
type StatusStore interface {
	SourceSecrets(ctx context.Context, name string) (cluster.SourceSecrets, error)
	WriteSourceStatus(ctx context.Context, write cluster.StatusWrite) (changeNumber int64, err error)
	PutControl(ctx context.Context, row cluster.ControlRow, hold *cluster.Hold, events ...cluster.Event) (cluster.ControlRow, error)
	AddEvents(ctx context.Context, events []cluster.Event) error
}

// PresentStore tells what is so at this moment.
type PresentStore interface {
	ChangeNumber(ctx context.Context) (int64, error)
	Claims(ctx context.Context) ([]cluster.Claim, error)
}

// DeclarationStore keeps the sources and notifiers that a sources file declares.
type DeclarationStore interface {
	PutSource(ctx context.Context, write cluster.SourceWrite) (*cluster.SourceRow, error)
	DeleteSource(ctx context.Context, d cluster.Deletion) (changeNumber int64, err error)
	PutNotifier(ctx context.Context, write cluster.NotifierWrite) (*cluster.NotifierRow, error)
	DeleteNotifier(ctx context.Context, d cluster.Deletion) error
	NotifierSecret(ctx context.Context, name string) (string, error)
}

// Follower is the snapshot as the Reconciler follows it.
type Follower interface {
	Snapshot() *cluster.Snapshot
	Subscribe() (changed <-chan struct{}, cancel func())
	WaitFor(ctx context.Context, number int64) error
	Hint()
}

// Roles is where work that one node does at a time is announced.
type Roles interface {
	Add(role string, work func(ctx context.Context, hold cluster.Hold) error)
	Remove(ctx context.Context, role string) error
	Hold(role string) (cluster.Hold, bool)
}

// ReconcilerOptions are the settings of a Reconciler.
type ReconcilerOptions struct {
	Node   string       // our id
	Logger *slog.Logger // nil: silent
	Open   OpenOrigin

	// SourcesFile is a file on this node that declares sources; empty: none. Of
	// all nodes that have one, the holder of the role sources declares what is
	// in its own. Environ answers the ${NAME} in it.
	SourcesFile string
	Environ     func(name string) (value string, ok bool)
}

// ReconcilerDeps are the parts that a Reconciler works with.
type ReconcilerDeps struct {
	Feed  Follower
	Store Database
	Roles Roles
}

// Reconciler keeps the database equal to every source whose role this node
// holds. All methods are safe for concurrent use.
type Reconciler struct {
	opt     ReconcilerOptions
	feed    Follower
	store   Database
	roles   Roles
	log     *slog.Logger
	applier *Applier

	refusals atomic.Int64 // of writes for the sources file

	mu      sync.Mutex // guards watches
	watches map[string]*sourceWatch
}

// NewReconciler returns a Reconciler that does nothing until Run.
func NewReconciler(opt ReconcilerOptions, deps ReconcilerDeps) *Reconciler {
	r := &Reconciler{
		opt: opt, feed: deps.Feed, store: deps.Store, roles: deps.Roles, log: opt.Logger,
		applier: &Applier{Store: deps.Store, History: deps.Store}, watches: map[string]*sourceWatch{},
	}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	return r
}

// Run follows the sources that are declared, and the sources file, until ctx
// ends. The loops themselves run under their roles.
func (r *Reconciler) Run(ctx context.Context) error {
	changed, cancel := r.feed.Subscribe()
	defer cancel()
	var file sync.WaitGroup
	if r.opt.SourcesFile != "" {
		r.roles.Add(cluster.RoleSources, r.keepFile)
		file.Go(func() { r.compareFile(ctx) })
	}
	defer file.Wait()
	for {
		r.follow(ctx)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
	}
}

// removeLimit bounds how long the work of a source that is gone may go on.
const removeLimit = 5 * time.Second

// follow adds the roles of sources that came, and removes those of sources
// that went.
func (r *Reconciler) follow(ctx context.Context) {
	snap := r.feed.Snapshot()
	if snap.Number == 0 || snap.Restored {
		return
	}
	r.mu.Lock()
	var came, went []string
	for name := range snap.Sources.All() {
		if r.watches[name] == nil {
			r.watches[name] = newSourceWatch(name)
			came = append(came, name)
		}
	}
	for name := range r.watches {
		if _, there := snap.Sources.Get(name); !there {
			delete(r.watches, name)
			went = append(went, name)
		}
	}
	r.mu.Unlock()
	for _, name := range came {
		r.roles.Add(cluster.RoleReconcile(name), func(ctx context.Context, hold cluster.Hold) error { return r.work(ctx, name, hold) })
	}
	for _, name := range went {
		limited, cancel := context.WithTimeout(ctx, removeLimit)
		if err := r.roles.Remove(limited, cluster.RoleReconcile(name)); err != nil {
			r.log.Warn("role of a source that is gone not given up", "source", name, "error", err)
		}
		cancel()
	}
}

// work is what a node does while it holds the role of a source.
func (r *Reconciler) work(ctx context.Context, source string, hold cluster.Hold) error {
	watch := r.watch(source)
	if watch == nil {
		<-ctx.Done() // the source went as the role came
		return nil
	}
	feeds, cancel := r.feed.Subscribe()
	defer cancel()
	watch.hold(true)
	defer watch.hold(false)
	l := &loop{
		Reconciler: r, source: source, hold: hold, watch: watch, asked: watch.asked, feeds: feeds,
		log: r.log.With("source", source), started: time.Now(),
		blockers: map[string][]string{}, suspicion: map[string]time.Time{},
	}
	return l.run(ctx)
}

func (r *Reconciler) watch(source string) *sourceWatch {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.watches[source]
}
