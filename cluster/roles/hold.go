package roles

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"maelstrom/cluster"
)

// start runs the work of a role that was just taken by a statement sent at
// the given time. The caller has the lock.
func (k *Keeper) start(ctx context.Context, r *role, hold cluster.Hold, sent time.Time) {
	until := sent.Add(actTime)
	if !k.opt.Embedded && !time.Now().Before(until) {
		return // the answer took too long to act on
	}
	work, cancel := context.WithCancelCause(ctx)
	running := make(chan struct{})
	r.hold, r.cancel, r.running = &hold, cancel, running
	if !k.opt.Embedded {
		r.until = until
		r.expiry = time.AfterFunc(time.Until(until), func() { k.expire(r, hold) })
	}
	k.log.Info("role taken", "role", hold.Role, "fence", hold.Fence)
	go func() {
		err := r.work(work, hold)
		cancel(nil)
		k.ended(ctx, r, hold, err)
		k.mu.Lock()
		r.running = nil
		k.mu.Unlock()
		close(running)
		k.look()
	}()
}

// ended tidies up after work that has returned. If it did so by itself the
// role is given up: whoever has it next, here or elsewhere, starts anew.
func (k *Keeper) ended(ctx context.Context, r *role, hold cluster.Hold, err error) {
	k.mu.Lock()
	mine := r.hold != nil && *r.hold == hold
	byItself := mine && ctx.Err() == nil
	if mine {
		r.drop(nil)
		r.rest = time.Now().Add(restPeriod)
	}
	fenced := errors.Is(err, cluster.ErrFenced)
	if fenced && r.last != nil && *r.last == hold {
		r.last = nil
	}
	k.mu.Unlock()
	switch {
	case fenced:
		k.log.Warn("role lost", "role", hold.Role, "fence", hold.Fence, "reason", "a write was refused")
	case byItself:
		k.log.Warn("work of role ended", "role", hold.Role, "fence", hold.Fence, "error", err)
		k.giveAndLog(ctx, r, hold)
	}
}

// giveAndLog gives a lease up where nobody waits for the outcome: what can't
// be given expires.
func (k *Keeper) giveAndLog(ctx context.Context, r *role, hold cluster.Hold) {
	if err := k.give(ctx, r, hold); err != nil {
		k.log.Warn("role not given up", "role", hold.Role, "error", err)
	}
}

// expire ends a hold that was not renewed in time.
func (k *Keeper) expire(r *role, hold cluster.Hold) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if r.hold != nil && *r.hold == hold && !time.Now().Before(r.until) {
		k.lose(r, "not renewed in time")
	}
}

// lose ends a hold. The caller has the lock.
func (k *Keeper) lose(r *role, reason string) {
	k.log.Warn("role lost", "role", r.name, "fence", r.hold.Fence, "reason", reason)
	r.drop(cluster.ErrFenced)
}

// drop ends a hold, if there is one: its work has to stop now. The cause tells
// it apart from an end in order.
func (r *role) drop(cause error) {
	if r.hold == nil {
		return
	}
	r.hold = nil
	r.cancel(cause)
	if r.expiry != nil {
		r.expiry.Stop()
	}
}

// look makes the observer look at once.
func (k *Keeper) look() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// GiveUp ends the work of all roles, gives up those that we hold, for others
// to take at once, and takes none any more. A role whose work has not ended
// when ctx does is not given.
func (k *Keeper) GiveUp(ctx context.Context) error {
	k.mu.Lock()
	k.giving = true
	roles := k.roles
	k.mu.Unlock()
	k.dropAll()
	var errs []error
	for _, r := range roles {
		errs = append(errs, k.giveUp(ctx, r))
	}
	return errors.Join(errs...)
}

// Yield says whether others shall have the roles. If so those that we hold are
// given up, once their work has ended, and one is taken only if nobody else has
// taken it for some time.
func (k *Keeper) Yield(ctx context.Context, yield bool) error {
	k.mu.Lock()
	k.yield = yield
	roles := slices.Clone(k.roles)
	k.mu.Unlock()
	if !yield {
		k.look()
		return nil
	}
	k.dropAll()
	var errs []error
	for _, r := range roles {
		errs = append(errs, k.giveUp(ctx, r))
	}
	return errors.Join(errs...)
}

func (k *Keeper) giveUp(ctx context.Context, r *role) error {
	k.mu.Lock()
	running, last := r.running, r.last
	k.mu.Unlock()
	if running != nil {
		select {
		case <-running:
		case <-ctx.Done():
			return fmt.Errorf("give up role %s: work goes on: %w", r.name, ctx.Err())
		}
	}
	if last == nil {
		return nil
	}
	return k.give(ctx, r, *last)
}

// give gives a lease to whoever wants it.
func (k *Keeper) give(ctx context.Context, r *role, hold cluster.Hold) error {
	ctx, cancel := context.WithTimeout(ctx, observeTimeout)
	defer cancel()
	if err := k.leases.GiveLease(ctx, hold); err != nil {
		return fmt.Errorf("give up role %s: %w", hold.Role, err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if r.last != nil && *r.last == hold {
		r.last = nil
	}
	return nil
}
