package scheduler

import (
	"math"
	"slices"
	"time"

	"maelstrom/cluster"
)

const (
	// A queue that came in over a while is worked off by a part more instances
	// than its pace takes; what is short of that pace by less may be noise.
	influxMore = 1.2
	influxSure = 1.05

	// So it takes five times as long as somebody has waited in it, or it is not
	// what it seems.
	queueLife = 8

	// Where as many ask as are served, to a tenth, over so long and so many,
	// who is served asks again.
	closedTime   = startWorth - relook
	closedServed = 8
	closedPart   = 10
)

// line is what an autoscaler knows of a queue.
type line struct {
	Waiting time.Time     // since when there is one
	Longest time.Duration // that somebody has waited in it
	Brief   time.Time     // since when nobody waits long in it
	Short   time.Time     // since when what there is does not keep up with it
	Sized   time.Time     // when there were last to be as many as keep up with it
	Freed   bool          // that did not help
	Gone    time.Time     // when one was gone for which there were to be more
	Mark    mark          // an earlier look at it
	Closed  bool          // who is served asks again
}

// mark is what there was at a time.
type mark struct {
	At    time.Time
	Total int64 // requests that were served
	Work  int   // in flight or queued
	Ready int   // instances
}

// note takes in what waits, what it would take to keep up with how it comes,
// whether it matters, and what there is.
func (q *line) note(now time.Time, l cluster.ComponentLoad, influx float64, matters bool, live int) {
	if l.Queued == 0 {
		gone := q.Gone
		if !q.Sized.IsZero() {
			gone = now
		}
		*q = line{Gone: gone}
		return
	}
	since(&q.Waiting, true, now)
	since(&q.Brief, !matters, now)
	since(&q.Short, !math.IsInf(influx, 1) && influx*influxSure > float64(live), now)
	q.Longest = max(q.Longest, l.OldestWait)
	q.Freed = q.Freed || !now.Before(later(q.Waiting, q.Sized).Add(2*panicWindow+queueLife*q.Longest))
}

// compare finds out whether who is served asks again, from what has come and
// gone since an earlier look with the same instances.
func (q *line) compare(now time.Time, l cluster.ComponentLoad, live, ready int) {
	is := mark{At: now, Total: l.Total, Work: l.InFlight - l.Streams + l.Queued, Ready: ready}
	served := is.Total - q.Mark.Total
	switch {
	case l.Queued == 0:
	case q.Mark.At.IsZero() || live != ready || ready != q.Mark.Ready || served < 0:
		q.Mark = is
	case now.Sub(q.Mark.At) >= closedTime && served >= closedServed:
		more := int64(is.Work - q.Mark.Work)
		q.Closed, q.Mark = max(more, -more) <= served/closedPart, is
	}
}

// since remembers when something began to be so.
func since(t *time.Time, is bool, now time.Time) {
	if !is {
		*t = time.Time{}
	} else if t.IsZero() {
		*t = now
	}
}

// act returns whether there are to be as many as keep up with the queue; if not
// yet, when that may be so.
func (q *line) act(now time.Time, starting bool) (size bool, at time.Time) {
	if q.Short.IsZero() {
		return false, time.Time{}
	}
	if at = q.Short.Add(startWorth); now.Before(at) {
		return false, at
	}
	q.Freed = q.Freed || !starting && !q.Sized.IsZero() && !now.Before(q.Sized.Add(startWorth))
	if size = !q.free(now) && q.Brief.IsZero(); size {
		q.Sized = now
	}
	return size, time.Time{}
}

// free tells whether a queue is worth all that it asks for: what keeps up with
// it was no help, or who is served asks again; so it is taken if it stays as
// short as it is.
func (q *line) free(now time.Time) bool {
	return q.Freed || q.Closed || !q.Brief.IsZero() && !now.Before(q.Brief.Add(panicWindow))
}

// wait is how long those who wait will need, at the pace of late, with all that
// is there or on its way; negative: not known.
func (c *component) wait() time.Duration {
	if c.load.ServiceTime == 0 {
		return -1
	}
	slots := max(1, c.live()) * c.spec.MaxConcurrency
	return time.Duration(float64(c.load.ServiceTime) * float64(c.load.Queued) / float64(slots))
}

// influx is how many instances it takes to serve what waits as fast as it comes:
// all that came since the oldest of it did waits still. +Inf: not known, or not
// what it seems.
func (p *planner) influx(c *component, m *Scale) float64 {
	l, service := c.load, p.service(c, m)
	if l.Queued == 0 || l.OldestWait <= 0 || service == 0 || l.ServiceTime > 0 && p.overdue(c, m) {
		return math.Inf(1)
	}
	return float64(l.Queued) * service.Seconds() / l.OldestWait.Seconds() / float64(c.spec.MaxConcurrency)
}

// matters tells whether what waits does so for longer than a start is worth.
func (p *planner) matters(c *component) bool {
	return p.serving(c) == 0 || max(c.load.OldestWait, p.worksOff(c, c.load.ServiceTime)) > startWorth
}

// influxWorth is how many instances an influx is worth.
func influxWorth(influx float64) int {
	if influx > math.MaxInt32/influxMore {
		return math.MaxInt
	}
	return int(math.Ceil(influx * influxMore))
}

// overdue tells whether the oldest request waits for longer than it should, by
// the learned service time: that may be out of date. While waits get shorter as
// they should, it is not.
func (p *planner) overdue(c *component, m *Scale) bool {
	since, service := p.grownSince(c, m), c.load.ServiceTime
	if since.IsZero() {
		return false
	}
	should, still := p.worksOff(c, service), p.in.Now.Sub(since)
	waits, late := min(c.load.OldestWait, still), max(drainBudget, 2*should)
	if waits < late {
		p.look(p.in.Now.Add(late - waits))
		return false
	}
	shorter := (c.load.OldestWait.Seconds()/should.Seconds() - 1) / 2 * still.Seconds()
	return c.load.OldestWait.Seconds() > m.Auto.Line.Longest.Seconds()-shorter
}

// grownSince is when the last of the ready instances became so, or was asked for
// or replaced; zero: none is ready.
func (p *planner) grownSince(c *component, m *Scale) time.Time {
	since := p.servingSince(c, m)
	if since.IsZero() {
		return since
	}
	since = later(since, m.Grown)
	for _, pl := range slices.Concat(c.running, c.outdated) {
		if p.stage(pl) == ready {
			since = later(since, p.readyAt(pl))
		}
	}
	return since
}

// worksOff is how long what is ready will take for what waits.
func (p *planner) worksOff(c *component, service time.Duration) time.Duration {
	return time.Duration(float64(service) * float64(c.load.Queued) / float64(p.serving(c)*c.spec.MaxConcurrency))
}
