// Package images brings the images of components to this node, knows which of
// them the node has fetched itself, and takes those away again that nobody
// needs any more.
package images

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"maelstrom/cluster"
	"maelstrom/runtime"
)

var _ runtime.Images = (*Depot)(nil)

// Engine is the part of a runtime.Driver that a Depot drives.
type Engine interface {
	runtime.ImageStore
	Pull(ctx context.Context, req runtime.PullRequest) error
	CheckImage(ctx context.Context, req runtime.PullRequest) error
}

// Feed tells what is declared.
type Feed interface {
	Snapshot() *cluster.Snapshot
	Subscribe() (changed <-chan struct{}, cancel func())
}

// Journal takes events in.
type Journal interface {
	Add(events ...cluster.Event)
}

// Options are the settings of a Depot.
type Options struct {
	Node string

	// Path is the file that remembers what the node has fetched; empty: it is
	// forgotten when the daemon stops, and then never removed.
	Path string

	// ConfigDir is where config.json of the Docker client is; empty: where that
	// program looks for it.
	ConfigDir string

	// PullCommand lets components bring their images by a command on this host.
	PullCommand bool

	Prune PruneOptions

	Logger *slog.Logger // nil: silent
}

// PruneOptions say which images go, and when.
type PruneOptions struct {
	Every        time.Duration // 0: never, but for the disk guard
	Undeclared   bool          // also those with a name that no component declares
	Keep         []string      // names to keep, with * for any text
	GuardPercent int           // of the engine's disk, from which on it is kept from filling up; 0: no guard

	// Disk tells how full the file system of a path is, from 0 to 100; nil: asks
	// the system.
	Disk func(path string) (percent float64, err error)
}

// Deps are what a Depot works with. Journal may be nil.
type Deps struct {
	Engine  Engine
	Feed    Feed
	Journal Journal
}

// Depot is the images of this node. All methods are safe for concurrent use.
type Depot struct {
	opt    Options
	deps   Deps
	log    *slog.Logger
	record *record
	names  *names

	pruning sync.Mutex // one at a time
	full    bool       // the guard has told that the disk is; under pruning

	mu    sync.Mutex
	pulls map[pullKey]*pull // under way
}

// New returns a Depot. A record that can't be read is told in the log, and
// begun anew: what it held is never removed.
func New(opt Options, deps Deps) *Depot {
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	if opt.Prune.Disk == nil {
		opt.Prune.Disk = UsedPercent
	}
	d := &Depot{opt: opt, deps: deps, log: opt.Logger, pulls: map[pullKey]*pull{}, names: newNames(deps.Engine)}
	var err error
	if d.record, err = openRecord(opt.Path); err != nil {
		d.log.Warn("record of pulled images not read; those in it will not be pruned", "error", err)
	}
	return d
}

// Run fetches what is declared anew, follows what names stand for, and prunes,
// until ctx ends.
func (d *Depot) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return d.names.follow(ctx) })
	group.Go(func() error { return d.prefetch(ctx) })
	group.Go(func() error { return d.pruneEvery(ctx) })
	group.Go(func() error { return d.guardEvery(ctx) })
	return group.Wait()
}

// Identify implements runtime.Images.
func (d *Depot) Identify(name, id string) runtime.ImageIdentity { return d.names.identify(name, id) }

// Changed implements runtime.Images.
func (d *Depot) Changed(ctx context.Context) <-chan struct{} { return d.names.subscribe(ctx) }

func (d *Depot) tell(severity cluster.EventSeverity, component, message string) {
	if d.deps.Journal != nil {
		d.deps.Journal.Add(cluster.Event{
			Kind: cluster.EventImage, Severity: severity, Component: component, Node: d.opt.Node, Message: message,
		})
	}
}
