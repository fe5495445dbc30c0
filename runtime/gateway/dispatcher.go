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
	outage    *outage              // of the engine: what a start waits for; nil: nothing
	telling   bool                 // those who wait for its end, at some time
	instances map[string]*instance // by placement
	ready     []*instance          // those to route to, by slot
	warming   warming              // when some of them are newer than others
	retreats  map[string]*retreat  // by placement
	next      int                  // round robin
	byLoad    bool                 // instead of that
	line      uint64               // places in it that were given
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
		queue:     queue{limit: g.opt.QueueLimit, memory: &g.waiting},
		settled:   make(chan struct{}, 1),
		stats:     newStats(),
	}
	d.sync(time.Now()) // nobody else knows d yet
	return d
}

// enter asks for a slot: it returns an instance with a slot taken, or a
// waiter in the queue, or why the request is refused at once.
func (d *dispatcher) enter(x *exchange) (*instance, *waiter, *refusal) {
	now := time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sync(now)
	again := x.place > 0
	if !again {
		d.line++
		x.place = d.line
	}
	if d.row == nil || d.dead {
		return nil, nil, refuseUnknown
	}
	if d.queue.size == 0 || again {
		if i := d.takeSlot(now); i != nil {
			d.taken(i, x.passive, now)
			return i, nil, nil
		}
	}
	if x.passive != 0 && len(d.ready) == 0 {
		return nil, nil, d.asleep(x.passive, now)
	}
	if d.g.ended.Load() {
		return nil, nil, refuseLeaving
	}
	if f := d.fails(now); f != nil {
		return nil, nil, refuseFailure(f)
	}
	w := d.newWaiter(x, now)
	if again {
		d.queue.putBack(w, x.client)
	} else if !d.enqueue(w, x.client, now) {
		return nil, nil, d.refuseFull(now)
	}
	if w.passive == 0 {
		d.stats.loaded(d, now)
	}
	d.wakeIfNeeded()
	return nil, w, nil
}

func (d *dispatcher) newWaiter(x *exchange, now time.Time) *waiter {
	return &waiter{outcome: make(chan outcome, 1), since: now, place: x.place, cold: len(d.ready) == 0, passive: x.passive, size: sizeOf(x.r)}
}

// comeBack puts a request that was not served back to its place in the queue, if
// it may wait.
func (d *dispatcher) comeBack(x *exchange, now time.Time) {
	if d.row == nil || d.dead || d.fails(now) != nil || d.g.ended.Load() || x.passive != 0 && len(d.ready) == 0 {
		return // which it is told when it asks for a slot
	}
	x.waiter = d.newWaiter(x, now)
	d.queue.putBack(x.waiter, x.client)
	if x.passive == 0 {
		d.stats.loaded(d, now)
	}
	d.wakeIfNeeded()
}

func (d *dispatcher) enqueue(w *waiter, client netip.Addr, now time.Time) bool {
	victim, ok := d.queue.add(w, client)
	if victim != nil {
		victim.outcome <- outcome{refusal: d.refuseFull(now)}
	}
	if ok && w.passive == 0 {
		d.g.load.urgent()
	}
	return ok
}

// fails is why nobody may wait, nil if they may: nothing runs, and it is not
// tried again before some time has passed. An engine that does not answer is
// waited for, unless that lasts.
func (d *dispatcher) fails(now time.Time) *cluster.Failure {
	f := d.failure
	switch {
	case f != nil && now.Before(f.until) && f.failure.Reason != cluster.ReasonEngineDown:
		return f.at(now)
	case d.outage != nil && len(d.ready) == 0 && d.awayFor(now) <= 0:
		return d.away(now)
	}
	return nil
}

// at is the failure as a client meets it now.
func (f *failing) at(now time.Time) *cluster.Failure {
	failure := f.failure
	failure.RetryAfter = f.until.Sub(now)
	return &failure
}

// takeSlot takes a slot of the next ready instance that has one.
func (d *dispatcher) takeSlot(now time.Time) *instance {
	taken := (*instance)(nil)
	if d.byLoad {
		taken = d.leastLoaded(now)
	} else {
		taken = d.inTurn(now)
	}
	if taken != nil {
		taken.inFlight++
		d.lookIn(taken.rest.sent(taken.inFlight, d.limit, now))
		d.lookIn(taken.outlier.tried(now))
	}
	return taken
}

// inTurn returns the next ready instance that has a slot. One that is new beside
// others leaves some of its turns to them, as long as one of them has a slot and
// nobody waits.
func (d *dispatcher) inTurn(now time.Time) (found *instance) {
	gentle := d.warming.at(now) && d.queue.size == 0
	for n := range d.ready {
		at := (d.next + n) % len(d.ready)
		i := d.ready[at]
		if !i.open(d.limit, now) {
			continue
		}
		if gentle && !i.turn(now) {
			if found == nil {
				found = i
			}
			continue
		}
		d.next = at + 1
		return i
	}
	return found
}

// taken counts a slot that was got for a request.
func (d *dispatcher) taken(i *instance, passive int16, now time.Time) {
	if passive != 0 {
		i.passive++
		return
	}
	d.stats.begins(now)
	d.stats.loaded(d, now)
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
			d.stats.begins(now)
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

// giveBack frees a slot for the next.
func (d *dispatcher) giveBack(i *instance, passive int16, now time.Time) {
	d.vacate(i, passive)
	d.grant(now)
}

func (d *dispatcher) vacate(i *instance, passive int16) {
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
}

// release ends the use of a slot, with what the proxy said. A request that is to
// be tried again is in the queue by then, before those who came later.
func (d *dispatcher) release(i *instance, x *exchange, err error) {
	now := time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.learn(i, x, err, now)
	d.streamEnds(x)
	d.vacate(i, x.passive)
	if x.again {
		d.comeBack(x, now)
	}
	d.grant(now)
	d.sync(now)
	if x.passive == 0 {
		d.stats.answered = now
		d.stats.unloaded(d)
	}
}

// learn takes in what a try tells of an instance.
func (d *dispatcher) learn(i *instance, x *exchange, err error, now time.Time) {
	d.judge(i, x, err, now)
	switch {
	case err == nil:
	case errors.Is(err, proxy.ErrDial):
		d.suspect(i, now)
		i.conns.Close()
		d.dismissForwarded(now)
		return
	case errors.Is(err, proxy.ErrLink):
		d.suspect(i, now)
		return
	default:
		if refused, ok := errors.AsType[*proxy.Refused](err); ok && refused.Misdirected() {
			d.sentBack(i, cluster.Reason(refused.Reason), now)
			return
		}
	}
	i.total++
	if x.passive == 0 || x.asker != "" {
		i.last = now
	}
	if err == nil && x.status < http.StatusInternalServerError {
		i.success = now
	}
	if d.byLoad && x.answered.After(x.granted) {
		i.pace.observe(x.answered.Sub(x.granted), now)
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
	d.stats.meter(d, time.Now())
}

// streamBegins notes that a request turns out to be a stream, which is no work:
// it lasts as long as it pleases.
func (d *dispatcher) streamBegins(x *exchange) {
	now := time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	x.stream, x.streamed = true, true
	d.stats.streams++
	if i := d.instances[x.instance]; i != nil && x.status < http.StatusBadRequest {
		d.judge(i, x, nil, now) // its end may be far
	}
	d.stats.meter(d, now)
}

// streamEnds notes that a request is none any more, if it was.
func (d *dispatcher) streamEnds(x *exchange) {
	if x.stream {
		x.stream = false
		d.stats.streams--
	}
}
