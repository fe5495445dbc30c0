// Package scheduler decides which instances exist and where: how many a
// component needs now, on which node each goes, what is replaced by a newer
// version and what stops. Everything here is a pure function of a snapshot, the
// load, the time and what the plan before remembered; the loop that acts on it
// is in cluster/placer.
package scheduler

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"maelstrom/cluster"
)

// Load is what the holder of the role placement knows beside the snapshot. A
// plan keeps what it is given of it: nobody changes Components any more.
type Load struct {
	Components map[string]cluster.ComponentLoad // summed over nodes; what is quiet may be left out
	Partial    bool                             // some node's part of it is missing: nothing shrinks for want of it
	Meters     map[string]cluster.Meter         // of nodes, as read last
	Unmetered  bool                             // some node has none: its work is not known
	Instances  map[string]int                   // in flight on instances, by placement, where that is known
	Wakes      map[string]Wake                  // asked for since the plan before, or not yet answered
	Sleeps     map[string]bool                  // told to sleep now, down to mininstances

	// Stopping names placements that are past the point of no return although
	// the snapshot does not show it yet: the store refused to turn them back.
	Stopping map[string]bool

	Runs []cluster.Run // that ask for memory on their nodes

	Observed map[string]int64 // MiB that an instance takes, by component, where that is known
}

// See takes in what is known of all nodes' load.
func (l *Load) See(seen cluster.Load) {
	l.Components, l.Partial = seen.Components, seen.Partial
	l.Meters, l.Unmetered, l.Instances = seen.Meters, seen.Unmetered, seen.Instances
}

// Wake is a request to have at least one instance.
type Wake struct {
	At      time.Time
	Waiting bool   // for the answer; else it only counts as activity
	Node    string // that asked; preferred where everything else is equal
}

// Input is all that a plan depends on.
type Input struct {
	Snapshot *cluster.Snapshot
	Load     Load
	Memory   Memory // of the plan before; zero: the role was just taken
	Now      time.Time
	Zone     *time.Location // of crons; nil: UTC
	NewID    func() string  // names new placements
}

// Decision is what to do now. Writes belong in one transaction, in their order.
type Decision struct {
	Writes []cluster.PlacementWrite

	// Refusals names the components that lack an instance which fits nowhere,
	// and why. One that only waits for others to leave is not among them.
	Refusals map[string]*cluster.Failure

	// Reserved are the runs that there is room for, RunRefusals why the others
	// that asked can't run, by id.
	Reserved    []cluster.Run
	RunRefusals map[string]*cluster.Failure

	// Changes tell which components shall have more or fewer instances than the
	// plan before meant, and why.
	Changes []cluster.ScaleChange

	// Unplaceable is the memory, in MiB, of what components need and what would
	// fit on one more machine, but on none that there is; by component.
	Unplaceable map[string]int64

	Displaced []Displacement // by these writes

	// Next is when to plan again if nothing changes before; zero: never.
	Next time.Time

	Memory Memory // for the next plan
}

// Memory is what a plan passes to the next one. What is lost is derived again
// from the placements.
type Memory struct {
	// Scales are kept by component; one without placements that is asleep has
	// none. Nobody changes one.
	Scales cluster.Map[*Scale]

	// Stops tells of each placement that shall stop until when its row is kept
	// although its node reports no instance of it: the node may be about to
	// start one. Zero: it did report one, which can only go.
	Stops map[string]time.Time

	// Trials tells of placements since when their instance is ready, as long as
	// that is not enough to prove their version: it has no start check.
	Trials map[string]time.Time

	// Failures tells where components have failed, when that was last so;
	// Untold since when components wait for nodes to tell what they have.
	Failures map[string]time.Time
	Untold   map[string]time.Time

	// Unbegun tells of placements on nodes that the database is away from since
	// when nothing was heard of them.
	Unbegun map[string]time.Time

	Claims map[string]Claim // by the component that waits for the room

	Balance Balance

	Habits Habits

	past *past // nil: the next plan looks at everything
}

// Scale returns that of a component; zero: it has none.
func (m *Memory) Scale(component string) Scale {
	if s, ok := m.Scales.Get(component); ok {
		return *s
	}
	return Scale{}
}

// Scale is how many instances a component shall have, and why still.
type Scale struct {
	Target int

	// Asked is how many of them load asks for. What is held beyond that goes at
	// once when it is not held any more.
	Asked int

	// Needed is when there was last work. What has none for the idle time goes
	// to sleep.
	Needed time.Time

	// Awake is since when the target is not zero.
	Awake time.Time

	// Grown is when the target was last raised for a backlog, or an instance
	// replaced.
	Grown time.Time

	// Waking is set while nothing of the component has served yet, so that its
	// idle time starts when it is ready.
	Waking bool

	// Lacking is how many more it needed that fit nowhere.
	Lacking int

	Auto Auto

	rest rest
}

