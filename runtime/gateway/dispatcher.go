package gateway

import (
	"errors"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"maelstrom/cluster"
	"maelstrom/runtime/proxy"
)

// dispatcher hands the slots of one component's instances to its requests.
type dispatcher struct {
	g    *Gateway
	name string

	mu        sync.Mutex
	snapshot  *cluster.Snapshot     // the last one looked at
	row       *cluster.ComponentRow // nil: the component is gone
	limit     int                   // slots of an instance; 0: no limit
	placed    bool                  // some placement wants to run
	failure   *failing              // nothing runs or will soon, and why
	instances map[string]*instance  // by placement
	ready     []*instance           // those to route to, by slot
	retreats  map[string]*retreat   // by placement
	next      int                   // round robin
	queue     queue
	waking    bool
	settled   chan struct{} // tells a wake under way to look again
	round     int           // of sync: what it did not see is gone
	dead      bool          // out of the gateway's index
	stats     stats
	warned    time.Time // when something was logged
	unsaid    int       // what was not, since
}

// failing is why nothing runs, until it is tried again.
type failing struct {
	failure cluster.Failure
	until   time.Time
}

func newDispatcher(g *Gateway, name string) *dispatcher {
	return &dispatcher{
		g: g, name: name,
		instances: map[string]*instance{},
		retreats:  map[string]*retreat{},
		queue:     queue{limit: g.opt.QueueLimit},
		settled:   make(chan struct{}, 1),
		stats:     newStats(),
	}
}

// enter asks for a slot: it returns an instance with a slot taken, or a
// waiter in the queue, or why the request is refused at once. A request that
// comes again, because its instance could not be dialled, is first in line.
func (d *dispatcher) enter(client netip.Addr, again bool) (*instance, *waiter, *refusal) {
	now := time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sync(now)
	if d.row == nil || d.dead {
		return nil, nil, refuseUnknown
	}
	if d.queue.size == 0 || again {
		if i := d.takeSlot(now); i != nil {
			d.stats.loaded(d)
			return i, nil, nil
		}
	}
	if d.g.ended.Load() {
		return nil, nil, refuseLeaving
	}
	if f := d.failure; f != nil && now.Before(f.until) {
		return nil, nil, refuseFailure(f.at(now))
	}
	w := &waiter{outcome: make(chan outcome, 1), since: now, cold: len(d.ready) == 0}
	if again {
		d.queue.putBack(w, client)
	} else if !d.enqueue(w, client) {
		return nil, nil, refuseFull
	}
	d.stats.loaded(d)
	d.wakeIfNeeded()
	return nil, w, nil
}

func (d *dispatcher) enqueue(w *waiter, client netip.Addr) bool {
	victim, ok := d.queue.add(w, client)
	if victim != nil {
		victim.outcome <- outcome{refusal: refuseFull}
	}
	if ok {
		d.g.load.urgent()
	}
	return ok
}

// at is the failure as a client meets it now.
func (f *failing) at(now time.Time) *cluster.Failure {
	failure := f.failure
	failure.RetryAfter = f.until.Sub(now)
	return &failure
}

// takeSlot takes a slot of the next ready instance that has one.
func (d *dispatcher) takeSlot(now time.Time) *instance {
	for n := range d.ready {
		at := (d.next + n) % len(d.ready)
		if i := d.ready[at]; i.free(d.limit, now) {
			d.next = at + 1
			i.inFlight++
			d.stats.inFlight++
			return i
		}
	}
	return nil
}

// grant hands out exactly the free slots, to the requests that wait longest.
func (d *dispatcher) grant(now time.Time) {
	for d.queue.size > 0 {
		i := d.takeSlot(now)
		if i == nil {
			return
		}
		d.queue.take().outcome <- outcome{instance: i}
	}
}

// leave takes a waiter whose client hung up, or whose time is over, out of
// the queue. A slot that it was given meanwhile goes to the next.
func (d *dispatcher) leave(w *waiter) {
	now := time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.queue.remove(w) {
		if o := <-w.outcome; o.instance != nil {
			d.giveBack(o.instance, now)
		}
	}
	d.stats.unloaded(d)
}

// giveBack frees a slot.
func (d *dispatcher) giveBack(i *instance, now time.Time) {
	i.inFlight--
	d.stats.inFlight--
	if i.inFlight == 0 {
		if i.idle != nil {
			close(i.idle)
			i.idle = nil
		}
		if i.orphan {
			d.drop(i)
		}
	}
	d.grant(now)
}

// release ends the use of a slot, with what the proxy said.
func (d *dispatcher) release(i *instance, x *exchange, err error) {
	now := time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	if errors.Is(err, proxy.ErrDial) {
		i.suspect = now.Add(suspicion)
		i.conns.Close()
		time.AfterFunc(suspicion, d.look)
	} else {
		i.total++
		i.last = now
	}
	if err == nil && x.status < http.StatusInternalServerError {
		i.success = now
	}
	d.giveBack(i, now)
	d.sync(now)
	d.stats.unloaded(d)
}

// look brings d up to date with the snapshot.
func (d *dispatcher) look() {
	now := time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sync(now)
	d.grant(now)
}

// refuseAll ends every wait.
func (d *dispatcher) refuseAll(r *refusal) {
	for w := d.queue.take(); w != nil; w = d.queue.take() {
		w.outcome <- outcome{refusal: r}
	}
}
