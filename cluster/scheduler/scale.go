package scheduler

import (
	"math"
	"slices"
	"time"

	"maelstrom/cluster"
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
)

// scale sets how many instances a component shall have: what it had, more for
// a backlog, less for what nobody needed for the idle time.
func (p *planner) scale(c *component) {
	if c.row == nil {
		p.refuseUnknown(c)
		return
	}
	if c.held {
		p.refuseUnreleased(c)
		return
	}
	m := p.recall(c)
	if c.beingReplaced() {
		m.Grown = p.in.Now // one thing at a time
	}
	m.Lacking = 0
	because := p.watch(c, &m)
	if c.adopted > 0 {
		m.need(m.Target+c.adopted, p.in.Now)
		c.adopted = 0
	}
	because(cluster.ScaleFound)
	wake, woken := p.in.Load.Wakes[c.name]
	switch {
	case wake.Waiting:
		m.need(1, p.in.Now)
	case woken:
		m.need(1, wake.At)
	}
	because(cluster.ScaleWake)
	if n := p.backlog(c, &m); n > m.Target {
		m.Auto.turn(p.in.Now, n-m.Asked)
		m.need(n, p.in.Now)
		m.Grown, m.Auto.Calm = p.in.Now, p.in.Now
	}
	because(p.causeOfBacklog(c))
	p.autoscale(c, &m)
	because(m.Auto.Why.cause())
	if c.live() > 0 && c.busy() {
		m.need(1, p.in.Now) // of a probe too
	}
	because(cluster.ScaleWake)
	always, open := p.minimum(c)
	c.least = open
	p.learn(c)
	m.keep(always, p.in.Now)
	because(cluster.ScaleLeast)
	m.hold(open, p.in.Now)
	because(cluster.ScaleAwake)
	m.hold(c.ahead, p.in.Now)
	because(cluster.ScaleAhead)
	if n := c.most(); n > 0 {
		m.cap(n)
	}
	because(cluster.ScaleMost)
	p.touch(c, &m)
	asked := m.Asked
	if p.in.Load.Sleeps[c.name] {
		m.cap(c.least)
		because(cluster.ScaleTold)
	} else if !p.in.Load.Partial {
		p.expire(c, &m)
	}
	if m.Asked < asked {
		because(cluster.ScaleIdle)
	}
	because(cluster.ScaleAwake)
	c.memory = m
}

// causeOfBacklog is the same from zero, whether who asks tells of it first or the
// load does.
func (p *planner) causeOfBacklog(c *component) cluster.ScaleCause {
	if p.in.Memory.Scale(c.name).Target == 0 {
		return cluster.ScaleWake
	}
	return cluster.ScaleBacklog
}

// recall returns what the plan before remembered of c, or else what the
// placements tell.
func (p *planner) recall(c *component) Scale {
	m := p.in.Memory.Scale(c.name)
	_, known := p.in.Memory.Scales.Get(c.name)
	switch {
	case c.scaled: // by another version, in this plan
		return c.memory
	case !known:
		m.need(p.guess(c)+len(c.lost), p.in.Now)
	}
	c.scaled = true
	p.catchUp(c, &m)
	_, waits := p.in.Memory.Untold[c.name] // until nodes have told, to be placed
	if c.live()+len(c.lost) == 0 && !c.beingReplaced() && c.kept == nil && !waits {
		m.cap(0)
	}
	return m
}

// guess tells how many instances the placements are meant to be: in the middle
// of a roll-out one less at most. What leaves only to make room counts; a
// single gate is taken for what somebody has asked for.
func (p *planner) guess(c *component) int {
	replacing := 0
	for _, pl := range c.leaving {
		if !c.current(pl) {
			replacing++
		}
	}
	switch serves := p.serves(c); {
	case c.live() == 0:
		return min(1, replacing)
	case c.row != nil && c.stopFirst():
		return c.live() + replacing
	case serves > 0:
		return max(len(c.running), len(c.outdated), serves+len(c.outdated)-1)
	}
	return max(len(c.running), len(c.outdated))
}

// beingReplaced tells whether a placement was stopped to make room for the
// next version.
func (c *component) beingReplaced() bool {
	for _, list := range [][]*cluster.Placement{c.removed, c.leaving} {
		if slices.ContainsFunc(list, func(pl *cluster.Placement) bool { return !c.current(pl) }) {
			return true
		}
	}
	return false
}