// Plan decides. Its cost is in the order of the components that are active:
// those with placements, load, a wake, mininstances or hours to be awake in, or
// that wait for room, and a glance at each whose version is being rolled out. A
// plan made on the outcome of a plan, at the same time and load, writes nothing.
func Plan(in Input) Decision {
	p := newPlanner(in)
	p.resumeMove()
	active := p.active()
	for _, c := range active {
		p.current = c
		p.removeGone(c)
		p.adopt(c)
	}
	p.current = nil
	p.looked = active
	p.recallClaims()
	p.noteFailures(active)
	p.promiseMoves(active)
	for _, c := range active {
		p.settle(c)
	}
	p.current = nil
	p.dropClaims(active)
	p.findProbes(active)
	p.place(active)
	active = p.probe(active)
	reserved, refused := p.reserveRuns()
	p.rebalance()
	for _, c := range byName(active, p.woken) {
		p.remember(c)
	}
	p.memory.Scales = p.memory.Scales.With(p.scales, p.asleep)
	p.memory.Habits = p.keepHabits()
	p.memory.past = p.keepPast()
	return Decision{
		Writes: p.writes(), Refusals: p.refusals, Reserved: reserved, RunRefusals: refused, Displaced: p.displaced,
		Changes: p.changes, Unplaceable: p.unplaceable, Next: p.next, Memory: p.memory,
	}
}

func byName(lists ...[]*component) []*component {
	all := slices.Concat(lists...)
	slices.SortFunc(all, func(a, b *component) int { return cmp.Compare(a.name, b.name) })
	return all
}

func newPlanner(in Input) *planner {
	return &planner{
		in: in, memory: newMemory(), rollouts: map[string]*cluster.RolloutWrite{}, scales: map[string]*Scale{}, habits: map[string]*cluster.Habit{}, rises: map[string]time.Time{},
		wants:    map[string]*cluster.Placement{},
		refusals: map[string]*cluster.Failure{}, claims: map[string]Claim{}, unplaceable: map[string]int64{},
	}
}

func newMemory() Memory {
	return Memory{
		Stops: map[string]time.Time{}, Trials: map[string]time.Time{},
		Failures: map[string]time.Time{}, Untold: map[string]time.Time{}, Unbegun: map[string]time.Time{},
		Claims: map[string]Claim{},
	}
}

type planner struct {
	in       Input
	nodes    *nodes                           // nil until something is to be placed
	reserved *reserves                        // nil until then
	calendar calendar                         // of the plan before, less what this one has taken out
	dates    []date                           // to put in
	homes    *homes                           // of named volumes; nil until asked for
	probes   []*component                     // under way
	steps    int                              // so far, after which others may have room
	again    []*component                     // to be placed by another version than was thought
	awaited  bool                             // room that something waits for is about to come free
	rollouts map[string]*cluster.RolloutWrite // by component
	deletes  []cluster.PlacementWrite
	wants    map[string]*cluster.Placement // by id
	inserts  []cluster.PlacementWrite
	refusals map[string]*cluster.Failure
	changes  []cluster.ScaleChange
	memory   Memory
	scales   map[string]*Scale
	asleep   []string                         // have no scale any more
	current  *component                       // that is looked at
	explains bool                             // what it goes by is to be as of now
	habits   map[string]*cluster.Habit        // that have changed
	rises    map[string]time.Time             // of those that were looked at
	met      map[string]*cluster.ComponentRow // that learn, and were not looked at before
	unmet    bool                             // there are more of those
	next     time.Time

	looked    []*component         // by this plan
	readings  map[string][]Reading // of the meters; nil until asked for
	views     map[string]*component
	woken     []*component        // that were at rest until this plan needed to know
	victims   map[string][]victim // by node
	claims    map[string]Claim    // that count now
	released  bool                // one of claims was given up
	displaced []Displacement

	unplaceable map[string]int64 // MiB by component
}

// active returns what this plan has to look at, in the order of names.
func (p *planner) active() []*component {
	names := slices.Sorted(maps.Keys(p.stirred()))
	out := make([]*component, 0, len(names))
	for _, name := range names {
		out = append(out, p.view(name))
	}
	return out
}

