package scheduler

import (
	"math"
	"time"

	"maelstrom/cluster"
)

// Limit is what kept the autoscaler from what it would have liked.
type Limit string

// The limits.
const (
	LimitNone    Limit = ""
	LimitYoung   Limit = "young"   // too little is known of the load yet to go down
	LimitPartial Limit = "partial" // the load of some node is not known
	LimitPanic   Limit = "panic"   // nothing goes down in a panic
	LimitShare   Limit = "share"   // more than scaledownconcurrencypct is in use
	LimitSlots   Limit = "slots"   // what is in flight or was a moment ago has them
	LimitDelay   Limit = "delay"   // scaledowndelayseconds
	LimitBursts  Limit = "bursts"  // so many were needed at once, now and then
	LimitTick    Limit = "tick"    // less is decided on every two seconds
	LimitPresent Limit = "present" // what there was to do is done
	LimitQueue   Limit = "queue"   // what waits will be served in a moment
	LimitMost    Limit = "most"    // maxinstances
	LimitLeast   Limit = "least"   // mininstances
	LimitFailing Limit = "failing" // failing instances are not multiplied
)

// Why is what a decision of the autoscaler came from.
type Why struct {
	At        time.Time
	Have      int // instances that load had asked for
	Want      int // that it asks for now
	Ready     int
	Asked     int     // by Knative's arithmetic alone
	Stable    float64 // averages of requests in flight or queued
	Panic     float64
	Seconds   int     // that the stable average is of
	Target    float64 // requests for each instance
	Panicking bool
	Work      int // requests in flight or queued, without streams
	Queued    int
	Spare     int   // slots to keep free
	ForSpare  int   // instances that it takes for them
	Limit     Limit // why Want is not Asked
}

// cause tells what made it more or less.
func (w *Why) cause() cluster.ScaleCause {
	switch {
	case w.Want > w.Have && w.ForSpare >= w.Want:
		return cluster.ScaleSpare
	case w.Want > w.Have && w.Panicking && w.Want > w.by(w.Stable):
		return cluster.ScalePanic
	}
	return cluster.ScaleLoad
}

// by is how many instances an average asks for.
func (w *Why) by(average float64) int {
	if w.Target == 0 {
		return 0
	}
	return int(math.Ceil(average/w.Target - slight))
}

// beyond is the average above which more than so many instances are asked for.
func (w *Why) beyond(instances int) float64 { return (float64(instances) + slight) * w.Target }

// watch returns what attributes to a cause that the target has changed since
// it was called before. What only takes back a part of what this plan adds is
// no cause.
func (p *planner) watch(c *component, m *Scale) func(cluster.ScaleCause) {
	first, was := p.in.Memory.Scale(c.name).Target, m.Target
	return func(cause cluster.ScaleCause) {
		if m.Target > was || m.Target < was && m.Target < first {
			c.cause = cause
		}
		was = m.Target
	}
}

// noteChange tells that a component shall have more or fewer instances than the
// plan before meant. What a plan without memory finds is no change.
func (p *planner) noteChange(c *component) {
	before := p.in.Memory.Scale(c.name)
	_, known := p.in.Memory.Scales.Get(c.name)
	rows, _ := p.in.Snapshot.ByComponent.Get(c.name)
	if c.row == nil || c.held || before.Target == c.memory.Target || !known && len(rows) > 0 {
		return
	}
	p.changes = append(p.changes, cluster.ScaleChange{
		Component: c.name, At: p.in.Now, From: before.Target, To: c.memory.Target,
		Cause: c.cause, Why: p.whyChanged(c), Sight: p.sight(c),
	})
}

// sight is what a plan goes by for a component.
func (p *planner) sight(c *component) cluster.ScaleSight {
	why := &c.memory.Auto.Why
	return cluster.ScaleSight{
		InFlight: c.load.InFlight, Queued: c.load.Queued, Streams: c.load.Streams,
		Ready: p.serving(c), Starting: p.count(c.running, starting) + p.count(c.outdated, starting) + len(c.fresh),
		Stable: why.Stable, Seconds: why.Seconds, Panic: why.Panic, PerInstance: why.Target, Panicking: why.Panicking,
	}
}

// lack gives up what fits nowhere, and notes how much that is.
func (p *planner) lack(c *component) {
	c.memory.Lacking = max(0, c.memory.Target-c.live())
	if c.memory.Lacking > 0 && p.wantsMachine(c) {
		need := max(c.next().Effective.ReserveMemory, p.in.Load.Observed[c.name])
		p.unplaceable[c.name] = int64(c.memory.Lacking) * need
	}
	c.memory.cap(max(c.live(), c.least))
	if c.memory.Target < p.in.Memory.Scale(c.name).Target {
		c.cause = cluster.ScaleRoom
	}
}

// ofMachines are the obstacles that another machine does away with.
var ofMachines = map[string]bool{"state": true, "total": true, "engine": true, "free": true}

// wantsMachine tells whether what fits nowhere would fit on one more machine
// like one that there is.
func (p *planner) wantsMachine(c *component) bool {
	for _, n := range p.room().list {
		helps := n.row.MemoryTotalMiB <= 0 || p.need(c, n) <= n.row.MemoryTotalMiB
		for _, o := range p.obstacles(c, n, soon) {
			helps = helps && ofMachines[o.kind]
		}
		if helps {
			return true
		}
	}
	return false
}
