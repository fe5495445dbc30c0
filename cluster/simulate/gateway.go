package simulate

import (
	"math/rand/v2"
	"time"

	"maelstrom/cluster"
)

// request is one on its way.
type request struct {
	at      time.Duration // when it came
	service time.Duration
	granted time.Duration // when an instance got it
	cold    bool          // no instance was ready when it came
	late    bool          // its deadline ends it
	stream  bool
}

// queue is what the gateways together do for one component.
type queue struct {
	name   string
	row    *cluster.ComponentRow
	starts *rand.Rand
	serves *rand.Rand
	result *ComponentResult
	as     Behavior

	limit   int           // requests of one instance at a time; zero: any number
	most    int           // that may wait
	within  time.Duration // the answer has to begin
	waiting fifo
	checked bool // overdue is noted for the oldest

	ready    []*instance // that take requests
	turn     int
	free     int // slots of ready
	starting int
	rows     int

	inFlight int
	streams  int // of inFlight
	total    int64
	last     time.Duration // end of the latest activity
	service  time.Duration // learned mean
	busy     time.Duration // since when somebody has been in flight, streams not counted
	answered time.Duration // when a slot was last given back

	// The integrals, in seconds, up to counted: of what is in flight or waits,
	// the same without streams, of instances that are ready, and of reserved MiB.
	counted  time.Duration
	work     float64
	metered  float64
	capacity float64
	memory   float64
	reserved int64

	before sampled // as of the sample before
}

// fifo is a queue of requests.
type fifo struct {
	list []request
	head int
}

func (f *fifo) len() int { return len(f.list) - f.head }

func (f *fifo) put(r request) { f.list = append(f.list, r) }

func (f *fifo) oldest() *request { return &f.list[f.head] }

func (f *fifo) take() request {
	r := f.list[f.head]
	f.head++
	if f.head > 1024 && f.head*2 > len(f.list) {
		f.list = append(f.list[:0], f.list[f.head:]...)
		f.head = 0
	}
	return r
}

func (q *queue) load() int { return q.inFlight + q.waiting.len() }

// count brings the integrals up to a time; it comes before each change.
func (q *queue) count(now time.Duration) {
	if now == q.counted {
		return
	}
	seconds := (now - q.counted).Seconds()
	q.counted = now
	q.work += seconds * float64(q.load())
	q.metered += seconds * float64(q.load()-q.streams)
	q.capacity += seconds * float64(len(q.ready))
	q.memory += seconds * float64(q.reserved)
}

// report is the component's part of the load report, as the gateway makes it.
func (q *queue) report(now time.Duration, start time.Time) cluster.ComponentLoad {
	l := cluster.ComponentLoad{
		InFlight: q.inFlight, Queued: q.waiting.len(),
		ServiceTime: q.service, LastRequest: start.Add(q.last), Total: q.total, Streams: q.streams, Work: q.metered,
		Answered: start.Add(q.answered),
	}
	if q.inFlight > q.streams {
		l.BusySince = start.Add(q.busy)
	}
	if q.waiting.len() > 0 {
		l.OldestWait = max(1, now-q.waiting.oldest().at)
	}
	if q.load() > 0 {
		l.LastRequest = start.Add(now)
	}
	return l
}

// learn takes one service time into the mean, as the gateway does.
func (q *queue) learn(took time.Duration) {
	if q.service == 0 {
		q.service = took
		return
	}
	q.service += (took - q.service) / 8
}

// choose returns the instance that is to get the next request; nil: none has a
// slot.
func (q *queue) choose() *instance {
	if len(q.ready) == 0 || q.limit > 0 && q.free == 0 {
		return nil
	}
	if q.row.Effective.Balance == "leastloaded" {
		return q.leastLoaded()
	}
	for range q.ready {
		i := q.ready[q.turn%len(q.ready)]
		q.turn = (q.turn + 1) % len(q.ready)
		if q.limit == 0 || i.inFlight < q.limit {
			return i
		}
	}
	return nil
}

func (q *queue) leastLoaded() *instance {
	best := q.ready[0]
	for _, i := range q.ready {
		if i.inFlight < best.inFlight {
			best = i
		}
	}
	return best
}

// put adds an instance to those that take requests.
func (q *queue) put(i *instance) {
	q.ready = append(q.ready, i)
	q.free += max(0, q.limit-i.inFlight)
}

// remove takes an instance away from those that take requests.
func (q *queue) remove(i *instance) {
	for k, other := range q.ready {
		if other == i {
			q.ready = append(q.ready[:k], q.ready[k+1:]...)
			q.free -= max(0, q.limit-i.inFlight)
			return
		}
	}
}

