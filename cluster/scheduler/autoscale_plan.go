package scheduler

import (
	"maelstrom/cluster"
)

// autoscale sets how many instances the load asks for, of a component that is
// awake and may have several.
func (p *planner) autoscale(c *component, m *Scale) {
	a := &m.Auto
	if m.Asked == 0 || c.most() == 1 {
		*a = Auto{}
		return
	}
	ready := p.serving(c)
	if ready > 0 && p.isDecided(c, m) {
		if p.explains {
			again := *a // what is kept is what was decided
			again.Window.take(p.in.Load.Meters, p.told(c.name), p.in.Now)
			again.decide(p.demand(c, m, ready))
			a.Why = again.Why
		}
		p.lookAgain(c, m)
		return
	}
	if !c.measured {
		c.measured = true
		a.Window.take(p.in.Load.Meters, p.told(c.name), p.in.Now)
	}
	if ready == 0 || a.Window.Base.IsZero() || a.Window.Base.Before(a.Line.Gone) {
		a.Window.Begin(p.in.Now) // what waits for a start is the backlog's business
	}
	want := a.decide(p.demand(c, m, ready))
	if want > m.Asked {
		m.Asked = want
		m.Target = max(m.Target, want)
	} else if want < m.Asked {
		m.cap(want)
	}
	p.lookAgain(c, m)
}

func (p *planner) demand(c *component, m *Scale, ready int) demand {
	return demand{
		Now: p.in.Now, Have: m.Asked, Least: max(1, c.spec.MinInstances), Most: c.most(), Ready: ready,
		Failing:     p.count(c.serving(), failed) > 0,
		Concurrency: c.spec.MaxConcurrency, Up: c.spec.ScaleUpConcurrencyPct, Down: c.spec.ScaleDownConcurrencyPct,
		Spare: c.spec.SpareSlots, Delay: c.spec.ScaleDownDelay(),
		Work: c.load.InFlight - c.load.Streams + c.load.Queued, Slots: c.slotsUsed(), Queued: c.load.Queued, Wait: c.wait(),
		Partial: p.in.Load.Partial || p.in.Load.Unmetered || len(p.in.Load.Meters) == 0,
		Grown:   m.Grown,
	}
}

// isDecided tells whether what was decided last holds until the next tick, or
// until there is work: nobody waits, and what was wanted had room.
func (p *planner) isDecided(c *component, m *Scale) bool {
	a := &m.Auto
	if c.load.Queued > 0 || p.in.Memory.Scale(c.name).Lacking > 0 || a.Window.Base.IsZero() {
		return false
	}
	return !p.ticks(c, m) || a.Ticked.Add(tick).After(p.in.Now)
}

// ticks tells whether there is something to decide from time to time.
func (p *planner) ticks(c *component, m *Scale) bool {
	return c.busy() || m.Asked > max(1, c.spec.MinInstances) && !p.in.Load.Partial
}

// lookAgain makes the next plan decide, as long as there may be something to.
func (p *planner) lookAgain(c *component, m *Scale) {
	if p.ticks(c, m) {
		p.look(m.Auto.Ticked.Add(tick))
	}
}

// slotsUsed is how many slots are in use or waited for. Where there is no limit
// to them, a stream has none.
func (c *component) slotsUsed() int {
	n := c.load.InFlight + c.load.Queued
	if c.spec.SoftConcurrencyLimit {
		n -= c.load.Streams
	}
	return n
}

// inFlight is what is in flight on the instance of a placement, as far as that
// is known.
func (p *planner) inFlight(pl *cluster.Placement) int { return p.in.Load.Instances[pl.ID] }
