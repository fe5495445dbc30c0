package scheduler

import (
	"maps"
	"slices"
	"time"

	"maelstrom/cluster"
)

// mostDue bounds how many components a plan looks at for no other reason than
// that it is time. The others are looked at by the next plan, at once, so that
// nobody who waits for a plan waits for all of them.
const mostDue = 100

// rest is how a component is left alone: a plan that has found nothing to do
// with it tells until when there will not be anything, as long as nothing
// changes that it depends on.
type rest struct {
	is    bool
	until time.Time // at the latest; zero: for ever

	busy bool // it had work; without, it rests for the idle time from its end on
	idle time.Duration

	grows bool      // there may be more instances of it, once it has work
	from  time.Time // when that is decided at the earliest

	learns bool      // it learns from each request
	learnt time.Time // when the last one was
}

// past is what the plan before went by.
type past struct {
	snap *cluster.Snapshot
	load Load
	at   time.Time
	zone *time.Location

	restless []string // that are to be looked at by any plan
	calendar calendar // of the others

	reserved *reserves
}

// stirred names the components that a plan has to look at: those that the plan
// before did not leave at rest, those of which something has changed since, and
// those whose time has come.
func (p *planner) stirred() map[string]bool {
	before := p.in.Memory.past
	if before == nil || before.otherwise(&p.in) {
		return p.all()
	}
	p.memory.Scales = p.in.Memory.Scales
	names := map[string]bool{}
	for _, source := range [][]string{p.unplacedNames(), slices.Collect(maps.Keys(p.in.Load.Wakes)), slices.Collect(maps.Keys(p.in.Load.Sleeps))} {
		for _, name := range source {
			names[name] = true
		}
	}
	for name := range p.in.Snapshot.Unreleased.All() {
		names[name] = true
	}
	if p.in.Memory.Balance.Move.Placement != "" {
		names[p.in.Memory.Balance.Move.Component] = true
	}
	before.changed(p.in.Snapshot, names)
	p.due(names)
	p.loaded(names)
	maps.DeleteFunc(names, func(name string, _ bool) bool {
		active := p.isActive(name)
		if !active {
			p.asleep = append(p.asleep, name)
		}
		return !active
	})
	for _, name := range p.habitsToLookAt() {
		names[name] = true
	}
	return names
}

// otherwise tells whether a plan goes by something else than the one before in
// a way that concerns every component.
func (b *past) otherwise(in *Input) bool {
	return b.zone != in.Zone || in.Now.Before(b.at) || b.load.Partial != in.Load.Partial ||
		b.load.Unmetered != in.Load.Unmetered || (len(b.load.Meters) == 0) != (len(in.Load.Meters) == 0)
}

// changed adds the components that a snapshot shows otherwise.
func (b *past) changed(snap *cluster.Snapshot, names map[string]bool) {
	for name := range snap.Components.Differing(b.snap.Components) {
		now, _ := snap.Components.Get(name)
		if was, _ := b.snap.Components.Get(name); was != now {
			names[name] = true
		}
	}
	for name := range snap.ByComponent.Differing(b.snap.ByComponent) {
		now, _ := snap.ByComponent.Get(name)
		if was, _ := b.snap.ByComponent.Get(name); !slices.Equal(was, now) {
			names[name] = true
		}
	}
	for id := range snap.Instances.Differing(b.snap.Instances) {
		now, _ := snap.Instances.Get(id)
		was, _ := b.snap.Instances.Get(id)
		if was == now || was != nil && now != nil && *was == *now {
			continue
		}
		for _, i := range []*cluster.Instance{was, now} {
			if i != nil {
				names[i.Component] = true
			}
		}
	}
	for name := range snap.CronsOf.Differing(b.snap.CronsOf) {
		now, _ := snap.CronsOf.Get(name)
		if was, _ := b.snap.CronsOf.Get(name); !slices.Equal(was, now) {
			names[name] = true
		}
	}
	b.nodesChanged(snap, names)
}

