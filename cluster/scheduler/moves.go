package scheduler

import (
	"slices"

	"maelstrom/cluster"
)

// misplaced tells whether a placement is where none of its component would be
// put today, for good: it moves as soon as it has a place elsewhere.
func (c *component) misplaced(pl *cluster.Placement) bool {
	n, ok := c.snap.Nodes.Get(pl.Node)
	switch {
	case !ok:
		return false
	case pl.ID == c.moves || n.State == cluster.NodeDraining || !n.Labelled(c.spec.Nodes):
		return true
	}
	return c.lacks(n, pl) || c.refused(pl)
}

// refused tells whether the node of a placement would not start it: something
// that has no row any more still has the memory.
func (c *component) refused(pl *cluster.Placement) bool {
	i, ok := c.snap.Instances.Get(pl.ID)
	return ok && i.State == cluster.InstanceBackoff && i.Reason == cluster.ReasonNoCapacity
}

// lacks tells whether an instance can't start because its node has not what it
// mounts. One that runs already does not need it to be there again.
func (c *component) lacks(n *cluster.Node, pl *cluster.Placement) bool {
	i, ok := c.snap.Instances.Get(pl.ID)
	if ok && (i.State == cluster.InstanceReady || i.State == cluster.InstanceDraining) {
		return false
	}
	for _, v := range c.spec.Volumes {
		if v.Type == "bind" && n.Mounts[v.Source] == cluster.Absent {
			return true
		}
	}
	return false
}

// forced tells whether an instance has to leave its node even if it has no
// place elsewhere.
func (c *component) forced(pl *cluster.Placement) bool {
	n, ok := c.snap.Nodes.Get(pl.Node)
	return ok && n.State == cluster.NodeDraining && n.Drain == cluster.DrainForce
}

// promiseMoves sets room aside for what was stopped to be moved and has not
// arrived, so that nothing else is stopped for the same room.
func (p *planner) promiseMoves(active []*component) {
	for _, c := range active {
		if c.row == nil {
			continue
		}
		away := p.in.Memory.Scale(c.name).Target - c.live()
		for _, pl := range slices.Concat(c.removed, c.leaving) {
			if away > 0 && runs(c.row, pl) && c.misplaced(pl) {
				p.promise(c, pl)
				away--
			}
		}
	}
}

// promise sets memory aside for the successor of a placement, or for one more
// instance if pl is nil, within this plan; false: it has no place elsewhere.
func (p *planner) promise(c *component, pl *cluster.Placement) bool {
	outdated, leaving := c.outdated, c.leaving
	defer func() { c.outdated, c.leaving = outdated, leaving }()
	c.outdated = slices.DeleteFunc(slices.Clone(outdated), func(o *cluster.Placement) bool { return o == pl })
	if len(c.outdated) < len(outdated) {
		c.leaving = append(slices.Clone(leaving), pl)
	}
	var best *node
	for _, n := range p.room().list {
		if p.freeFor(c, n, soon)-n.promised < p.need(c, n) || p.obstacle(c, n, soon) != nil {
			continue
		}
		if best == nil || n.free(soon)-n.promised > best.free(soon)-best.promised {
			best = n
		}
	}
	if best == nil {
		return false
	}
	best.promised += p.need(c, best)
	return true
}

// chooseMoves sorts out the misplaced placements: those that have a place
// elsewhere are replaced as if they were of another version. Of the others,
// those that must leave are stopped, the rest stays.
func (p *planner) chooseMoves(c *component) {
	if c.row == nil {
		return
	}
	isMove := func(pl *cluster.Placement) bool { return runs(c.row, pl) && !c.stays[pl.ID] }
	if !slices.ContainsFunc(c.outdated, isMove) {
		return
	}
	for range c.memory.Target - c.live() {
		p.promise(c, nil) // what is missing comes first
	}
	order := slices.SortedStableFunc(slices.Values(c.outdated), p.compareWorth)
	arrived := len(order) - (c.memory.Target - len(c.running)) // so many need no successor any more
	for _, pl := range order {
		switch {
		case !isMove(pl):
		case arrived > 0:
			arrived--
		case pl.ID == c.moves && c.full():
			p.dropMove(c)
			c.stay(pl)
		case p.promise(c, pl):
		case c.forced(pl):
			p.drop(c, func(o *cluster.Placement) bool { return o == pl })
		default:
			c.stay(pl)
		}
	}
}

// stay leaves a misplaced placement where it is.
func (c *component) stay(pl *cluster.Placement) {
	if c.stays == nil {
		c.stays = map[string]bool{}
	}
	c.stays[pl.ID] = true
	c.outdated = slices.DeleteFunc(slices.Clone(c.outdated), func(o *cluster.Placement) bool { return o == pl })
	c.running = append(slices.Clone(c.running), pl)
}

// onlyMoves tells whether all that is outdated is so by its place.
func (c *component) onlyMoves() bool {
	return !slices.ContainsFunc(c.outdated, func(pl *cluster.Placement) bool { return !runs(c.row, pl) })
}

func (p *planner) draining(pl *cluster.Placement) bool {
	n, ok := p.in.Snapshot.Nodes.Get(pl.Node)
	return ok && n.State == cluster.NodeDraining
}
