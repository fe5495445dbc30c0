package scheduler

import (
	"reflect"

	"maelstrom/cluster"
)

// reserves is what the rows of a snapshot reserve on the nodes, kept from plan to
// plan: of most nodes nothing changes in between. Nobody changes one.
type reserves struct {
	rows     cluster.Map[*cluster.Node]
	placed   cluster.Map[map[string]*cluster.Placement] // by node
	observed map[string]int64
	list     []node         // by id
	index    map[string]int // in it
}

// reserves returns those of the snapshot, by way of those of the plan before.
func (p *planner) reserves() *reserves {
	if p.reserved == nil {
		var before *reserves
		if past := p.in.Memory.past; past != nil {
			before = past.reserved
		}
		p.reserved = before.next(p.in.Snapshot, p.in.Load.Observed)
	}
	return p.reserved
}

// next returns the reserves of a later snapshot.
func (r *reserves) next(snap *cluster.Snapshot, observed map[string]int64) *reserves {
	if r == nil || !isSame(r.observed, observed) {
		return newReserves(snap, observed)
	}
	changed := map[int]*cluster.Node{}
	for id := range snap.Nodes.Differing(r.rows) {
		row, is := snap.Nodes.Get(id)
		i, was := r.index[id]
		if is != was {
			return newReserves(snap, observed)
		}
		if r.list[i].row != row {
			changed[i] = row
		}
	}
	for id := range snap.ByNode.Differing(r.placed) {
		if i, known := r.index[id]; known {
			changed[i], _ = snap.Nodes.Get(id)
		}
	}
	next := &reserves{rows: snap.Nodes, placed: snap.ByNode, observed: observed, list: r.list, index: r.index}
	if len(changed) > 0 {
		next.list = append(make([]node, 0, len(r.list)), r.list...)
	}
	for i, row := range changed {
		next.list[i] = next.sum(row)
	}
	return next
}

func newReserves(snap *cluster.Snapshot, observed map[string]int64) *reserves {
	r := &reserves{
		rows: snap.Nodes, placed: snap.ByNode, observed: observed,
		list: make([]node, 0, snap.Nodes.Len()), index: make(map[string]int, snap.Nodes.Len()),
	}
	for id, row := range snap.Nodes.Sorted() {
		r.index[id] = len(r.list)
		r.list = append(r.list, r.sum(row))
	}
	return r
}

// sum adds up what is placed on a node.
func (r *reserves) sum(row *cluster.Node) node {
	n := node{row: row}
	placed, _ := r.placed.Get(row.ID)
	for _, pl := range placed {
		weight := weightOf(pl, &n, r.observed)
		n.reserved += weight
		if pl.Want == cluster.WantStop {
			n.leaving += weight
		}
	}
	return n
}

// nodes returns the nodes for a plan to change.
func (r *reserves) nodes() *nodes {
	all := append(make([]node, 0, len(r.list)), r.list...)
	ns := &nodes{list: make([]*node, len(all)), index: r.index}
	for i := range all {
		ns.list[i] = &all[i]
	}
	return ns
}

// isSame tells whether two maps are one, which nobody changes.
func isSame(a, b map[string]int64) bool {
	return reflect.ValueOf(a).Pointer() == reflect.ValueOf(b).Pointer()
}