// nodesChanged adds the components of nodes that are otherwise now.
func (b *past) nodesChanged(snap *cluster.Snapshot, names map[string]bool) {
	changed := map[string]bool{}
	for id := range snap.Nodes.Differing(b.snap.Nodes) {
		now, _ := snap.Nodes.Get(id)
		if was, _ := b.snap.Nodes.Get(id); !sameNode(was, now) {
			changed[id] = true
		}
	}
	for id := range snap.Lists.Differing(b.snap.Lists) {
		now, _ := snap.Lists.Get(id)
		if was, _ := b.snap.Lists.Get(id); was.Epoch != now.Epoch {
			changed[id] = true
		}
	}
	for id := range changed {
		rows, _ := snap.ByNode.Get(id)
		for _, pl := range rows {
			names[pl.Component] = true
		}
	}
}

// sameNode tells whether two rows of a node mean the same to what runs there.
func sameNode(a, b *cluster.Node) bool {
	if a == b || a == nil || b == nil {
		return a == b
	}
	return a.State == b.State && a.Lost == b.Lost && a.Drain == b.Drain && a.Epoch == b.Epoch &&
		maps.Equal(a.Labels, b.Labels) && maps.Equal(a.Mounts, b.Mounts)
}

// loaded adds the components that somebody waits for, or did, and those whose
// load tells less of their last work than it did. That there is more work is
// no reason to look at what has enough instances; when it is looked at, it is
// as busy then, or the load tells when that ended.
func (p *planner) loaded(names map[string]bool) {
	before, loads := p.in.Memory.past, p.in.Load.Components
	known, learns := 0, p.in.Snapshot.Learned.Len() > 0
	for name, now := range loads {
		was, told := before.load.Components[name]
		if told {
			known++
		}
		switch begun := isBusy(now) && !isBusy(was); {
		case now.Queued > 0 || was.Queued > 0 || now.LastRequest.Before(before.lastWork(was, now)):
			names[name] = true
		case begun || learns && (isBusy(now) || !now.LastRequest.Equal(was.LastRequest)):
			p.stir(name, begun, names)
		}
	}
	if known == len(before.load.Components) {
		return
	}
	for name := range before.load.Components {
		if _, told := loads[name]; !told {
			names[name] = true
		}
	}
}

// lastWork is when a load that was known told of work; zero if what is known now
// tells of work just as well.
func (b *past) lastWork(was, now cluster.ComponentLoad) time.Time {
	switch {
	case isBusy(now):
		return time.Time{}
	case isBusy(was):
		return later(b.at, was.LastRequest)
	}
	return was.LastRequest
}

func isBusy(l cluster.ComponentLoad) bool { return l.InFlight+l.Queued > 0 }

// due adds what is not at rest, or was until now.
func (p *planner) due(names map[string]bool) {
	before := p.in.Memory.past
	for _, name := range before.restless {
		names[name] = true
	}
	scales := p.in.Memory.Scales
	p.calendar = slices.Clone(before.calendar)
	for n := 0; ; {
		d, is := p.calendar.pop(p.in.Now)
		switch {
		case !is:
			p.lookAt(p.calendar.next(scales))
			return
		case !d.stands(scales):
		case !p.isDue(d.component, &d.scale.rest):
			if !d.once {
				p.lookAt(p.note(d.component, d.scale))
			}
		case n < mostDue:
			names[d.component] = true
			n++
		default:
			p.dates = append(p.dates, d)
			p.look(p.in.Now)
			return
		}
	}
}

// stir looks at a component that has work, if its rest is over by that. If it will
// be with the work that has just begun, that is noted.
func (p *planner) stir(name string, begun bool, names map[string]bool) {
	s, known := p.in.Memory.Scales.Get(name)
	if !known || !s.rest.is {
		return
	}
	at := p.in.Now
	switch due := p.isDue(name, &s.rest); {
	case due && len(names) < mostDue:
		names[name] = true
		return
	case !due && !(begun && s.rest.grows):
		return
	case !due:
		at = s.rest.from
	}
	p.dates = append(p.dates, date{at: at, component: name, scale: s, once: true})
	p.look(at)
}

// note puts in when a component at rest is to be thought about again.
func (p *planner) note(name string, s *Scale) time.Time {
	at := s.rest.again(p.in.Load.Components[name], p.in.Now)
	if !at.IsZero() {
		p.dates = append(p.dates, date{at: at, component: name, scale: s})
	}
	return at
}

// lookAt makes the next plan happen at t or before; zero: whenever.
func (p *planner) lookAt(t time.Time) {
	if !t.IsZero() {
		p.look(t)
	}
}

