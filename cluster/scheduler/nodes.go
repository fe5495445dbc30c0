package scheduler

import "maelstrom/cluster"

// nodes is the memory of the nodes, as it is after the changes of this plan.
type nodes struct {
	list  []*node        // by id
	index map[string]int // in it
}

// of returns a node, nil if it is not known.
func (ns *nodes) of(id string) *node {
	if i, known := ns.index[id]; known {
		return ns.list[i]
	}
	return nil
}

// node is what its rows reserve, and how much of that will be given back.
type node struct {
	row      *cluster.Node
	reserved int64
	leaving  int64
	promised int64 // to what moves
	claimed  int64 // of what is free or leaving, by those who others made room for
	probes   int   // components that are asleep and prove their version here
}

func (p *planner) newNodes() *nodes {
	snap := p.in.Snapshot
	ns := p.reserves().nodes()
	for id, reserved := range provisional(snap) {
		if n := ns.of(id); n != nil {
			n.reserved += reserved
		}
	}
	for _, r := range snap.Runs.All() {
		if n := ns.of(r.Node); n != nil && !r.Ended() {
			n.reserved += r.MemoryMiB
		}
	}
	for _, w := range p.deletes {
		if n := ns.of(w.Delete.Node); n != nil {
			weight := p.weight(w.Delete, n)
			n.reserved -= weight
			if w.Delete.Want == cluster.WantStop {
				n.leaving -= weight
			}
		}
	}
	for _, pl := range p.wants {
		p.turn(ns, pl)
	}
	for _, claim := range p.claims {
		if n := ns.of(claim.Node); n != nil {
			n.claimed += claim.MiB
		}
	}
	return ns
}

// turn takes a changed want in.
func (p *planner) turn(ns *nodes, pl *cluster.Placement) {
	n := ns.of(pl.Node)
	if n == nil {
		return
	}
	if pl.Want == cluster.WantStop {
		n.leaving += p.weight(pl, n)
	} else {
		n.leaving -= p.weight(pl, n)
	}
}

// room returns the nodes as they are now.
func (p *planner) room() *nodes {
	if p.nodes == nil {
		p.nodes = p.newNodes()
	}
	return p.nodes
}

// weight is the memory that an instance counts for on its node: what is reserved
// for it, or what those of its component have been seen to take, if that is
// more. More than all that the node has is nobody's business.
func (p *planner) weight(pl *cluster.Placement, n *node) int64 {
	return weightOf(pl, n, p.in.Load.Observed)
}

func weightOf(pl *cluster.Placement, n *node, observed map[string]int64) int64 {
	return max(pl.MemoryMiB, min(observed[pl.Component], n.row.MemoryTotalMiB))
}

// need is the weight of one more instance of c. What takes more than a node has
// may have all of it, as long as no more than that is reserved.
func (p *planner) need(c *component, n *node) int64 {
	return max(c.next().Effective.ReserveMemory, min(p.in.Load.Observed[c.name], n.row.MemoryTotalMiB))
}

// freeFor is the memory of a node that an instance of c could have.
func (p *planner) freeFor(c *component, n *node, w when) int64 {
	free := n.free(w) - n.claimed
	if claim, ok := p.claims[c.name]; ok && claim.Node == n.row.ID {
		free += claim.MiB
	}
	return free
}
