package store

import (
	"context"
	"time"

	"maelstrom/cluster"
)

// underLease runs work while the lease migrate is held. The lease is taken as
// any other, but here, because no daemon runs yet that could keep roles.
func (s *Store) underLease(ctx context.Context, holder string, work func(context.Context, cluster.Hold) error) error {
	hold, err := s.takeMigrate(ctx, holder)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	renewed := make(chan struct{})
	go func() {
		defer close(renewed)
		s.renewMigrate(ctx, hold, cancel)
	}()
	err = work(ctx, hold)
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = cause
	}
	cancel(nil)
	<-renewed
	if err != nil {
		return err
	}
	return s.GiveLease(context.WithoutCancel(ctx), hold)
}

// takeMigrate waits until the lease is free, ours already, or its holder gone.
func (s *Store) takeMigrate(ctx context.Context, holder string) (cluster.Hold, error) {
	var seen cluster.Lease
	var since time.Time
	for {
		l, err := s.lease(ctx, cluster.RoleMigrate)
		if err != nil {
			return cluster.Hold{}, err
		}
		if since.IsZero() || l != seen {
			seen, since = l, time.Now()
		}
		if l.Holder == "" || l.Holder == holder || time.Since(since) >= leaseTime {
			taken, ok, err := s.TakeLease(ctx, l, holder)
			if err != nil {
				return cluster.Hold{}, err
			}
			if ok {
				return cluster.Hold{Role: taken.Role, Holder: holder, Fence: taken.Fence}, nil
			}
		}
		select {
		case <-ctx.Done():
			return cluster.Hold{}, ctx.Err()
		case <-time.After(leaseLook):
		}
	}
}

// renewMigrate keeps the lease until ctx ends, and ends it when the lease is
// lost. An error is no loss: every statement and the record are harmless when
// they run twice.
func (s *Store) renewMigrate(ctx context.Context, hold cluster.Hold, lost context.CancelCauseFunc) {
	tick := time.NewTicker(leaseRenew)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		held, err := s.RenewLeases(ctx, hold.Holder, []cluster.Hold{hold})
		if err == nil && len(held) == 0 {
			lost(cluster.ErrFenced)
			return
		}
	}
}
