package scheduler

import "maelstrom/cluster"

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
	promised int64           // to what moves
	images   map[string]bool // that are there
	probes   int             // components that are asleep and prove their version here
}

func newNodes(snap *cluster.Snapshot, deletes []cluster.PlacementWrite, wants map[string]*cluster.Placement) *nodes {
	ns := &nodes{byID: make(map[string]*node, snap.Nodes.Len())}
	for id, row := range snap.Nodes.Sorted() {
		n := &node{row: row, images: make(map[string]bool, len(row.Images))}
		for _, image := range row.Images {
			n.images[image] = true
		}
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
	for id, reserved := range provisional(snap) {
		if n := ns.byID[id]; n != nil {
			n.reserved += reserved
		}
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
