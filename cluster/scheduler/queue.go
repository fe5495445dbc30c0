package scheduler

import (
	"math"
	"time"

	"maelstrom/cluster"
)

const (
	// A queue is worked off by a part more instances than it takes to serve
	// what comes.
	inflowMore = 1.15

	// What comes at random is no more than what there is serves, as long as it
	// is not more by so many times what chance makes of it.
	inflowSure = 2.5
	inflowSafe = 1.5

	// Nor will what waits be gone, if no more than this part of it goes in half
	// the time that somebody has waited.
	queueLife = 16
	queueFew  = 10 // to so many slots

	// What there is to do stays as it is where it changes by less than this
	// part of what waits; and who is served asks again where so many times the
	// change were served meanwhile: few after a queue that came at once, more on
	// either side of a growth.
	flatPart   = 8
	flatSettle = 150 * time.Millisecond // as long as a queue that comes at once takes to be told
	flatSoon   = 4
	flatSure   = 40
	flatRaised = 1.05 // times what was ready
	probeMore  = 1.1
)

// line is what an autoscaler knows of a queue.
type line struct {
	Waiting  time.Time // since when there is one
	Mattered bool      // it was worth a start
	Gone     time.Time // when one was gone that was
	Began    mark
	Probed   mark // when it was last seen whether it gets shorter
	Said     said // what it was worth last

	Flat        mark // since when there is as much to do as there is
	Raised      mark // when more instances were ready than at Flat
	Least, Most int  // that there was to do since Flat
	Sudden      bool // Flat is when it came
	Closed      bool // who is served asks again
}

// mark is what there was at a time.
type mark struct {
	At    time.Time
	Total int64 // requests that were served
	Work  int   // in flight or queued
	Ready int   // instances
}

// said is how many instances a queue was worth, when it was what.
type said struct {
	N                   int
	At                  time.Time
	Total               int64
	Queued, InFlight    int
	OldestWait, Service time.Duration
}

// asked is what is to be said of a load at a time.
func asked(now time.Time, l cluster.ComponentLoad) said {
	return said{At: now, Total: l.Total, Queued: l.Queued, InFlight: l.InFlight, OldestWait: l.OldestWait, Service: l.ServiceTime}
}

// note takes in what waits.
func (q *line) note(now time.Time, l cluster.ComponentLoad, ready int) {
	if l.Queued == 0 {
		gone := q.Gone
		if q.Mattered && !q.Closed && !now.Before(q.Waiting.Add(drainBudget)) {
			gone = now
		}
		*q = line{Gone: gone}
		return
	}
	is := mark{At: now, Total: l.Total, Work: l.InFlight - l.Streams + l.Queued, Ready: ready}
	if q.Waiting.IsZero() {
		q.Waiting, q.Began, q.Probed = now, is, is
	}
	q.Least, q.Most = min(q.Least, is.Work), max(q.Most, is.Work)
	sudden := now.Before(q.Waiting.Add(flatSettle))
	if sudden || q.Most-q.Least > max(1, (q.Flat.Work-q.Flat.Ready)/flatPart) || is.Total < q.Flat.Total {
		q.Flat, q.Least, q.Most, q.Sudden, q.Raised, q.Closed = is, is.Work, is.Work, sudden, mark{}, false
		return
	}
	if q.Raised.At.IsZero() && float64(ready) >= flatRaised*float64(q.Flat.Ready) {
		q.Raised = is
	}
	if !q.Raised.At.IsZero() && !q.Sudden && q.Raised.Total-q.Flat.Total < flatSure*q.swing() {
		q.Flat, q.Least, q.Most, q.Raised = is, is.Work, is.Work, mark{}
	}
	q.Closed = q.isFlat(is)
}

// isFlat tells whether there is always as much to do as there is, however much
// of it is done.
func (q *line) isFlat(is mark) bool {
	swing := q.swing()
	if q.Sudden && is.Total-q.Flat.Total >= flatSoon*swing {
		return true
	}
	return !q.Raised.At.IsZero() && q.Raised.Total-q.Flat.Total >= flatSure*swing && is.Total-q.Raised.Total >= flatSure*swing
}

func (q *line) swing() int64 { return int64(max(1, q.Most-q.Least)) }

// lasts tells whether a queue is not going to be gone with what there is; if
// that is not known yet, when it will be.
func (q *line) lasts(is mark, queued int, pause time.Duration, starting bool) (lasts bool, at time.Time) {
	if starting || is.Ready != q.Probed.Ready {
		q.Probed = is
		return false, time.Time{}
	}
	if at = q.Probed.At.Add(pause); is.At.Before(at) {
		return false, at
	}
	lasts = (q.Probed.Work-is.Work)*queueLife < queued
	q.Probed = is
	return lasts, time.Time{}
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

// inflow is how fast requests come while some wait.
type inflow struct {
	Instances float64 // that it takes to serve them as fast, or fewer, as far as it may be chance; +Inf: not known
	Seen      float64 // the same, if none of it is chance
	Sure      bool    // there are fewer
	Silent    bool    // nobody has been answered since
}

// inflow tells how fast requests come, by those that came since the oldest that
// waits did, or by all that came since there is a queue.
func (p *planner) inflow(c *component, m *Scale) inflow {
	l, q, service := c.load, &m.Auto.Line, p.service(c, m)
	if service == 0 || c.live() == 0 || l.OldestWait <= 0 {
		return inflow{Instances: math.Inf(1), Seen: math.Inf(1)}
	}
	come := inflow{Silent: l.Total == q.Began.Total && service >= l.OldestWait}
	for _, seen := range []struct {
		came  int64
		while time.Duration
	}{
		{int64(l.Queued), l.OldestWait},
		{l.Total - q.Began.Total + int64(c.load.InFlight-c.load.Streams+l.Queued-q.Began.Work), p.in.Now.Sub(q.Waiting)},
	} {
		if seen.while <= 0 || seen.came <= 0 {
			continue
		}
		came, each := float64(seen.came), float64(c.spec.MaxConcurrency)*seen.while.Seconds()/service.Seconds()
		serves := float64(c.live()) * each
		come.Seen = max(come.Seen, came/each)
		if l.ServiceTime > 0 || l.Streams == 0 { // where all are streams, nothing tells how long they hold their slots
			came -= inflowSafe * math.Sqrt(came)
		}
		come.Instances = max(come.Instances, came/each)
		come.Sure = come.Sure || float64(seen.came) > serves+inflowSure*math.Sqrt(serves)
	}
	return come
}

// matters tells whether what waits does so for longer than a start is worth.
func (p *planner) matters(c *component) bool {
	return p.serving(c) == 0 || max(c.load.OldestWait, p.worksOff(c, c.load.ServiceTime)) > startWorth
}

// inflowWorth is how many instances it is worth that so many serve what comes.
func inflowWorth(serve float64) int {
	if serve > math.MaxInt32/inflowMore {
		return math.MaxInt
	}
	return int(math.Ceil(serve * inflowMore))
}

// worksOff is how long what is ready will take for what waits.
func (p *planner) worksOff(c *component, service time.Duration) time.Duration {
	return time.Duration(float64(service) * float64(c.load.Queued) / float64(p.serving(c)*c.spec.MaxConcurrency))
}
