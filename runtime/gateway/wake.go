package gateway

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"maelstrom/cluster"
)

// How often a wake is tried, and how long one try may take.
const (
	wakePause    = 50 * time.Millisecond
	maxWakePause = time.Second
	wakeTimeout  = 10 * time.Second
)

// Run follows the snapshots and wakes components until ctx ends. Whoever
// still waits then is refused.
func (g *Gateway) Run(ctx context.Context) error {
	changed, cancel := g.snapshots.Subscribe()
	defer cancel()
	var work sync.WaitGroup
	defer work.Wait()
	work.Go(func() { g.load.run(ctx) })
	g.lookAll()
	for {
		select {
		case <-ctx.Done():
			g.close()
			g.links.close()
			return nil
		case <-changed:
			g.lookAll()
		case <-g.wakeUp:
			for _, d := range g.takeWakes() {
				work.Go(func() { d.wake(ctx) })
			}
		}
	}
}

// lookAll brings every dispatcher up to date.
func (g *Gateway) lookAll() {
	g.links.follow(g.snapshots.Snapshot())
	g.engines.follow(g.snapshots, time.Now())
	var gone []string
	for name, d := range g.dispatchers.Load().All() {
		if d.look(); d.over() {
			gone = append(gone, name)
		}
	}
	g.forget(gone)
}

// over tells whether the component is gone and nothing is left of it; then
// nobody enters any more.
func (d *dispatcher) over() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dead = d.row == nil && !d.waking && !d.busy()
	return d.dead
}

// close refuses all who wait; nobody will be woken any more.
func (g *Gateway) close() {
	g.ended.Store(true)
	for _, d := range g.dispatchers.Load().All() {
		d.mu.Lock()
		d.refuseAll(refuseLeaving)
		d.mu.Unlock()
	}
}

func (g *Gateway) takeWakes() []*dispatcher {
	g.mu.Lock()
	defer g.mu.Unlock()
	wakes := g.wakes
	g.wakes = nil
	return wakes
}

// wakeIfNeeded asks for a wake if somebody waits and nothing is placed. Who waits
// for an engine is told when it is away for too long.
func (d *dispatcher) wakeIfNeeded() {
	d.tellOutage(time.Now())
	if d.waking || !d.needsWake() {
		return
	}
	d.waking = true
	d.g.mu.Lock()
	defer d.g.mu.Unlock()
	d.g.wakes = append(d.g.wakes, d)
	select {
	case d.g.wakeUp <- struct{}{}:
	default:
	}
}

func (d *dispatcher) needsWake() bool { return d.queue.active() > 0 && d.row != nil && !d.placed }

// settle tells a wake under way that it may be over.
func (d *dispatcher) settle() {
	if !d.waking || d.needsWake() {
		return
	}
	select {
	case d.settled <- struct{}{}:
	default:
	}
}

// wake runs until something is placed or nobody waits. It belongs to the
// component: those who wait only watch.
func (d *dispatcher) wake(ctx context.Context) {
	for pause := wakePause; d.stillAsleep(); pause = min(2*pause, maxWakePause) {
		try, cancel := context.WithTimeout(ctx, wakeTimeout)
		err := d.g.waker.Wake(try, d.name)
		cancel()
		var failure *cluster.Failure
		if errors.As(err, &failure) {
			d.refused(failure)
		} else if err != nil && !errors.Is(err, cluster.ErrNotHolder) {
			d.warn("component not woken; will retry", "error", err)
		}
		// A placement that was committed shows in the next snapshot.
		select {
		case <-ctx.Done():
			return
		case <-d.settled:
		case <-time.After(pause/2 + rand.N(pause)):
		}
	}
}

// stillAsleep tells whether to try on; if not, the wake is over.
func (d *dispatcher) stillAsleep() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sync(time.Now())
	if d.waking = d.needsWake(); !d.waking && !d.placed {
		d.meet(nil)
	}
	return d.waking
}

// refused releases all who wait with the reason that placement gave. If that is
// an engine that does not answer they wait on, as for a start that it delays.
func (d *dispatcher) refused(failure *cluster.Failure) {
	away, now := failure.Reason == cluster.ReasonEngineDown, time.Now()
	d.mu.Lock()
	told := away && d.outage != nil
	switch {
	case !d.needsWake():
	case away:
		d.meet(&outage{failure: *failure, met: now, nodes: enginesDown(d.snapshot)})
		if f := d.fails(now); f != nil {
			d.refuseAll(refuseFailure(f))
		}
		d.tellOutage(now)
	default:
		d.refuseAll(refuseFailure(failure))
	}
	d.mu.Unlock()
	if !told {
		d.warn("component not placed", "reason", failure.Reason, "message", failure.Message)
	}
}
