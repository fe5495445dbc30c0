package scheduler

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"maelstrom/cluster"
)

// Removable tells of each node that is there whether it could be taken away
// without moving anything busy: all that is to run there is idle and fits on
// the others, as they are. Each is told by itself.
func Removable(in Input) []cluster.Removal {
	p := newPlanner(in)
	r := removals{planner: p, views: map[string]*component{}, unknown: provisional(in.Snapshot), runs: map[string]bool{}}
	for _, run := range in.Snapshot.Runs.All() {
		if !run.Ended() {
			r.runs[run.Node] = true
		}
	}
	list := []cluster.Removal{}
	for _, n := range p.room().list {
		if n.row.State != cluster.NodeDown && !n.row.Lost {
			list = append(list, r.judge(n))
		}
	}
	return list
}

// removals finds which nodes could be removed.
type removals struct {
	*planner
	views   map[string]*component
	runs    map[string]bool  // nodes with commands
	unknown map[string]int64 // memory of what has no row, by node
}

func (r *removals) view(name string) *component {
	c := r.views[name]
	if c == nil {
		c = r.planner.view(name)
		c.memory = r.in.Memory.Scale(name)
		r.views[name] = c
	}
	return c
}

// rows are the placements on a node, in the order of their components.
func (r *removals) rows(n *node) []*cluster.Placement {
	rows, _ := r.in.Snapshot.ByNode.Get(n.row.ID)
	return slices.SortedFunc(maps.Values(rows), func(a, b *cluster.Placement) int {
		return cmp.Or(cmp.Compare(a.Component, b.Component), cmp.Compare(a.Slot, b.Slot))
	})
}

// judge tells whether a node could be removed.
func (r *removals) judge(n *node) cluster.Removal {
	rows := r.rows(n)
	told := cluster.Removal{ID: n.row.ID, Name: n.row.DisplayName()}
	for _, pl := range rows {
		if pl.Want == cluster.WantRun {
			told.Instances++
			told.MemoryMiB += r.weight(pl, n)
		}
	}
	told.Why = cmp.Or(r.whyStays(n), r.whyBusy(n, rows), r.whyNowhere(n, rows))
	if told.Removable = told.Why == ""; told.Removable {
		told.Why = "nothing is placed there"
		if told.Instances > 0 {
			told.Why = countOf(told.Instances, "idle instance fits", "idle instances fit") + " on the others"
		}
	}
	return told
}

// whyStays says what keeps a node whatever is placed there.
func (r *removals) whyStays(n *node) string {
	others := slices.ContainsFunc(r.room().list, func(o *node) bool {
		return o != n && o.row.State == cluster.NodeUp && !o.row.Lost && o.row.MemoryTotalMiB > 0
	})
	switch {
	case !others:
		return "no other node runs anything"
	case r.runs[n.row.ID]:
		return "a command runs there"
	case r.unknown[n.row.ID] > 0:
		return "it runs what the database has yet to learn of"
	}
	return ""
}

// whyBusy names an instance that has something to do, or may have.
func (r *removals) whyBusy(n *node, rows []*cluster.Placement) string {
	for _, pl := range rows {
		c := r.view(pl.Component)
		switch stage := r.stage(pl); {
		case c.row == nil:
		case r.in.Load.Partial:
			return "the load of some node is not known"
		case pl.Want == cluster.WantRun && (stage == starting || stage == unknown):
			return pl.Component + " is starting"
		case stage != stopping && !r.idle(c, pl):
			return pl.Component + " is busy"
		}
	}
	return ""
}

// whyNowhere names what does not fit on the other nodes, when it goes where a
// drain would put it: one instance of each component after the other. What it
// tries is undone.
func (r *removals) whyNowhere(n *node, rows []*cluster.Placement) (why string) {
	var undo []func()
	for _, pl := range rounds(rows) {
		c := r.view(pl.Component)
		if pl.Want != cluster.WantRun || c.row == nil {
			continue
		}
		to := r.other(c, n)
		if to == nil {
			why = fmt.Sprintf("%s fits on no other node", pl.Component)
			break
		}
		weight := r.need(c, to)
		to.reserved += weight
		c.fresh = append(c.fresh, &cluster.Placement{Component: c.name, Node: to.row.ID})
		undo = append(undo, func() {
			to.reserved -= weight
			c.fresh = c.fresh[:len(c.fresh)-1]
		})
	}
	for _, f := range undo {
		f()
	}
	return why
}

// rounds puts the first of each component before the second of any. The rows
// are in the order of components.
func rounds(rows []*cluster.Placement) []*cluster.Placement {
	round := make(map[*cluster.Placement]int, len(rows))
	for i, pl := range rows {
		if i > 0 && rows[i-1].Component == pl.Component {
			round[pl] = round[rows[i-1]] + 1
		}
	}
	return slices.SortedStableFunc(slices.Values(rows), func(a, b *cluster.Placement) int { return cmp.Compare(round[a], round[b]) })
}

// enoughOthers is how many nodes that have room are compared: that there is one
// matters more than which.
const enoughOthers = 16

// other is the best node, but for one, that has room for an instance of c, of
// the first that have.
func (r *removals) other(c *component, but *node) (best *node) {
	var most float64
	have := 0
	for _, n := range r.room().list {
		if n == but || r.freeFor(c, n, now) < r.need(c, n) || r.obstacle(c, n, now) != nil {
			continue
		}
		if s := r.score(c, n).Total; best == nil || s > most {
			best, most = n, s
		}
		if have++; have == enoughOthers {
			break
		}
	}
	return best
}
