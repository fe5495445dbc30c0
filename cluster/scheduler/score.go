package scheduler

import (
	"math"
	"slices"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

const (
	imageBonus    = 0.15            // for a node that has the image
	askedBonus    = 0.1             // for the node that asked
	failedMalus   = 0.5             // for a node where the component has failed
	failedWithin  = 5 * time.Minute // that long ago at most
	fitNormalizer = 18
)

// choose returns the best node for one more instance of c, nil if none has room.
func (p *planner) choose(c *component) *node {
	var best *node
	var bestScore float64
	for _, n := range p.room().list {
		if p.obstacle(c, n, now) != nil {
			continue
		}
		if s := p.score(c, n).Total; best == nil || s > bestScore {
			best, bestScore = n, s
		}
	}
	return best
}

// score ranks a node: the fuller the better (best fit), or the emptier the
// better; fewer instances of the same component, one that has its image, the
// node that asked, not one where it fails.
func (p *planner) score(c *component, n *node) cluster.PlacementScore {
	if n.row.MemoryTotalMiB <= 0 {
		return cluster.PlacementScore{}
	}
	next := c.next().Effective
	free := max(0, float64(n.row.MemoryTotalMiB-n.reserved-p.need(c, n))/float64(n.row.MemoryTotalMiB))
	s := cluster.PlacementScore{Fit: (20 - 2*math.Pow(10, free)) / fitNormalizer}
	if next.Placement == project.PlacementSpread {
		s.Fit = 1 - s.Fit
	}
	if here := c.on(n, now); here > 0 {
		s.Share = -float64(here) / float64(max(1, c.memory.Target))
	}
	if slices.Contains(n.row.Images, next.Image) {
		s.Image = imageBonus
	}
	if p.in.Load.Wakes[c.name].Node == n.row.ID {
		s.Asked = askedBonus
	}
	if _, failed := p.memory.Failures[failureKey(c.name, n.row.ID)]; failed {
		s.Failed = -failedMalus
	}
	s.Total = s.Fit + s.Share + s.Image + s.Asked + s.Failed
	return s
}

func failureKey(component, node string) string { return component + " " + node }

// noteFailures remembers where components fail now, by this node's clock.
func (p *planner) noteFailures(active []*component) {
	for key, at := range p.in.Memory.Failures {
		if p.in.Now.Sub(at) < failedWithin {
			p.memory.Failures[key] = at
		}
	}
	for _, c := range active {
		for _, pl := range c.all() {
			if p.stage(pl) == failed {
				p.memory.Failures[failureKey(c.name, pl.Node)] = p.in.Now
			}
		}
	}
}
