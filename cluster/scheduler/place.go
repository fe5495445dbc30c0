package scheduler

import "maelstrom/cluster"

// place finds nodes for what is wanted, one instance of each component per
// round, so that a large backlog of one does not take the memory that another
// needs for its first instance. What fits nowhere is dealt with when all the
// rest is placed.
func (p *planner) place(active []*component) {
	var unplaced []*component
	for more := true; more; {
		more = false
		for _, c := range active {
			switch {
			case c.wanted == 0:
			case c.full():
				c.wanted = 0
			case p.placeOne(c):
				c.wanted--
				more = true
			default:
				c.wanted = 0
				unplaced = append(unplaced, c)
			}
		}
	}
	for _, c := range unplaced {
		p.refuse(c)
	}
}

// placeOne adds a placement, if there is room.
func (p *planner) placeOne(c *component) bool {
	if p.nodes == nil {
		p.nodes = newNodes(p.in.Snapshot, p.deletes, p.wants)
	}
	n := p.choose(c)
	if n != nil {
		p.insert(c, n)
	}
	return n != nil
}

// refuse gives up what fits nowhere and will not, unless an outdated instance
// can make room for its successor.
func (p *planner) refuse(c *component) {
	refusal := p.refusal(c)
	if refusal == nil {
		return
	}
	if !c.surge {
		c.memory.cap(max(c.live(), c.spec.MinInstances))
		if c.live() == 0 || c.live() < c.spec.MinInstances {
			p.refusals[c.name] = refusal
		}
	}
	if len(c.outdated) > 0 && len(c.fresh) == 0 && p.serves(c) == len(c.running) {
		p.stopOneForNext(c)
	}
}

func (p *planner) insert(c *component, n *node) {
	pl := &cluster.Placement{
		ID:            p.in.NewID(),
		Component:     c.name,
		Slot:          c.freeSlot(),
		Node:          n.row.ID,
		Want:          cluster.WantRun,
		PlacedVersion: c.row.Version,
		MemoryMiB:     c.spec.ReserveMemory,
	}
	c.fresh = append(c.fresh, pl)
	p.nodes.reserve(pl)
	p.inserts = append(p.inserts, cluster.PlacementWrite{Insert: pl})
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
