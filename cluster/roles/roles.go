// Package roles holds jobs that one node of a cluster does at a time: it
// observes leases, takes and renews them, and runs the work of a role while
// it is held. Nothing here reads a clock of another node: a lease that has not
// changed for the lease time, seen from here, is free.
package roles

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"maelstrom/cluster"
)

// The pace of leases. A holder stops acting a second before others may take
// its role.
const (
	observePeriod  = 250 * time.Millisecond
	renewPeriod    = 500 * time.Millisecond
	leaseTime      = 3 * time.Second
	goneTime       = time.Second            // the same, of a holder that is known to be gone
	actTime        = 2 * time.Second        // after sending the last successful renewal
	renewTimeout   = 900 * time.Millisecond // so that one hung connection doesn't cost a role
	observeTimeout = 2 * time.Second
	yieldTime      = 10 * time.Second // before a node that yields takes a role that nobody else has taken
	restPeriod     = time.Second      // before a role is taken whose work ended by itself
)

// Leases is the table of leases.
type Leases interface {
	// Leases returns every lease that was ever taken.
	Leases(ctx context.Context) ([]cluster.Lease, error)

	// RenewLeases shows that the holder is alive and returns what it still holds.
	RenewLeases(ctx context.Context, holder string, held []cluster.Hold) ([]cluster.Hold, error)

	// TakeLease takes a role if its lease is still as it was observed.
	TakeLease(ctx context.Context, observed cluster.Lease, holder string) (cluster.Lease, bool, error)

	// GiveLease gives a role up.
	GiveLease(ctx context.Context, hold cluster.Hold) error
}

// Work is what a node does while it holds a role. Its ctx ends when the role
// is lost; it must return then, and the role is not taken again here before it
// has. cluster.ErrFenced returned says that the role was lost without notice.
type Work = func(ctx context.Context, hold cluster.Hold) error

// Options are the settings of a Keeper.
type Options struct {
	Node string // our id, unique among the processes that share the leases

	// Embedded says that no other process can reach the leases: roles are
	// taken at the start and neither observed nor renewed.
	Embedded bool

	// Gone tells whether a node's daemon is known not to be there any more; nil:
	// that can't be known. It is asked of a holder that has stopped renewing.
	Gone func(ctx context.Context, node string) bool

	Logger *slog.Logger // nil: silent
}

// RoleStatus tells who holds a role.
type RoleStatus struct {
	Role   string
	Holder string // node id; empty: nobody
	Fence  int64
	Since  time.Time // when this node first saw it so
}

// Keeper takes and keeps this node's roles. All methods are safe for
// concurrent use.
type Keeper struct {
	leases Leases
	opt    Options
	log    *slog.Logger
	wake   chan struct{} // a role ended: look at once

	mu     sync.Mutex // guards what follows, and the roles
	roles  []*role    // by name
	answer time.Time  // when the leases were last observed
	giving bool       // up all roles, for good
	yield  bool       // roles to others, as long as they take them
}

// role is one role as seen from here.
type role struct {
	name string
	work Work

	seen     cluster.Lease // as last observed
	observed bool
	changed  time.Time // when seen last changed in any way: its holder lives
	since    time.Time // when its holder or fence last changed

	hold    *cluster.Hold           // while held
	cancel  context.CancelCauseFunc // of the work, while held
	expiry  *time.Timer             // ends the hold at until
	until   time.Time               // moved by each renewal
	running chan struct{}           // closed when the work of the last hold has returned
	last    *cluster.Hold           // taken here and not known to be lost: what GiveUp gives
	rest    time.Time               // not taken before
}

// New returns a Keeper without roles.
func New(leases Leases, opt Options) *Keeper {
	k := &Keeper{leases: leases, opt: opt, log: opt.Logger, wake: make(chan struct{}, 1)}
	if k.log == nil {
		k.log = slog.New(slog.DiscardHandler)
	}
	return k
}

// Add adds a role that this node may hold, and its work. A role that is there
// already is left as it is. Once Run has begun, it is looked for at once. Where
// the role is lost, the cause of the end of the work's context is ErrFenced.
func (k *Keeper) Add(name string, work Work) {
	k.mu.Lock()
	defer k.mu.Unlock()
	i, found := k.index(name)
	if found {
		return
	}
	k.roles = slices.Insert(slices.Clone(k.roles), i, &role{name: name, work: work})
	k.look()
}

// Remove takes a role away from this node: its work ends, and its lease is
// given to whoever wants it. It returns when the work has; where ctx ends
// first, the lease is not given but expires.
func (k *Keeper) Remove(ctx context.Context, name string) error {
	k.mu.Lock()
	i, found := k.index(name)
	if !found {
		k.mu.Unlock()
		return nil
	}
	r := k.roles[i]
	k.roles = slices.Delete(slices.Clone(k.roles), i, i+1)
	r.drop(nil)
	k.mu.Unlock()
	return k.giveUp(ctx, r)
}

// Hold returns the proof of a role while this node holds it.
func (k *Keeper) Hold(name string) (cluster.Hold, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if r := k.find(name); r != nil && r.hold != nil {
		return *r.hold, true
	}
	return cluster.Hold{}, false
}

// Holder returns the node that holds a role, as last observed.
func (k *Keeper) Holder(name string) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	if r := k.find(name); r != nil {
		return r.seen.Holder
	}
	return ""
}

// Answered returns when the database last answered a look at the leases; zero:
// it has not yet. While Run runs it is asked four times a second.
func (k *Keeper) Answered() time.Time {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.answer
}

// Roles returns the state of every role, by name.
func (k *Keeper) Roles() []RoleStatus {
	k.mu.Lock()
	defer k.mu.Unlock()
	out := make([]RoleStatus, len(k.roles))
	for i, r := range k.roles {
		out[i] = RoleStatus{Role: r.name, Holder: r.seen.Holder, Fence: r.seen.Fence, Since: r.since}
	}
	return out
}

// index is where a role is, or belongs, in the sorted roles.
func (k *Keeper) index(name string) (int, bool) {
	return slices.BinarySearchFunc(k.roles, name, func(r *role, name string) int { return cmp.Compare(r.name, name) })
}

func (k *Keeper) find(name string) *role {
	if i, found := k.index(name); found {
		return k.roles[i]
	}
	return nil
}
