package gateway

import (
	"net/netip"
	"slices"
	"time"

	"maelstrom/cluster"
)

// aside is the exchange.passive of a request from another node. It takes a slot
// and is no load of this node's: the asker counts it.
const aside int16 = -1

// fewForwarded is how many requests from other nodes may wait for an instance at
// least.
const fewForwarded = 2

// enterForwarded asks for a slot of one instance: it returns it with a slot
// taken, or with a waiter for one, or why not.
func (d *dispatcher) enterForwarded(placement string) (*instance, *waiter, *refusal) {
	now := time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sync(now)
	i := d.instances[placement]
	if r := d.mayForward(i, placement, now); r != nil {
		return nil, nil, r
	}
	if i.free(d.limit, now) { // then nobody waits
		i.inFlight++
		d.taken(i, aside, now)
		return i, nil, nil
	}
	i.waiting.limit = max(fewForwarded, d.limit)
	w := &waiter{outcome: make(chan outcome, 1), since: now, passive: aside}
	if _, ok := i.waiting.add(w, netip.Addr{}); !ok {
		return nil, nil, forwardedFull
	}
	if d.crowded == nil {
		d.crowded = map[*instance]struct{}{}
	}
	d.crowded[i] = struct{}{}
	return i, w, nil
}

// mayForward tells why requests from other nodes can't go to an instance.
func (d *dispatcher) mayForward(i *instance, placement string, now time.Time) *refusal {
	p, placed := d.snapshot.Placements.Get(placement)
	in, known := d.snapshot.Instances.Get(placement)
	own := placed && p.Node == d.g.opt.Node || !placed && known && in.Node == d.g.opt.Node
	switch {
	case d.row == nil || d.dead || !own:
		return forwardedGone
	case d.g.received.over.Load() || d.retreats[placement] != nil:
		return forwardedDraining
	case i != nil && slices.Contains(d.ready, i) && !now.Before(i.suspect):
		return nil
	case placed && p.Want != cluster.WantRun || known && in.State == cluster.InstanceDraining:
		return forwardedDraining
	}
	return forwardedGone
}

// grantForwarded hands out free slots to those from other nodes who wait longer
// than the first of our own.
func (d *dispatcher) grantForwarded(now time.Time) {
	for i := range d.crowded {
		for w := i.waiting.first; w != nil && i.free(d.limit, now); w = i.waiting.first {
			if own := d.queue.first; own != nil && own.since.Before(w.since) {
				break
			}
			i.waiting.take()
			i.inFlight++
			d.taken(i, aside, now)
			w.outcome <- outcome{instance: i}
		}
		d.uncrowd(i)
	}
}

// dismissForwarded sends those away who wait for what they can't have any more.
func (d *dispatcher) dismissForwarded(now time.Time) {
	for i := range d.crowded {
		if r := d.mayForward(i, i.placement, now); r != nil {
			for w := i.waiting.take(); w != nil; w = i.waiting.take() {
				w.outcome <- outcome{refusal: r}
			}
			d.uncrowd(i)
		}
	}
}

// leaveForwarded takes a waiter out whose asker does not wait any more. A slot
// that it was given meanwhile goes to the next.
func (d *dispatcher) leaveForwarded(i *instance, w *waiter) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if i.waiting.remove(w) {
		d.uncrowd(i)
	} else if o := <-w.outcome; o.instance != nil {
		d.giveBack(i, aside, time.Now())
	}
}

func (d *dispatcher) uncrowd(i *instance) {
	if i.waiting.size == 0 {
		delete(d.crowded, i)
	}
}

// busy tells whether anything is in flight, load or not.
func (d *dispatcher) busy() bool {
	for _, i := range d.instances {
		if i.inFlight > 0 {
			return true
		}
	}
	return false
}
