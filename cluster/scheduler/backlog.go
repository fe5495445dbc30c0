package scheduler

import (
	"math"
	"slices"
	"time"
)

const (
	// drainBudget is the time within which a backlog shall be worked off.
	drainBudget = 2 * time.Second

	// startWorth is how long a backlog must last for one more instance to be
	// worth its start.
	startWorth = 400 * time.Millisecond

	// recheck bounds how soon a plan asks for the next one while the service
	// time is still a guess.
	recheck = 20 * time.Millisecond

	// relook bounds it while a queue waits for what has answered before: the
	// service time that gateways tell grows while nobody is answered.
	relook = startWorth / 4

	// hushedFrom is how many times as long as requests take on average nobody is
	// answered, where that average is out of date.
	hushedFrom = 4
)

// backlog returns how many instances the waiting requests justify. Asked again at
// the same moment it says the same: what a plan has done about a queue tells
// nothing new of it.
func (p *planner) backlog(c *component, m *Scale) int {
	q, now := &m.Auto.Line, asked(p.in.Now, c.load)
	if now.N = q.Said.N; now.Queued > 0 && now == q.Said {
		p.look(p.in.Now.Add(recheck))
		return now.N
	}
	q.note(p.in.Now, c.load, p.serving(c))
	if c.load.Queued == 0 {
		return 0
	}
	now.N = p.queueWorth(c, m)
	q.Said = now
	return now.N
}

// queueWorth is how many instances a queue is: one, and then as many as work it off
// within the drain budget, but never more than there are requests to fill.
// Failing instances are not multiplied.
func (p *planner) queueWorth(c *component, m *Scale) int {
	q := &m.Auto.Line
	if p.count(c.serving(), failed) > 0 {
		return 1
	}
	have, requests := m.Target, c.load.Queued+c.load.InFlight
	useful := slots(requests, c.spec.MaxConcurrency)
	service := p.service(c, m)
	n := instancesFor(requests, service, c.spec.MaxConcurrency)
	come := p.inflow(c, m)
	enough := inflowWorth(come.Instances)
	matters := p.matters(c)
	q.Mattered = q.Mattered || matters
	starting := p.serving(c) == 0 || c.live()-c.gates() > p.serving(c)
	is := mark{At: p.in.Now, Total: c.load.Total, Work: requests - c.load.Streams, Ready: p.serving(c)}
	lasts, at := q.lasts(is, c.load.Queued, p.pause(c, service, matters), starting)
	if !at.IsZero() {
		p.look(at)
	}
	switch {
	case q.Closed && matters:
		n, enough = useful, useful
	case come.Sure && c.load.OldestWait >= startWorth:
		if enough = max(enough, have+1); come.Silent {
			enough = useful
		}
		n = enough
	case lasts:
		more := max(have+1, int(min(come.Seen*inflowMore, float64(c.live())*probeMore)))
		n = max(min(n, enough), more)
		enough = n
	case (p.hushed(c) || math.IsInf(come.Instances, 1) && n <= have) && p.stuck(c, m, service):
		n = max(min(n, enough), have+1)
		enough = max(enough, n)
	}
	switch n = max(1, min(n, useful, enough)); {
	case n > have || have >= useful || c.full():
	case c.load.ServiceTime == 0:
		p.lookWhileGuessing(c, have, p.servingSince(c, m))
	default:
		p.look(p.in.Now.Add(relook))
	}
	return n
}

// pause is how long a queue is watched until it is known whether it gets shorter.
// For few there is one instance more to lose; where many wait, those in flight may
// all have begun at once.
func (p *planner) pause(c *component, service time.Duration, matters bool) time.Duration {
	pause := panicWindow
	if matters {
		pause = drainBudget
	}
	if c.load.Queued == 1 || c.load.Queued*queueFew <= p.serving(c)*c.spec.MaxConcurrency {
		return pause
	}
	return max(pause, 2*service, c.load.OldestWait/2)
}

// service is how long a request takes. While nothing has been answered yet, it
// takes at least as long as somebody might have been served.
func (p *planner) service(c *component, m *Scale) time.Duration {
	if c.load.ServiceTime > 0 {
		return c.load.ServiceTime
	}
	since := p.servingSince(c, m)
	if since.IsZero() {
		return 0
	}
	return max(0, p.in.Now.Sub(since))
}

// hushed tells whether nobody has been answered for so long that what is known of
// how long requests take is out of date.
func (p *planner) hushed(c *component) bool {
	return c.load.ServiceTime > hushedFrom*p.in.Load.Components[c.name].ServiceTime
}

// stuck tells whether the ready instances alone would take too long, while
// nothing is starting or was just replaced that would help them. One instance is added per step.
func (p *planner) stuck(c *component, m *Scale, service time.Duration) bool {
	r := p.serving(c)
	if r == 0 || c.live()-c.gates() > r {
		return false
	}
	if again := m.Grown.Add(startWorth); again.After(p.in.Now) {
		p.look(again)
		return false
	}
	return p.worksOff(c, service) > startWorth
}

// lookWhileGuessing asks for a plan when the guess, which grows with time,
// would justify one instance more.
func (p *planner) lookWhileGuessing(c *component, have int, since time.Time) {
	if since.IsZero() {
		return
	}
	each := float64(c.spec.MaxConcurrency)
	jump := float64(drainBudget) * each * float64(max(1, have)) / float64(c.load.Queued+c.load.InFlight)
	step := float64(startWorth) * each * float64(max(1, p.serving(c))) / float64(c.load.Queued)
	for _, after := range []float64{jump, step} {
		if at := since.Add(time.Duration(after) + time.Millisecond); at.After(p.in.Now) {
			p.look(later(at, p.in.Now.Add(recheck)))
		}
	}
}

// servingSince is when the first of the ready instances could have begun to
// serve what waits now; zero: none is ready.
func (p *planner) servingSince(c *component, m *Scale) time.Time {
	var first time.Time
	for _, pl := range slices.Concat(c.running, c.outdated) {
		if p.stage(pl) != ready {
			continue
		}
		i, _ := p.in.Snapshot.Instances.Get(pl.ID)
		if first.IsZero() || i.ReadyAt.Before(first) {
			first = i.ReadyAt
		}
	}
	if !first.IsZero() && first.Before(m.Awake) {
		return m.Awake
	}
	return first
}

// instancesFor sizes by backlog: requests*service of work, done by instances
// of the given concurrency within the drain budget.
func instancesFor(requests int, service time.Duration, concurrency int) int {
	work := float64(requests) * service.Seconds()
	return int(math.Ceil(work / (float64(concurrency) * drainBudget.Seconds())))
}