// arrive takes a request in.
func (w *world) arrive(q *queue, asked Request) {
	q.count(w.now)
	r := request{at: w.now, service: asked.Service, stream: asked.Stream}
	if r.service <= 0 {
		r.service = q.as.Service.draw(q.serves)
	}

	q.result.Requests++
	w.requests++
	i := q.choose()
	switch {
	case i != nil:
		w.grant(q, i, r)
	case q.waiting.len() >= q.most:
		w.refuse(q, r, cluster.ReasonQueueFull)
		return
	default:
		w.enqueue(q, r)
	}
	if q.load() == 1 {
		w.lazily()
	}
}

func (w *world) enqueue(q *queue, r request) {
	r.cold = len(q.ready) == 0
	q.waiting.put(r)
	q.result.MostWaiting = max(q.result.MostWaiting, q.waiting.len())
	w.checkOverdue(q)
	if !w.wanted(q.name) {
		w.wake(q.name)
	} else {
		w.urgently()
	}
}

func (w *world) checkOverdue(q *queue) {
	if q.checked || q.waiting.len() == 0 {
		return
	}
	q.checked = true
	w.calendar.add(due{at: q.waiting.oldest().at + q.within, kind: overdue, q: q})
}

// giveUp refuses those that have waited for as long as they may.
func (w *world) giveUp(q *queue) {
	q.count(w.now)
	q.checked = false
	for q.waiting.len() > 0 && q.waiting.oldest().at+q.within <= w.now {
		w.refuse(q, q.waiting.take(), cluster.ReasonQueueTimeout)
	}
	w.checkOverdue(q)
	w.unloaded(q)
}

// grant gives a request to an instance.
func (w *world) grant(q *queue, i *instance, r request) {
	r.granted = w.now
	if q.inFlight == q.streams {
		q.busy = w.now
	}
	i.inFlight++
	q.inFlight++
	if r.stream {
		i.streams++
		q.streams++
	}
	if q.limit > 0 && i.inFlight <= q.limit {
		q.free--
	}
	if r.cold {
		q.result.Cold++
		if !i.cold {
			i.cold = true
			q.result.ColdStarts++
		}
	}
	q.result.wait.add(r.granted - r.at)
	end := w.now + r.service
	if r.late = !r.stream && end > r.at+q.within; r.late {
		end = max(w.now, r.at+q.within)
	}
	w.calendar.add(due{at: end, kind: finish, i: i, q: q, r: r})
}

// hand gives out the free slots to who waits, the oldest first.
func (w *world) hand(q *queue) {
	for q.waiting.len() > 0 {
		i := q.choose()
		if i == nil {
			return
		}
		w.grant(q, i, q.waiting.take())
	}
}

// finished ends a request, or tells of one that has broken off before.
func (w *world) finished(q *queue, i *instance, r request) {
	if i.cut != "" {
		w.tell(q, i, r, Outcome{End: i.cutAt, Reason: i.ended(r)})
		return
	}
	q.count(w.now)
	i.inFlight--
	q.inFlight--
	q.answered = w.now
	q.total++
	if r.stream {
		i.streams--
		q.streams--
	}
	reason := cluster.ReasonNone
	if r.late {
		reason = cluster.ReasonQueueTimeout
		q.result.failed(reason, 1)
	} else {
		q.result.Answered++
		q.result.took.add(w.now - r.at)
		if !r.stream {
			q.learn(w.now - r.granted)
		}
	}
	w.tell(q, i, r, Outcome{End: w.now, Reason: reason})
	if i.state != cluster.InstanceReady {
		w.quiet(i)
	} else if q.limit > 0 && i.inFlight < q.limit {
		q.free++
		w.hand(q)
	}
	w.unloaded(q)
}

func (w *world) unloaded(q *queue) {
	q.last = w.now
	if q.load() == 0 {
		w.lazily()
	}
}

// refuse ends a request that no instance got.
func (w *world) refuse(q *queue, r request, reason cluster.Reason) {
	q.total++
	q.result.refused(reason)
	w.tell(q, nil, r, Outcome{End: w.now, Reason: reason})
}

// refuseAll ends all that wait.
func (w *world) refuseAll(q *queue, reason cluster.Reason) {
	q.count(w.now)
	for q.waiting.len() > 0 {
		w.refuse(q, q.waiting.take(), reason)
	}
	w.unloaded(q)
}

// tell completes and tells an outcome, of which the end and the reason are known.
func (w *world) tell(q *queue, i *instance, r request, o Outcome) {
	if w.s.Request == nil {
		return
	}
	o.Component, o.At, o.Cold, o.Stream, o.Wait = q.name, r.at, r.cold, r.stream, o.End-r.at
	if i != nil {
		o.Placement, o.Node, o.Wait = i.pl.ID, i.node.row.ID, r.granted-r.at
	}
	w.s.Request(o)
}
