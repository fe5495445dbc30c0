package reconcile

import (
	"context"
	"errors"
	"fmt"

	"maelstrom/cluster"
)

// webhookActor is who asks for a look because a webhook was called.
const webhookActor = "webhook"

// pokeAttempts is how often a request is stored anew that others overtook.
const pokeAttempts = 5

// Poke makes whoever holds the role of a source look at it soon. It is a
// cluster.ErrNotFound if there is no such source.
func (r *Reconciler) Poke(ctx context.Context, source string) error {
	if watch := r.watch(source); watch != nil && watch.poke() {
		return nil
	}
	for n := 1; ; n++ {
		err := r.ask(ctx, source)
		if !errors.Is(err, cluster.ErrConflict) || n == pokeAttempts {
			return err
		}
		if err := r.feed.WaitFor(ctx, r.feed.Snapshot().Number+1); err != nil {
			return err
		}
	}
}

// ask stores a request for whichever node holds the role.
func (r *Reconciler) ask(ctx context.Context, source string) error {
	snap := r.feed.Snapshot()
	if _, ok := snap.Sources.Get(source); !ok {
		return fmt.Errorf("source %s: %w", source, cluster.ErrNotFound)
	}
	row := controlOf(snap, cluster.ControlSource, source)
	next := NextSync(snap, source)
	next.Actor = webhookActor
	if pending := row.Control.Sync; pending != nil && !synced(snap, source, pending.Number) { // what a user has said goes on to count
		next.FollowRewrite = pending.FollowRewrite
		if pending.Revision != "" {
			next = *pending
			next.Again = true
		}
		if next == *pending {
			return nil
		}
	}
	row.Control.Sync = &next
	_, err := r.store.PutControl(ctx, row, nil)
	if err == nil {
		r.feed.Hint()
	}
	return err
}

// NextSync is the number of the next request to look at a source.
func NextSync(snap *cluster.Snapshot, source string) cluster.SyncRequest {
	var last int64
	if status, ok := snap.SourceStatuses.Get(source); ok {
		last = status.Sync
	}
	if r := controlOf(snap, cluster.ControlSource, source).Control.Sync; r != nil {
		last = max(last, r.Number)
	}
	return cluster.SyncRequest{Number: last + 1}
}

func synced(snap *cluster.Snapshot, source string, number int64) bool {
	status, ok := snap.SourceStatuses.Get(source)
	return ok && status.Sync >= number
}
