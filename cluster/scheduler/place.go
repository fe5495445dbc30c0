package scheduler

import "maelstrom/cluster"

// place finds nodes for what is wanted, one instance of each component per
// round, so that a large backlog of one does not take the memory that another
// needs for its first instance.
func (p *planner) place(active []*component) {
	for more := true; more; {
		more = false
		for _, c := range active {
			if c.wanted == 0 {
				continue
			}
			if p.placeOne(c) {
				c.wanted--
				more = true
			} else {
				c.wanted = 0
			}
		}
	}
}

// placeOne adds a placement. Where it does not fit, it notes why, or makes
// room where that is the way.
func (p *planner) placeOne(c *component) bool {
	if c.full() {
		return false
	}
	if p.nodes == nil {
		p.nodes = newNodes(p.in.Snapshot, p.deletes, p.wants)
	}
	node, refusal := p.choose(c)
	if node != nil {
		p.insert(c, node)
		return true
	}
	if refusal == nil {
		return false
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
	return false
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
