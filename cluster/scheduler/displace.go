package scheduler

import (
	"cmp"
	"slices"
	"time"

	"maelstrom/cluster"
)

// Claim is room that idle instances of others give up for a component that
// somebody waits for. Nothing else gets it.
type Claim struct {
	Node    string
	MiB     int64
	Victims []string // placements that make the room; none of them is turned back
}

// Displacement is an idle instance that stops to make room for a component.
type Displacement struct {
	Component string // of the instance
	Placement string
	Node      string
	For       string // component
}

// victim is an instance that may be displaced.
type victim struct {
	c      *component
	pl     *cluster.Placement
	copies int // instances of its component, if it is the next to go here
}

// sacrifice is what it takes to have room on a node.
type sacrifice struct {
	node    *node
	need    int64
	victims []victim // the one that is missed least first
	score   float64
}

// displace makes room for the first instance of a component that somebody waits
// for, or for one of those that there are at any time, in the place of idle
// instances of others; false: it is not worth that, or there are none. It frees
// no more than is needed. While the load of some node is not known, nothing is
// idle.
func (p *planner) displace(c *component) bool {
	if !p.starved(c) || p.in.Load.Partial {
		return false
	}
	p.release(c.name)
	var best *sacrifice
	for _, n := range p.room().list {
		if s := p.sacrifice(c, n); s != nil && (best == nil || s.compare(best) < 0) {
			best = s
		}
	}
	if best == nil {
		return false
	}
	claim := Claim{Node: best.node.row.ID, MiB: best.need}
	for _, v := range best.victims {
		p.evict(v)
		claim.Victims = append(claim.Victims, v.pl.ID)
		p.displaced = append(p.displaced, Displacement{Component: v.c.name, Placement: v.pl.ID, Node: v.pl.Node, For: c.name})
	}
	p.claims[c.name], p.memory.Claims[c.name] = claim, claim
	best.node.claimed += claim.MiB
	return true
}

// starved tells whether a component lacks what it must have now.
func (p *planner) starved(c *component) bool {
	return p.starves(c, c.busy() || p.in.Load.Wakes[c.name].Waiting)
}

// starves tells whether a component lacks what it must have, if somebody waits for
// it or not. A gate whose image has yet to come serves nobody.
func (p *planner) starves(c *component, asked bool) bool {
	if c.surge || c.probe {
		return false
	}
	live := c.live()
	if c.kept != nil {
		live -= p.pulls(c)
	}
	return live <= 0 && asked || live < c.least
}

// sacrifice finds the idle instances that c needs the room of on a node; nil:
// they would not do, or there is more in its way.
func (p *planner) sacrifice(c *component, n *node) *sacrifice {
	s := &sacrifice{node: n, need: p.need(c, n)}
	missing := s.need - p.freeFor(c, n, soon)
	if missing <= 0 {
		return nil
	}
	n.leaving += missing
	o := p.obstacle(c, n, soon)
	n.leaving -= missing
	if o != nil {
		return nil
	}
	freed, taken := int64(0), map[*component]int{}
	for _, v := range p.victimsOn(n) {
		if v.c == c || v.c.live()-taken[v.c] <= v.c.least {
			continue
		}
		taken[v.c]++
		s.victims = append(s.victims, v)
		if freed += p.weight(v.pl, n); freed >= missing {
			p.spare(s, freed-missing)
			s.score = p.score(c, n).Total
			return s
		}
	}
	return nil
}

// spare keeps what turns out to be too much, first what would be missed most.
func (p *planner) spare(s *sacrifice, tooMuch int64) {
	for i := len(s.victims) - 1; i >= 0; i-- {
		if w := p.weight(s.victims[i].pl, s.node); w <= tooMuch {
			tooMuch -= w
			s.victims = slices.Delete(s.victims, i, i+1)
		}
	}
}

// compare puts first what is missed least.
func (s *sacrifice) compare(o *sacrifice) int {
	copies, last := s.dearest()
	otherCopies, otherLast := o.dearest()
	return cmp.Or(
		cmp.Compare(otherCopies, copies), last.Compare(otherLast),
		cmp.Compare(len(s.victims), len(o.victims)), cmp.Compare(o.score, s.score),
	)
}

// dearest is the fewest instances that a victim is one of, and when there was
// last work for any.
func (s *sacrifice) dearest() (copies int, last time.Time) {
	for i, v := range s.victims {
		if i == 0 || v.copies < copies {
			copies = v.copies
		}
		last = later(v.c.memory.Needed, last)
	}
	return copies, last
}

// victimsOn lists what may be displaced on a node: of the component with most
// instances first, then of the one that has had no work for longest, then of the
// one whose next request is farthest.
func (p *planner) victimsOn(n *node) []victim {
	if found, known := p.victims[n.row.ID]; known {
		return found
	}
	var found []victim
	rows, _ := p.in.Snapshot.ByNode.Get(n.row.ID)
	for _, row := range rows {
		c := p.viewed(row.Component)
		if !p.displaceable(c) {
			continue
		}
		if i := slices.IndexFunc(c.running, func(pl *cluster.Placement) bool { return pl.ID == row.ID }); i >= 0 && p.idle(c, c.running[i]) {
			found = append(found, victim{c: c, pl: c.running[i]})
		}
	}
	slices.SortFunc(found, func(a, b victim) int {
		return cmp.Or(cmp.Compare(a.c.name, b.c.name), p.compareWorth(a.pl, b.pl), cmp.Compare(a.pl.ID, b.pl.ID))
	})
	for i, v := range found {
		found[i].copies = v.c.live()
		if i > 0 && found[i-1].c == v.c {
			found[i].copies = found[i-1].copies - 1
		}
	}
	slices.SortStableFunc(found, func(a, b victim) int {
		return cmp.Or(cmp.Compare(b.copies, a.copies), a.c.memory.Needed.Compare(b.c.memory.Needed),
			p.nextRequest(b.c).Compare(p.nextRequest(a.c)))
	})
	if p.victims == nil {
		p.victims = map[string][]victim{}
	}
	p.victims[n.row.ID] = found
	return found
}

