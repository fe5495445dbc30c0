package rpc

import (
	"context"
	"log/slog"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

// Declaration is a desired project, loaded and valid, as an apply gets it.
type Declaration struct {
	Project   *project.Project
	Positions map[string]project.Position // where fields were written; may be nil

	Prune            PruneMode // never empty
	ApprovedRemovals []string  // that may go with PruneConfirm
	Adopt            bool
	IfRevision       *int64
	IfVersions       Versions
	Only             bool // touch nothing but what IfVersions names

	Actor          string
	RequestID      string
	SourceRevision string
	Source         string // that owns it from now on; empty: applied by hand
}

// Removal is a project to remove; one that a source owns either with Detach,
// which lets it run and be applied by hand from then on, or with Suspend, which
// keeps the source from storing it again.
type Removal struct {
	Name       string
	Detach     bool
	Suspend    bool
	IfRevision *int64
	Actor      string
	Reason     string
	RequestID  string
	DryRun     bool
}

// Declarations plans and writes what projects declare. No list in an answer is
// nil. An error matches
// cluster.ErrConflict or cluster.ErrNotFound where it is one, and has a method
// Problems() []project.Problem where it knows the places.
type Declarations interface {
	// Diff tells what Apply would do and writes nothing.
	Diff(ctx context.Context, d Declaration) (DiffAnswer, error)

	// Apply makes the stored project equal to d in one transaction. It fills
	// in all of the answer but RequestID.
	Apply(ctx context.Context, d Declaration) (ApplyAnswer, error)

	// Remove removes a project with everything in it.
	Remove(ctx context.Context, r Removal) (ApplyAnswer, error)
}

// Store is what the services need of the database beside Declarations.
type Store interface {
	LoadProject(ctx context.Context, desired *project.Project) (cluster.ProjectState, error)
	Revisions(ctx context.Context, project string, limit int) ([]cluster.Revision, error)
	BumpComponents(ctx context.Context, names []string, actor string) (map[string]int64, error)
	SetEventSourcesEnabled(ctx context.Context, names []string, enabled bool) (changeNumber int64, err error)
	Backup(ctx context.Context, path string) error
	Nodes(ctx context.Context) ([]cluster.Node, error)
}

// NodeStore changes the rows of nodes. What is not there is ErrNotFound.
type NodeStore interface {
	// DrainNode says how a node is emptied.
	DrainNode(ctx context.Context, id string, how cluster.Drain) (changeNumber int64, err error)

	// RemoveNode forgets a node that is down; one that may live is ErrConflict.
	RemoveNode(ctx context.Context, id string) (placements int, changeNumber int64, err error)
}

// Feed is the view of the cluster that every answer is made from.
type Feed interface {
	Snapshot() *cluster.Snapshot
	Ready() <-chan struct{}                          // closed once there is a snapshot of the database, or of its copy
	Hint()                                           // something may have changed
	WaitFor(ctx context.Context, number int64) error // hints by itself
	Subscribe() (changed <-chan struct{}, cancel func())
}

// Loads tells what this node's gateway sees of each instance, by placement.
type Loads interface {
	InstanceLoads() map[string]cluster.InstanceLoad
}

// Placer wakes and puts to sleep. Both return when it is decided, not when it
// is done; a refusal is a *cluster.Failure.
type Placer interface {
	Wake(ctx context.Context, component string) error
	Sleep(ctx context.Context, component string) error

	// Refusals tells why components lack an instance that they need.
	Refusals() map[string]*cluster.Failure
}

// Firings tells when cron event sources were fired last, by their names.
type Firings interface {
	LatestFirings(ctx context.Context) (map[string]cluster.Firing, error)
}

// Deps is all that a Server works with. Every field but Recent, Refused, Kept, Away,
// Outage and Peers must be set.
type Deps struct {
	Version   string
	Node      string // id of this node
	ClusterID func() string
	CronZone  *time.Location

	Declarations Declarations
	History      History
	Store        Store
	Nodes        NodeStore
	Sources      SourceStore
	Notifiers    NotifierStore
	Events       EventStore
	Recent       Recent                                 // nil: nothing is kept of what the database alone has
	Refused      func(source string) []cluster.Delivery // that the database has not; nil: none
	Probe        Probe
	Feed         Feed
	Loads        Loads
	Placer       Placer
	Explain      func(component string) (cluster.Explanation, bool) // how many there are of it, and where it can run
	Removable    func() []cluster.Removal                           // which nodes could be removed
	Keys         *Keyring
	Roles        func() []Role
	CA           func() []byte                               // PEM of the cluster's authority; empty: this node has none
	Rekey        func(ctx context.Context, key string) error // seals the authority under another cluster key
	Logs         LogOpener
	Commands     Commander
	Firings      Firings
	Kept         LogKeeper // nil: output is not kept
	Mover        Mover
	Doctor       Doctor
	Peers        Peers                        // nil: there are no other nodes
	Away         func() *Away                 // nil, or what it returns is: the database answers
	Outage       func() (cluster.Alert, bool) // the alert that the database is lost, while it can't be stored; nil: there is none
	Logger       *slog.Logger
}