// need raises the target to n, from the given moment on.
func (m *Scale) need(n int, at time.Time) {
	if m.Target == 0 && n > 0 {
		m.Awake = at
	}
	m.Asked = max(m.Asked, n)
	m.Target = max(m.Target, m.Asked)
	if n > 0 && m.Needed.Before(at) {
		m.Needed = at
	}
}

// keep raises the target to n, which are there with or without work.
func (m *Scale) keep(n int, now time.Time) {
	if n == 0 {
		return
	}
	if m.Target == 0 {
		m.Awake = now
	}
	if m.Needed.IsZero() {
		m.Needed = now
	}
	m.Asked = max(m.Asked, n)
	m.Target = max(m.Target, m.Asked)
}

func (m *Scale) cap(n int) {
	m.Asked, m.Target = min(m.Asked, n), min(m.Target, n)
}

// touch notes when there was last work.
func (p *planner) touch(c *component, m *Scale) {
	if m.Target == 0 {
		return
	}
	waking := p.waking(c)
	if c.busy() || (m.Waking || waking) && !m.Needed.IsZero() && c.ahead == 0 {
		m.Needed = p.in.Now
	}
	if m.Needed.Before(c.load.LastRequest) {
		m.Needed = c.load.LastRequest
	}
	if m.Asked == 0 && !m.Needed.IsZero() {
		m.Asked = 1 // of those that are held
	}
	m.Waking = waking
}

// waking tells whether c is on its way to its first ready instance.
func (p *planner) waking(c *component) bool {
	if p.count(c.running, ready) > 0 || p.count(c.outdated, ready) > 0 {
		return false
	}
	return p.count(c.running, starting) > 0 || c.kept != nil && p.count(c.outdated, starting) > 0
}

// expire lets a component go to sleep that had no work for the idle time. It
// never goes below what there is at any time.
func (p *planner) expire(c *component, m *Scale) {
	least := max(c.least, c.ahead)
	if m.Target = max(m.Asked, least); m.Target <= least {
		return
	}
	if c.busy() || m.Waking {
		return
	}
	due := p.sleepsAt(c, m)
	if !due.After(p.in.Now) {
		m.cap(least)
		return
	}
	p.look(due)
}

// backlog returns how many instances the waiting requests justify: one, and
// then as many as work the backlog off within the drain budget, but never more
// than there are requests to fill. Failing instances are not multiplied.
func (p *planner) backlog(c *component, m *Scale) int {
	c.influx = p.influx(c, m)
	m.Auto.Line.note(p.in.Now, c.load, c.influx, p.matters(c), c.live())
	m.Auto.Line.compare(p.in.Now, c.load, c.live(), p.serving(c))
	if c.load.Queued == 0 {
		return 0
	}
	if p.count(c.serving(), failed) > 0 {
		return 1
	}
	have, requests := m.Target, c.load.Queued+c.load.InFlight
	useful := slots(requests, c.spec.MaxConcurrency)
	service := p.service(c, m)
	n := instancesFor(requests, service, c.spec.MaxConcurrency)
	enough := influxWorth(c.influx)
	size, at := m.Auto.Line.act(p.in.Now, p.serving(c) == 0 || c.live() > p.serving(c))
	switch {
	case m.Auto.Line.Closed && p.matters(c):
		n = useful
	case size:
		n = max(n, enough)
	case !at.IsZero():
		p.look(at)
	case math.IsInf(c.influx, 1) && n <= have && p.stuck(c, m, service):
		n = have + 1
	}
	if m.Auto.Line.free(p.in.Now) {
		enough = useful
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
	return p.worksOff(c, service) > startWorth || p.overdue(c, m)
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

// serving lists the placements whose failures tell of what serves: while a
// version has to prove itself beside another, those of the other.
func (c *component) serving() []*cluster.Placement {
	if c.gates() > 0 {
		return c.outdated
	}
	return c.running
}

// gates counts the instances that have to prove their version beside another.
func (c *component) gates() int {
	if c.kept == nil || len(c.outdated) == 0 {
		return 0
	}
	return len(c.running)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// serving counts the ready instances of every version.
func (p *planner) serving(c *component) int {
	return p.count(c.running, ready) + p.count(c.outdated, ready)
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

// slots is how many instances it takes to run n requests at once.
func slots(n, concurrency int) int { return (n + concurrency - 1) / concurrency }
