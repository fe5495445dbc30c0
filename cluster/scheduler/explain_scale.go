package scheduler

import (
	"fmt"
	"math"
	"time"

	"maelstrom/cluster"
)

// explainScale tells why there are as many instances as there are, as the next
// plan would decide now.
func (p *planner) explainScale(c *component) cluster.ScaleExplanation {
	m, why := &c.memory, &c.memory.Auto.Why
	e := cluster.ScaleExplanation{
		Wanted: m.Target, ForLoad: m.Asked, Least: c.least, Most: c.most(), Lacking: p.lacking(c), Sight: p.sight(c),
		ByStable: why.by(why.Stable), ByPanic: why.by(why.Panic), BySpare: why.ForSpare, Limit: string(why.Limit),
		WouldChange: []string{}, Changes: []cluster.ScaleChange{},
	}
	if c.held {
		e.Why = "its first version has yet to be released"
		e.WhyNotMore = e.Why
		return e
	}
	e.Why, e.WhyNotMore, e.WhyNotLess = p.whySoMany(c), p.whyNotMore(c, e.Lacking), p.whyNotLess(c)
	e.WouldChange = append(append(e.WouldChange, p.wouldAdd(c, e.Lacking)...), p.wouldTake(c)...)
	return e
}

// lacking is what is still wanted of what the plan before found no room for.
func (p *planner) lacking(c *component) int {
	return max(0, min(p.in.Memory.Scale(c.name).Lacking, c.memory.Target-c.live()))
}

// whySoMany is what asks for the instances that there shall be.
func (p *planner) whySoMany(c *component) string {
	m, why := &c.memory, &c.memory.Auto.Why
	switch {
	case m.Target == 0 && c.rows() > 0:
		return "it goes to sleep"
	case m.Target == 0:
		return "it is asleep: nobody asks for it"
	case c.ahead > c.least && m.Target == c.ahead:
		return "its next request is to be expected soon"
	case m.Target > max(m.Asked, c.spec.MinInstances):
		return fmt.Sprintf("it is to be awake in these hours, with %s", instances(c.least))
	case m.Target <= c.least && (!c.busy() || m.Target > max(1, why.by(why.Stable), why.ForSpare)):
		return c.leastText()
	case m.Asked == 1 && c.busy():
		return fmt.Sprintf("%d in flight and %d queued keep it awake", c.load.InFlight, c.load.Queued)
	case m.Asked == 1:
		return "it was last asked for at " + moment(m.Needed)
	case why.ForSpare >= m.Asked:
		return fmt.Sprintf("%s are to be free beside %s", countOf(why.Spare, "slot", "slots"), requests(why.Stable))
	case why.Seconds == 0:
		return fmt.Sprintf("%d in flight and %d queued asked for them; there is no average yet", c.load.InFlight, c.load.Queued)
	case why.by(why.Stable) >= m.Asked:
		return fmt.Sprintf("%s of the last %d s, at %s for each instance", requests(why.Stable), why.Seconds, figure(why.Target))
	}
	return fmt.Sprintf("they were needed before; %s of the last %d s would need %s", requests(why.Stable), why.Seconds, instances(max(1, why.by(why.Stable))))
}

func (c *component) leastText() string {
	if c.least > c.spec.MinInstances {
		return fmt.Sprintf("it is to be awake in these hours, with %s", instances(c.least))
	}
	return fmt.Sprintf("mininstances is %d", c.least)
}

// whyNotMore is what keeps from having more instances than there are.
func (p *planner) whyNotMore(c *component, lacking int) string {
	m, why := &c.memory, &c.memory.Auto.Why
	missing := m.Target - p.serving(c)
	switch {
	case lacking > 0:
		return countOf(lacking, "of them fits on no node", "of them fit on no node")
	case c.most() > 0 && m.Target >= c.most() && why.Limit == LimitMost:
		return fmt.Sprintf("maxinstances is %d; the load asks for more", c.most())
	case p.count(c.serving(), failed) > 0:
		return fmt.Sprintf("%s: what fails is not multiplied", countOf(p.count(c.serving(), failed), "instance fails", "instances fail"))
	case c.paced:
		return "the others are started when those that leave have left"
	case missing > 0 && m.Target > c.live():
		return fmt.Sprintf("%s to be placed yet", countOf(m.Target-c.live(), "is", "are"))
	case missing > 0 && p.sight(c).Starting > 0:
		return fmt.Sprintf("%s", countOf(p.sight(c).Starting, "is starting", "are starting"))
	case why.Want > m.Asked:
		return "more are asked for by now, which is decided every two seconds"
	case why.Limit == LimitPresent:
		return "the averages ask for more, but what there is to do now has all the slots that it needs"
	case why.Limit == LimitQueue:
		return "what waits will be served before another instance could help"
	case c.most() > 0 && m.Target >= c.most():
		return fmt.Sprintf("maxinstances is %d, and the load asks for no more", c.most())
	case m.Target == 0:
		return "the first request wakes it"
	}
	return "the load asks for no more"
}

