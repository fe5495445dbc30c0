package scheduler

import (
	"math"

	"maelstrom/cluster"
)

// nodes is the memory of the nodes, as it is after the changes of this plan.
type nodes struct {
	list []*node // by id
	byID map[string]*node
}

// node is what its rows reserve, and how much of that will be given back.
type node struct {
	row      *cluster.Node
	reserved int64
	leaving  int64
	probes   int // components that are asleep and prove their version here
}

func newNodes(snap *cluster.Snapshot, deletes []cluster.PlacementWrite, wants map[string]*cluster.Placement) *nodes {
	ns := &nodes{byID: make(map[string]*node, snap.Nodes.Len())}
	for id, row := range snap.Nodes.Sorted() {
		n := &node{row: row}
		rows, _ := snap.ByNode.Get(id)
		for _, pl := range rows {
			n.reserved += pl.MemoryMiB
			if pl.Want == cluster.WantStop {
				n.leaving += pl.MemoryMiB
			}
		}
		ns.byID[id] = n
		ns.list = append(ns.list, n)
	}
	for _, r := range snap.Runs.All() {
		if n := ns.byID[r.Node]; n != nil && !r.Ended() {
			n.reserved += r.MemoryMiB
		}
	}
	for _, w := range deletes {
		if n := ns.byID[w.Delete.Node]; n != nil {
			n.reserved -= w.Delete.MemoryMiB
			if w.Delete.Want == cluster.WantStop {
				n.leaving -= w.Delete.MemoryMiB
			}
		}
	}
	for _, pl := range wants {
		ns.change(pl)
	}
	return ns
}

// change takes a changed want in.
func (ns *nodes) change(pl *cluster.Placement) {
	n := ns.byID[pl.Node]
	if n == nil {
		return
	}
	if pl.Want == cluster.WantStop {
		n.leaving += pl.MemoryMiB
	} else {
		n.leaving -= pl.MemoryMiB
	}
}

// room returns the nodes as they are now.
func (p *planner) room() *nodes {
	if p.nodes == nil {
		p.nodes = newNodes(p.in.Snapshot, p.deletes, p.wants)
	}
	return p.nodes
}

func (ns *nodes) reserve(pl *cluster.Placement) { ns.byID[pl.Node].reserved += pl.MemoryMiB }

// choose returns the best node for one more instance of c, nil if none has room.
func (p *planner) choose(c *component) *node {
	var best *node
	var bestScore float64
	for _, n := range p.room().list {
		if p.obstacle(c, n, now) != nil {
			continue
		}
		if s := p.score(c, n); best == nil || s > bestScore {
			best, bestScore = n, s
		}
	}
	return best
}

const (
	askedBonus    = 0.1 // for the node that asked
	failedMalus   = 0.5 // for a node where the component fails now
	fitNormalizer = 18
)

// score ranks a node that has room: the fuller the better (best fit), the
// emptier the better for what always runs; fewer instances of the same
// component, the node that asked, not one where it fails.
func (p *planner) score(c *component, n *node) float64 {
	free := float64(n.row.MemoryTotalMiB-n.reserved-c.next().Effective.ReserveMemory) / float64(n.row.MemoryTotalMiB)
	s := (20 - 2*math.Pow(10, free)) / fitNormalizer
	if c.spec.MinInstances > 0 {
		s = 1 - s
	}
	here, fails := 0, false
	for _, pl := range c.all() {
		if pl.Node == n.row.ID {
			here++
			fails = fails || p.stage(pl) == failed
		}
	}
	s -= float64(here) / float64(max(1, c.memory.Target))
	if p.in.Load.Wakes[c.name].Node == n.row.ID {
		s += askedBonus
	}
	if fails {
		s -= failedMalus
	}
	return s
}
