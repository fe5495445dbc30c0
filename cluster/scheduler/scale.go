package scheduler

import (
	"slices"
	"time"

	"maelstrom/cluster"
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
		m.Auto.turn(p.in.Now, m.Asked, n)
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

// slots is how many instances it takes to run n requests at once.
func slots(n, concurrency int) int { return (n + concurrency - 1) / concurrency }
