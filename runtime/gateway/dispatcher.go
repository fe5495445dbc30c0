package gateway

import (
	"errors"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
	"maelstrom/runtime/proxy"
)

// dispatcher hands the slots of one component's instances to its requests.
type dispatcher struct {
	g    *Gateway
	name string

	mu        sync.Mutex
	snapshot  *cluster.Snapshot     // the last one looked at
	declared  *cluster.ComponentRow // as it is stored; nil: the component is gone
	row       *cluster.ComponentRow // the version of it that is to run; nil: the component is gone
	gated     bool                  // row has to prove itself; the version before is kept
	rules     atomic.Pointer[project.WakeRules]
	limit     int                  // slots of an instance; 0: no limit
	placed    bool                 // some placement wants to run
	failure   *failing             // nothing runs or will soon, and why
	instances map[string]*instance // by placement
	ready     []*instance          // those to route to, by slot
	warming   warming              // when some of them are newer than others
	retreats  map[string]*retreat  // by placement
	next      int                  // round robin
	queue     queue
	crowded   map[*instance]struct{} // for which requests from other nodes wait
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
	d := &dispatcher{
		g: g, name: name,
		instances: map[string]*instance{},
		retreats:  map[string]*retreat{},
		queue:     queue{limit: g.opt.QueueLimit},
		settled:   make(chan struct{}, 1),
		stats:     newStats(),
	}
	d.sync(time.Now()) // nobody else knows d yet
	return d
}

// enter asks for a slot: it returns an instance with a slot taken, or a
// waiter in the queue, or why the request is refused at once. A request that
// comes again, because its instance could not be dialled, is first in line.
func (d *dispatcher) enter(x *exchange) (*instance, *waiter, *refusal) {
	now, again := time.Now(), x.tries > 0
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sync(now)
	if d.row == nil || d.dead {
		return nil, nil, refuseUnknown
	}
	if d.queue.size == 0 || again {
		if i := d.takeSlot(now); i != nil {
			d.taken(i, x.passive)
			return i, nil, nil
		}
	}
	if x.passive != 0 && len(d.ready) == 0 {
		return nil, nil, d.asleep(x.passive, now)
	}
	if d.g.ended.Load() {
		return nil, nil, refuseLeaving
	}
	if f := d.failure; f != nil && now.Before(f.until) {
		return nil, nil, refuseFailure(f.at(now))
	}
	w := &waiter{outcome: make(chan outcome, 1), since: now, cold: len(d.ready) == 0, passive: x.passive}
	if again {
		d.queue.putBack(w, x.client)
	} else if !d.enqueue(w, x.client) {
		return nil, nil, refuseFull
	}
	if w.passive == 0 {
		d.stats.loaded(d)
	}
	d.wakeIfNeeded()
	return nil, w, nil
}

func (d *dispatcher) enqueue(w *waiter, client netip.Addr) bool {
	victim, ok := d.queue.add(w, client)
	if victim != nil {
		victim.outcome <- outcome{refusal: refuseFull}
	}
	if ok && w.passive == 0 {
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

// takeSlot takes a slot of the next ready instance that has one. One that is
// new beside others leaves some of its turns to them, as long as one of them
// has a slot and nobody waits.
func (d *dispatcher) takeSlot(now time.Time) (taken *instance) {
	gentle := d.warming.at(now) && d.queue.size == 0
	for n := range d.ready {
		at := (d.next + n) % len(d.ready)
		i := d.ready[at]
		if !i.free(d.limit, now) {
			continue
		}
		if gentle && !i.turn(now) {
			if taken == nil {
				taken = i
			}
			continue
		}
		d.next, taken = at+1, i
		break
	}
	if taken != nil {
		taken.inFlight++
	}
	return taken
}

// taken counts a slot that was got for a request.
func (d *dispatcher) taken(i *instance, passive int16) {
	if passive != 0 {
		i.passive++
		return
	}
	d.stats.inFlight++
	d.stats.loaded(d)
}

// grant hands out exactly the free slots, to the requests that wait longest.
func (d *dispatcher) grant(now time.Time) {
	for {
		if len(d.crowded) > 0 {
			d.grantForwarded(now)
		}
		if d.queue.size == 0 {
			return
		}
		i := d.takeSlot(now)
		if i == nil {
			return
		}
		w := d.queue.take()
		if w.passive != 0 {
			i.passive++
		} else {
			d.stats.inFlight++
		}
		w.outcome <- outcome{instance: i}
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
			d.giveBack(o.instance, w.passive, now)
		}
	}
	if w.passive == 0 {
		d.stats.unloaded(d)
	}
}

// giveBack frees a slot.
func (d *dispatcher) giveBack(i *instance, passive int16, now time.Time) {
	i.inFlight--
	if passive != 0 {
		i.passive--
	} else {
		d.stats.inFlight--
	}
	if i.inFlight == 0 {
		if i.idle != nil {
			close(i.idle)
			i.idle = nil
			i.conns.Close() // what its last requests left
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
		d.dismissForwarded(now)
	} else {
		i.total++
		if x.passive == 0 || x.asker != "" {
			i.last = now
		}
	}
	if err == nil && x.status < http.StatusInternalServerError {
		i.success = now
	}
	d.giveBack(i, x.passive, now)
	d.sync(now)
	if x.passive == 0 {
		d.stats.unloaded(d)
	}
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
