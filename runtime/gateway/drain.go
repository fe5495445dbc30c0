package gateway

import (
	"context"
	"time"
)

// Drain stops routing to an instance and returns once nothing is in flight on
// it, upgraded connections included, or with ctx's error.
func (g *Gateway) Drain(ctx context.Context, placement string) error {
	d := g.dispatcherOf(placement)
	if d == nil {
		return nil // nobody here has ever sent it anything
	}
	idle := d.retreat(placement)
	if idle == nil {
		return nil
	}
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// dispatcherOf finds whose instance a placement is.
func (g *Gateway) dispatcherOf(placement string) *dispatcher {
	snap := g.snapshots.Snapshot()
	if p, ok := snap.Placements.Get(placement); ok {
		if d := g.dispatcher(p.Component); d != nil {
			return d
		}
	}
	for _, d := range g.dispatchers.Load().All() {
		d.mu.Lock()
		_, ours := d.instances[placement]
		d.mu.Unlock()
		if ours {
			return d
		}
	}
	return nil
}

// retreat takes an instance out of the round; the channel is closed when it
// is idle, nil if it is so already.
func (d *dispatcher) retreat(placement string) <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	d.sync(now)
	if d.retreats[placement] == nil {
		d.retreats[placement] = &retreat{}
		d.snapshot = nil // look at it again with the retreat in place
		d.sync(now)
	}
	i := d.instances[placement]
	if i == nil {
		return nil
	}
	i.conns.Close()
	if i.inFlight == 0 {
		return nil
	}
	if i.idle == nil {
		i.idle = make(chan struct{})
	}
	return i.idle
}