// displaceable tells whether instances of a component may be displaced as far
// as it is itself concerned: nobody waits for it, nothing of it is on its way,
// and no version of it has to prove itself.
func (p *planner) displaceable(c *component) bool {
	_, asked := p.in.Load.Wakes[c.name]
	return c.row != nil && c.kept == nil && !asked && c.load.Queued == 0 &&
		len(c.outdated)+len(c.fresh)+c.wanted+c.fill == 0 &&
		p.count(c.running, starting)+p.count(c.running, unknown) == 0
}

// idle tells whether an instance has nothing in flight, as far as that is
// certain.
func (p *planner) idle(c *component, pl *cluster.Placement) bool {
	if s := p.stage(pl); s != ready && s != failed {
		return false
	}
	n, told := p.in.Load.Instances[pl.ID]
	return n == 0 && (told || c.load.InFlight == 0)
}

// evict stops an instance for good: its component has one less.
func (p *planner) evict(v victim) {
	for _, pl := range v.c.all() {
		delete(p.victims, pl.Node)
	}
	v.c.running = slices.DeleteFunc(slices.Clone(v.c.running), func(pl *cluster.Placement) bool { return pl == v.pl })
	p.want(v.pl, cluster.WantStop)
	v.c.leaving = append(v.c.leaving, v.pl)
	p.forgo(v.c)
	v.c.memory.cap(v.c.live())
	v.c.cause = cluster.ScaleDisplaced
}

// recallClaims takes up what the plan before has set aside. What is not said
// again in this one has an end.
func (p *planner) recallClaims() {
	for name, claim := range p.in.Memory.Claims {
		if p.insists(name) {
			p.claims[name] = claim
		}
	}
}

// insists tells whether a component still has a reason for others to make room.
func (p *planner) insists(name string) bool {
	row := p.declared(name)
	switch {
	case row == nil:
		return false
	case isBusy(p.in.Load.Components[name]) || p.in.Load.Wakes[name].Waiting:
		return true
	}
	c := &component{name: name}
	c.take(row)
	_, least := p.minimum(c)
	return least > 0
}

// release gives up what was set aside for a component.
func (p *planner) release(name string) {
	claim, ok := p.claims[name]
	if !ok {
		return
	}
	if n := p.room().of(claim.Node); n != nil {
		n.claimed -= claim.MiB
	}
	delete(p.claims, name)
	delete(p.memory.Claims, name)
	p.released = true
}

// dropClaims releases what was set aside for components that miss nothing now.
func (p *planner) dropClaims(active []*component) {
	missing := map[string]bool{}
	for _, c := range active {
		missing[c.name] = c.wanted+c.fill > 0
	}
	for name := range p.claims {
		if !missing[name] {
			p.release(name)
		}
	}
}

// takeBack turns back what could not be while its room was set aside for others.
func (p *planner) takeBack(c *component) {
	if !p.released || c.row == nil || c.kept != nil {
		return
	}
	before := c.live()
	p.turnBack(c, c.memory.Target-before)
	c.wanted = max(0, c.wanted-(c.live()-before))
	c.stuck = c.stuck && c.wanted+c.fill > 0
}

// keepClaim goes on waiting for what was set aside for c, or sets aside what it
// waits for: it may have been made for it by the holder of the role before.
func (p *planner) keepClaim(c *component) {
	if claim, ok := p.claims[c.name]; ok {
		p.memory.Claims[c.name] = claim
		return
	}
	if !p.starved(c) {
		return
	}
	var best *node
	var victims []string
	for _, n := range p.room().list {
		if p.obstacle(c, n, soon) != nil || best != nil && p.score(c, n).Total <= p.score(c, best).Total {
			continue
		}
		if leaving := p.leavingFor(c, n); leaving != nil {
			best, victims = n, leaving
		}
	}
	if best == nil {
		return
	}
	claim := Claim{Node: best.row.ID, MiB: p.need(c, best), Victims: victims}
	p.claims[c.name], p.memory.Claims[c.name] = claim, claim
	best.claimed += claim.MiB
}

// leavingFor names as many of the instances that leave a node as c needs the
// room of; nil: they would not do. What leaves for a successor leaves no room.
func (p *planner) leavingFor(c *component, n *node) (leaving []string) {
	missing := p.need(c, n) - p.freeFor(c, n, now)
	rows, _ := p.in.Snapshot.ByNode.Get(n.row.ID)
	for _, pl := range rows {
		if missing <= 0 {
			break
		}
		if o := p.viewed(pl.Component); slices.Contains(o.leaving, pl) && o.memory.Target <= o.live() && !p.claimed(pl) {
			leaving = append(leaving, pl.ID)
			missing -= p.weight(pl, n)
		}
	}
	if missing > 0 {
		return nil
	}
	return leaving
}

// claimed tells whether the room of an instance is promised to another component.
func (p *planner) claimed(pl *cluster.Placement) bool {
	for _, claim := range p.claims {
		if slices.Contains(claim.Victims, pl.ID) {
			return true
		}
	}
	return false
}
