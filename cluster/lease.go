package cluster

import "errors"

// The roles that exist once in a cluster. Reconcile and start roles carry a
// suffix: reconcile/<source>, start/<component>.
const (
	RolePlacement = "placement"
	RoleCron      = "cron"
	RoleMigrate   = "migrate"
	RoleSources   = "sources" // declares what the sources file of its holder says
)

// Lease is one row of the lease table: who holds a role. Any change of the row
// is proof of life of its holder; no clock is compared across nodes.
type Lease struct {
	Role   string
	Holder string // node id, empty when given up
	Fence  int64  // +1 at each take
	Beat   int64  // +1 at each renewal and each fenced write
}

// Hold proves a role to a fenced write: the store refuses the write with
// ErrFenced unless the row still names this holder at this fence.
type Hold struct {
	Role   string
	Holder string
	Fence  int64
}

// ErrFenced is returned by a write made on the strength of a role that its
// holder has lost. The transaction was rolled back; the role's work must stop.
var ErrFenced = errors.New("role lost to another holder")

// ErrConflict is returned where a compare-and-set met another version.
var ErrConflict = errors.New("version conflict")

// ErrNotFound is returned where the named thing does not exist.
var ErrNotFound = errors.New("not found")

// ErrSuperseded is returned to a daemon whose node row belongs to a later
// start of the same node: a cloned or doubly used data directory.
var ErrSuperseded = errors.New("node was started again elsewhere")

// ErrNotHolder is returned by a role's work asked of a node that doesn't hold it.
var ErrNotHolder = errors.New("not the holder of the role")
