package scheduler

import "maelstrom/cluster"

// standIn returns how many instances c may have beyond its target: one, while
// all that serve are suspect. Their node does not restart them for that, lest
// nobody serves; what comes beside them shows whether it is them.
func (p *planner) standIn(c *component) int {
	suspects := 0
	for _, pl := range c.running {
		i, ok := p.in.Snapshot.Instances.Get(pl.ID)
		switch {
		case !ok || i.State != cluster.InstanceReady:
		case !i.Suspect:
			return 0
		default:
			suspects++
		}
	}
	if c.stopFirst() || len(c.outdated) > 0 {
		return 0
	}
	return min(1, suspects)
}

// addStandIn adds it, unless something that is on its way will do.
func (p *planner) addStandIn(c *component) {
	if p.serves(c) == len(c.running) && !c.full() {
		c.wanted, c.surge = 1, true
	}
}

// suspect tells whether the instance of a placement is ready, but fails its
// health checks.
func (p *planner) suspect(pl *cluster.Placement) bool {
	i, ok := p.in.Snapshot.Instances.Get(pl.ID)
	return ok && i.Suspect && i.State == cluster.InstanceReady
}
