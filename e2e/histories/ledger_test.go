package histories

import (
	"context"

	"maelstrom/cluster"
	"maelstrom/cluster/store"
)

// roleLedger is what a client with a role asks of the database.
type roleLedger interface {
	Leases(ctx context.Context) ([]cluster.Lease, error)
	TakeLease(ctx context.Context, observed cluster.Lease, holder string) (cluster.Lease, bool, error)
	RenewLeases(ctx context.Context, holder string, held []cluster.Hold) ([]cluster.Hold, error)
	GiveLease(ctx context.Context, hold cluster.Hold) error
	WritePlacements(ctx context.Context, hold cluster.Hold, writes []cluster.PlacementWrite) (int64, error)
	ClaimFiring(ctx context.Context, hold cluster.Hold, f cluster.Firing) (bool, error)
}

// ledger is all that clients ask of the database.
type ledger interface {
	roleLedger
	Changes(ctx context.Context, since int64) (cluster.ChangeSet, error)
	ApplyProject(ctx context.Context, req cluster.ApplyRequest) (cluster.ApplyResult, error)
	BumpComponents(ctx context.Context, names []string, actor string) (map[string]int64, error)
}

var _ ledger = (*store.Store)(nil)
