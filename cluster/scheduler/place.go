package scheduler

import (
	"slices"

	"maelstrom/cluster"
	"maelstrom/project"
)

// place finds nodes for what is wanted, one instance of each component per
// round, so that a large backlog of one does not take the memory that another
// needs for its first instance. What fits nowhere is dealt with when all the
// rest is placed.
func (p *planner) place(queue []*component) {
	for len(queue) > 0 {
		p.again = nil
		p.rounds(queue)
		for _, c := range queue {
			if p.takeBack(c); c.stuck {
				p.giveUp(c)
			}
		}
		queue = append(p.again, p.relieved(queue)...)
	}
}

// relieved returns what was refused before others stopped something, or gave up to
// have more and may be displaced, to be planned once more.
func (p *planner) relieved(queue []*component) (out []*component) {
	for _, c := range queue {
		if c.gaveUp == 0 || c.gaveUp == p.steps || len(c.fresh) > 0 || c.relieved {
			continue
		}
		c.relieved, p.victims = true, nil
		delete(p.refusals, c.name)
		delete(p.unplaceable, c.name)
		p.scale(c)
		p.reconcile(c)
		out = append(out, c)
	}
	return out
}

// rounds places until nothing more can be; what fits nowhere is stuck. Where the
// volumes of one go, others may have been waiting to know.
func (p *planner) rounds(queue []*component) {
	for more := true; more; {
		more = false
		for _, c := range queue {
			switch {
			case c.wanted+c.fill == 0 || c.stuck:
			case c.full():
				c.wanted, c.fill = 0, 0
			case p.placeOne(c):
				more = true
				if c.hasVolumes() {
					letTry(queue)
				}
			default:
				c.stuck = true
			}
		}
	}
}

// letTry lets those try again that mount named volumes.
func letTry(queue []*component) {
	for _, c := range queue {
		c.stuck = c.stuck && !c.hasVolumes()
	}
}

// hasVolumes tells whether c mounts named volumes.
func (c *component) hasVolumes() bool {
	return slices.ContainsFunc(c.spec.Volumes, func(v project.Volume) bool { return v.Type == "volume" })
}

// next is the version of the next placement: those of the kept one come after
// the one that has to prove itself.
func (c *component) next() *cluster.ComponentRow {
	if c.kept != nil && c.wanted == 0 && c.fill > 0 {
		return c.kept
	}
	return c.row
}

// placeOne adds a placement, if there is room.
func (p *planner) placeOne(c *component) bool {
	n := p.choose(c)
	if n == nil {
		return false
	}
	p.insert(c, n)
	if c.wanted > 0 {
		c.wanted--
	} else {
		c.fill--
	}
	return true
}

// giveUp deals with what fits nowhere.
func (p *planner) giveUp(c *component) {
	refusal, gate := p.refusal(c), c.kept != nil && c.wanted > 0
	room := refusal == nil || p.yield(c)
	if room {
		p.keepClaim(c)
	} else {
		room = p.displace(c)
	}
	c.wanted, c.fill, c.stuck = 0, 0, false
	switch {
	case room:
		p.awaited = true // what is leaving will make it
	case gate:
		p.makeRoom(c, refusal)
	case c.kept != nil && len(c.outdated) == 0 && p.pulls(c) > 0:
		p.refuseVersion(c, inTheWay())
	default:
		p.refuse(c, refusal)
	}
}

// refuse gives up what fits nowhere and will not, unless an outdated instance
// can make room for its successor.
func (p *planner) refuse(c *component, refusal *cluster.Failure) {
	if p.forgo(c) {
		return
	}
	if !c.surge {
		p.lack(c)
		if c.live() == 0 || c.live() < c.least {
			p.refusals[c.name] = refusal
		}
	}
	if c.kept == nil && len(c.leaving) == 0 && len(c.fresh) == 0 && p.serves(c) == len(c.running) {
		p.refuseNext(c, refusal)
	}
	if c.live() > 0 || p.steps == 0 {
		p.steps++
	}
	c.gaveUp = p.steps
}

// refuseNext makes room for the next instance of a roll-out. What it replaces
// stays where that would be in vain and nothing of the version runs yet.
func (p *planner) refuseNext(c *component, refusal *cluster.Failure) {
	switch {
	case c.onlyMoves() || p.stopFor(c):
	case c.stopFirst():
		p.stopBatch(c)
	case len(c.running) > 0:
		p.stopOneForNext(c)
	default:
		p.refusals[c.name] = refusal
	}
}

func (p *planner) insert(c *component, n *node) {
	row := c.next()
	pl := &cluster.Placement{
		ID:            p.in.NewID(),
		Component:     c.name,
		Slot:          c.freeSlot(),
		Node:          n.row.ID,
		Want:          cluster.WantRun,
		PlacedVersion: row.Version,
		MemoryMiB:     row.Effective.ReserveMemory,
	}
	c.fresh = append(c.fresh, pl)
	p.release(c.name)
	n.reserved += p.weight(pl, n)
	p.inserts = append(p.inserts, cluster.PlacementWrite{Insert: pl})
	p.addHomes(pl)
}

// freeSlot returns the lowest number that no placement of c has.
func (c *component) freeSlot() int {
	taken := map[int]bool{}
	for _, pl := range c.all() {
		taken[pl.Slot] = true
	}
	slot := 0
	for taken[slot] {
		slot++
	}
	return slot
}