// whyNotLess is what keeps from having fewer.
func (p *planner) whyNotLess(c *component) string {
	m, a := &c.memory, &c.memory.Auto
	switch {
	case m.Target == 0:
		return ""
	case m.Target <= c.least:
		return c.leastText()
	case m.Asked <= 1:
		return p.whyAwake(c)
	case p.in.Load.Partial:
		return "the load of some node is not known"
	}
	switch a.Why.Limit {
	case LimitYoung:
		return "the load is not known for long enough: it has to be, for a minute after the last start of that kind"
	case LimitPartial:
		return "the load of some node is not known"
	case LimitPanic:
		return "nothing goes down in a panic, which lasts until " + moment(a.KPA.Panic.Add(stableWindow)) + " at least"
	case LimitShare:
		return fmt.Sprintf("more than %s of the slots are in use (scaledownconcurrencypct)", percent(c.spec.ScaleDownConcurrencyPct))
	case LimitSlots:
		return "what is in flight or queued has their slots"
	case LimitDelay:
		return fmt.Sprintf("so many were needed within %s (scaledowndelayseconds)", c.spec.ScaleDownDelay())
	case LimitBursts:
		_, last := a.bursts(p.in.Now)
		return "the load comes in bursts: so many were needed more than once within two hours, the last time at " + moment(last)
	case LimitTick:
		return "it is decided every two seconds"
	}
	switch {
	case a.Why.by(a.Why.Stable) >= m.Asked:
		return "the load asks for them"
	case a.Why.ForSpare >= m.Asked:
		return fmt.Sprintf("spareslots is %d", c.spec.SpareSlots)
	}
	return "it goes down in steps"
}

// whyAwake says what keeps the last instance.
func (p *planner) whyAwake(c *component) string {
	switch {
	case c.busy():
		return "it is busy"
	case c.memory.Waking && c.ahead == 0:
		return "it has just been woken"
	case p.in.Load.Partial:
		return "the load of some node is not known: nothing goes to sleep"
	}
	at, key := p.sleepsAt(c, &c.memory), "idletimeoutseconds"
	switch {
	case c.ahead > 0:
		at, key = c.last.Add(c.keep.Until), "idle: learned"
	case !at.Equal(c.memory.Needed.Add(c.spec.IdleTimeout())):
		key = "idle: learned"
	}
	return fmt.Sprintf("it sleeps at %s, unless somebody asks (%s)", moment(at), key)
}

// wouldAdd is what makes it more.
func (p *planner) wouldAdd(c *component, lacking int) (list []string) {
	m, why := &c.memory, &c.memory.Auto.Why
	switch {
	case m.Target == 0:
		return []string{"more: a request, a cron event source or maelctl comp wake"}
	case lacking > 0:
		return []string{"more: room on a node, or less of reservememory"}
	case c.most() > 0 && m.Target >= c.most():
		return []string{"more: a higher maxinstances"}
	case why.Target == 0:
		return []string{"more: requests that wait for longer than an instance takes to start"}
	}
	if why.Seconds > 0 {
		list = append(list, fmt.Sprintf("more: over %s of the last %d s", requests(c.roomFor(m.Asked)), int(stableWindow/time.Second)))
	}
	if ready := max(1, why.Ready); !why.Panicking {
		threshold := why.beyond(int(math.Ceil(panicFrom*float64(ready))) - 1)
		list = append(list, fmt.Sprintf("more at once: over %s of the last %d s, or a queue that lasts", requests(threshold), int(panicWindow/time.Second)))
	}
	return list
}

// wouldTake is what makes it less.
func (p *planner) wouldTake(c *component) []string {
	m, why := &c.memory, &c.memory.Auto.Why
	switch {
	case m.Target == 0:
		return nil
	case m.Target <= c.least && c.least > c.spec.MinInstances:
		return []string{"fewer: the end of its hours to be awake in"}
	case m.Target <= c.least:
		return []string{"fewer: a lower mininstances"}
	case m.Asked <= 1 && c.learns && c.keep.By != KeepFixed:
		return []string{"asleep: when what was learned says so (idle: learned), or maelctl comp sleep"}
	case m.Asked <= 1:
		return []string{fmt.Sprintf("asleep: %s without a request (idletimeoutseconds), or maelctl comp sleep", c.spec.IdleTimeout())}
	case why.Target == 0:
		return nil
	}
	under := min(c.spec.ScaleDownConcurrencyPct*float64(c.spec.MaxConcurrency*m.Asked), c.roomFor(m.Asked-1))
	if under <= 0 {
		return []string{"fewer: fewer spareslots"}
	}
	return []string{fmt.Sprintf("fewer: under %s of the last %d s", requests(under), int(stableWindow/time.Second))}
}

// roomFor is the average that so many instances are enough for.
func (c *component) roomFor(instances int) float64 {
	most := c.memory.Auto.Why.beyond(instances)
	if c.spec.SpareSlots == 0 {
		return most
	}
	return min(most, float64(c.spec.MaxConcurrency*instances-c.spec.SpareSlots))
}

func instances(n int) string { return countOf(n, "instance", "instances") }

func percent(share float64) string { return figure(100*share) + " %" }