// keepPast returns what the next plan finds of this one.
func (p *planner) keepPast() *past {
	now := &past{snap: p.in.Snapshot, load: p.in.Load, at: p.in.Now, zone: p.in.Zone, reserved: p.reserves()}
	for name, s := range p.scales {
		if s.rest.is {
			p.note(name, s)
		} else {
			now.restless = append(now.restless, name)
		}
	}
	now.calendar = p.calendar.with(p.dates, p.memory.Scales)
	return now
}

// isDue tells whether a component was at rest until now.
func (p *planner) isDue(name string, r *rest) bool {
	l := p.in.Load.Components[name]
	at := r.again(l, p.in.Now)
	return !at.IsZero() && !at.After(p.in.Now) || r.learns && teaches(workAt(l, p.in.Now), r.learnt)
}

// again is when a rest may end at the earliest, if no work begins until then;
// zero: it does not.
func (r *rest) again(l cluster.ComponentLoad, now time.Time) time.Time {
	at := r.until
	if r.grows && isBusy(l) {
		at = sooner(at, r.from)
	}
	if r.busy {
		at = sooner(at, workAt(l, now).Add(r.idle))
	}
	return at
}

// isActive tells whether a component is one that Plan has to look at, if
// anything of it changes.
func (p *planner) isActive(name string) bool {
	snap := p.in.Snapshot
	if _, ok := snap.ByComponent.Get(name); ok {
		return true
	}
	if _, ok := snap.Minimum.Get(name); ok {
		return true
	}
	if _, ok := snap.Awake.Get(name); ok {
		return true
	}
	if _, ok := p.in.Load.Wakes[name]; ok || p.in.Load.Components[name].Queued > 0 {
		return true
	}
	unplaced, _ := snap.Unplaced.Get(name)
	return slices.ContainsFunc(unplaced, isProvisional) || p.in.Memory.Scale(name).Target > 0 && p.declared(name) != nil
}

// viewed returns a component as it is in this plan; one that is at rest is looked
// at for that.
func (p *planner) viewed(name string) *component {
	if p.views == nil {
		p.views = make(map[string]*component, len(p.looked))
		for _, c := range p.looked {
			p.views[c.name] = c
		}
	}
	c := p.views[name]
	if c == nil {
		c = p.wakeful(name)
		p.views[name] = c
		p.woken = append(p.woken, c)
	}
	return c
}

// catchUp makes up for the plans that have left a component alone: it may have
// been busy.
func (p *planner) catchUp(c *component, m *Scale) {
	before := p.in.Memory.past
	if before == nil || !m.rest.is || m.Target == 0 {
		return
	}
	was := before.load.Components[c.name]
	m.Needed = later(m.Needed, was.LastRequest)
	if isBusy(was) {
		m.Needed = later(m.Needed, before.at)
	}
}

// settled tells how a component is left by this plan.
func (p *planner) settled(c *component) rest {
	if !p.rests(c) {
		return rest{}
	}
	return rest{
		is: true, until: c.look, busy: c.busy(), idle: c.spec.IdleTimeout(),
		grows: c.most() != 1, from: later(c.memory.Auto.Ticked.Add(tick), p.in.Now),
		learns: c.learns, learnt: c.lastLearnt(),
	}
}

func (c *component) lastLearnt() time.Time {
	if c.habit == nil {
		return time.Time{}
	}
	return c.habit.Last
}

// rests tells whether a component has what it shall have, all of it is ready,
// and nobody waits.
func (p *planner) rests(c *component) bool {
	d := c.declared
	if d == nil || c.held || c.kept != nil || d.Unproven() || d.Failed != nil || p.refusals[c.name] != nil {
		return false
	}
	if len(c.outdated)+len(c.leaving)+len(c.fresh)+len(c.gone)+len(c.removed)+len(c.stays) > 0 {
		return false
	}
	if c.probe || c.load.Queued > 0 || c.memory.Waking || c.memory.Lacking > 0 || c.memory.Target != len(c.running) {
		return false
	}
	for _, pl := range c.running {
		if i, ok := p.in.Snapshot.Instances.Get(pl.ID); !ok || i.State != cluster.InstanceReady || i.Suspect {
			return false
		}
	}
	unplaced, _ := p.in.Snapshot.Unplaced.Get(c.name)
	return len(unplaced) == 0
}