// all names the components that any plan has to look at of which nothing is
// known from the plan before.
func (p *planner) all() map[string]bool {
	names := map[string]bool{}
	for name := range p.in.Snapshot.ByComponent.All() {
		names[name] = true
	}
	for name := range p.in.Snapshot.Minimum.All() {
		names[name] = true
	}
	for name := range p.in.Snapshot.Awake.All() {
		names[name] = true
	}
	for name, l := range p.in.Load.Components {
		if l.Queued > 0 {
			names[name] = true
		}
	}
	for name := range p.in.Load.Wakes {
		names[name] = true
	}
	for _, name := range p.unplacedNames() {
		names[name] = true
	}
	for _, name := range p.habitsToLookAt() {
		names[name] = true
	}
	for name, scale := range p.in.Memory.Scales.All() {
		if scale.Target > 0 && p.declared(name) != nil {
			names[name] = true // its last row is gone, and the next waits for room
		}
	}
	return names
}

// settleTime is how long after a placement was stopped its node may still
// begin to start it: ample for a node that acts on a snapshot within moments.
const settleTime = time.Second

// removeGone deletes the rows whose container is gone, or whose node is lost,
// so that what they held is free for this very plan.
func (p *planner) removeGone(c *component) {
	for _, pl := range c.gone {
		p.deletes = append(p.deletes, cluster.PlacementWrite{Delete: pl})
	}
	kept := c.leaving[:0:0]
	for _, pl := range c.leaving {
		if p.gone(pl) {
			p.deletes = append(p.deletes, cluster.PlacementWrite{Delete: pl})
			c.removed = append(c.removed, pl)
			continue
		}
		kept = append(kept, pl)
	}
	c.leaving = kept
}

// gone tells whether nothing is left of a placement that shall stop: its node
// has said so since it started, and does not just begin.
func (p *planner) gone(pl *cluster.Placement) bool {
	until := p.noteStop(pl)
	if _, found := p.in.Snapshot.Instances.Get(pl.ID); found || !p.reported(pl.Node) {
		return false
	}
	if until.After(p.in.Now) {
		p.look(until)
		return false
	}
	delete(p.memory.Stops, pl.ID)
	return true
}

// noteStop remembers a placement that shall stop.
func (p *planner) noteStop(pl *cluster.Placement) (until time.Time) {
	until, known := p.in.Memory.Stops[pl.ID]
	if !known {
		until = p.in.Now.Add(settleTime)
	}
	if _, found := p.in.Snapshot.Instances.Get(pl.ID); found {
		until = time.Time{}
	}
	p.memory.Stops[pl.ID] = until
	return until
}

// reported tells whether what the snapshot knows of a node's instances was
// said by the daemon that runs there now.
func (p *planner) reported(node string) bool {
	n, ok := p.in.Snapshot.Nodes.Get(node)
	if !ok {
		return false
	}
	list, ok := p.in.Snapshot.Lists.Get(node)
	return ok && list.Epoch >= n.Epoch
}

// want makes pl what it shall be; the last word of a plan counts.
func (p *planner) want(pl *cluster.Placement, want cluster.Want) {
	changed := *pl
	changed.Want = want
	delete(p.wants, pl.ID)
	if want == cluster.WantStop {
		p.steps++
	}
	if pl.Want != want {
		p.wants[pl.ID] = &changed
	}
	if want == cluster.WantRun {
		delete(p.memory.Stops, pl.ID)
	} else if until := p.noteStop(pl); !until.IsZero() {
		p.look(until)
	}
	if p.nodes != nil {
		p.turn(p.nodes, &changed)
	}
}

// look makes the next plan happen at t or before, and look at what this one
// looks at now.
func (p *planner) look(t time.Time) {
	p.next = sooner(p.next, t)
	if c := p.current; c != nil {
		c.look = sooner(c.look, t)
	}
}

// sooner returns the sooner of two times, of which the first may be zero: never.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}

// remember keeps what the next plan needs of a component.
func (p *planner) remember(c *component) {
	p.noteChange(c)
	p.noteRise(c)
	_, hours := p.in.Snapshot.Awake.Get(c.name)
	if c.memory.Target == 0 && c.rows() == 0 && !hours {
		p.asleep = append(p.asleep, c.name)
		return
	}
	c.memory.rest = p.settled(c)
	kept := c.memory // alone: what is kept for long keeps no snapshot
	p.scales[c.name] = &kept
}

// writes puts what makes room before what needs it.
func (p *planner) writes() []cluster.PlacementWrite {
	writes := make([]cluster.PlacementWrite, 0, len(p.rollouts)+len(p.deletes)+len(p.wants)+len(p.inserts))
	for _, name := range slices.Sorted(maps.Keys(p.rollouts)) {
		writes = append(writes, cluster.PlacementWrite{Rollout: p.rollouts[name]})
	}
	writes = append(writes, p.deletes...)
	for _, id := range slices.Sorted(maps.Keys(p.wants)) {
		writes = append(writes, cluster.PlacementWrite{Want: p.wants[id]})
	}
	return append(writes, p.inserts...)
}
