package scheduler

import (
	"cmp"
	"fmt"
	"slices"

	"maelstrom/cluster"
)

// Explain tells where a component runs and can run, and why, by what a plan
// would go by. It is false for a component that is not declared.
func Explain(in Input, name string) (cluster.Explanation, bool) {
	p := newPlanner(in)
	p.explains = true
	c := p.view(name)
	if c.row == nil {
		return cluster.Explanation{}, false
	}
	p.looked = []*component{c}
	p.removeGone(c)
	p.noteFailures(p.looked)
	p.settle(c)
	next := c.next()
	e := cluster.Explanation{
		Component: c.name, Version: next.Version, MemoryMiB: next.Effective.ReserveMemory, ObservedMiB: p.in.Load.Observed[c.name],
		Placement: string(next.Effective.Placement), Labels: c.spec.Nodes, Target: c.memory.Target, Limit: c.most(),
		Nodes: p.explainNodes(c), Instances: p.explainInstances(c),
	}
	e.Scale, e.Idle = p.explainScale(c), p.explainHabit(c)
	if e.Labels == nil {
		e.Labels = map[string]string{}
	}
	refusal, sleeps := p.refusal(c), c.memory.Target == 0 && !c.held
	room := refusal != nil && p.explainRoom(c, e.Nodes)
	switch {
	case c.held:
		e.Refusal = "its first version has yet to be released"
	case room && sleeps:
		e.Scale.WhyNotMore = "the first request wakes it, where idle instances make room for it"
	case room:
	case refusal != nil:
		if e.Refusal = refusal.Message; sleeps {
			e.Scale.WhyNotMore, e.Scale.WouldChange = "a request would be refused: it fits on no node", []string{"more: room on a node, or less of reservememory"}
		}
	case c.full():
		e.Refusal = fmt.Sprintf("%s has all of the %d instances that it may have. Change maxinstances", c.name, c.most())
	}
	return e, true
}

// explainNodes lists the nodes: those where the next instance would go first.
func (p *planner) explainNodes(c *component) []cluster.NodeExplanation {
	list := []cluster.NodeExplanation{}
	for _, n := range p.room().list {
		e := cluster.NodeExplanation{
			ID: n.row.ID, Name: n.row.DisplayName(), State: n.row.State, Obstacles: []cluster.Obstacle{}, MakesRoom: []string{},
			Instances: c.on(n, now), FreeMiB: max(0, n.free(now)), TotalMiB: n.row.MemoryTotalMiB, Score: p.score(c, n),
		}
		later := map[string]bool{}
		for _, o := range p.obstacles(c, n, soon) {
			later[o.kind] = true
		}
		for _, o := range p.obstacles(c, n, now) {
			e.Obstacles = append(e.Obstacles, cluster.Obstacle{
				Reason: o.reason, Text: o.text, Change: cmp.Or(o.verb, o.key), Passing: !later[o.kind],
			})
		}
		e.Fits = len(e.Obstacles) == 0
		list = append(list, e)
	}
	slices.SortStableFunc(list, func(a, b cluster.NodeExplanation) int {
		return cmp.Or(compareBool(!a.Fits, !b.Fits), cmp.Compare(b.Score.Total, a.Score.Total))
	})
	return list
}

// explainRoom notes on which nodes idle instances of others would make room for the
// next one of c, first where it is done, and tells whether there are any. The first
// instance is as one that somebody waits for.
func (p *planner) explainRoom(c *component, list []cluster.NodeExplanation) bool {
	if p.in.Load.Partial || !p.starves(c, true) {
		return false
	}
	found := map[string]*sacrifice{}
	for i := range list {
		e := &list[i]
		s := p.sacrifice(c, p.room().of(e.ID))
		if s == nil {
			continue
		}
		found[e.ID] = s
		for _, v := range s.victims {
			if !slices.Contains(e.MakesRoom, v.c.name) {
				e.MakesRoom = append(e.MakesRoom, v.c.name)
			}
		}
		for k := range e.Obstacles {
			e.Obstacles[k].Passing = true // there is only the memory
		}
	}
	slices.SortStableFunc(list, func(a, b cluster.NodeExplanation) int {
		x, y := found[a.ID], found[b.ID]
		if x == nil || y == nil {
			return compareBool(x == nil, y == nil)
		}
		return x.compare(y)
	})
	return len(found) > 0
}

func (p *planner) explainInstances(c *component) []cluster.InstanceExplanation {
	list := []cluster.InstanceExplanation{}
	rows, _ := p.in.Snapshot.ByComponent.Get(c.name)
	for _, pl := range rows {
		e := cluster.InstanceExplanation{
			Placement: pl.ID, Slot: pl.Slot, Node: pl.Node, NodeName: pl.Node,
			Version: pl.PlacedVersion, Want: pl.Want, Why: p.whyHere(c, pl),
		}
		if n, ok := p.in.Snapshot.Nodes.Get(pl.Node); ok {
			e.NodeName = n.DisplayName()
		}
		if i, ok := p.in.Snapshot.Instances.Get(pl.ID); ok {
			e.State = string(i.State)
		}
		list = append(list, e)
	}
	return list
}

// whyHere says in one clause why a placement is where it is, and what becomes
// of it.
func (p *planner) whyHere(c *component, pl *cluster.Placement) string {
	switch {
	case pl.Want == cluster.WantStop && c.misplaced(pl):
		return "leaves: its node " + p.whyNot(c, pl)
	case pl.Want == cluster.WantStop:
		return "leaves"
	case c.kept != nil && runs(c.kept, pl):
		return fmt.Sprintf("serves on until version %d is proven", c.row.Version)
	case !runs(c.row, pl):
		return fmt.Sprintf("makes way for version %d", c.row.Version)
	case c.stays[pl.ID]:
		return "stays although its node " + p.whyNot(c, pl) + ": it fits nowhere else"
	case pl.ID == c.moves:
		return "moves to " + p.nodeNames(map[string]bool{c.movesTo: true}) + ", which has joined and has more room"
	case c.misplaced(pl):
		return "moves away: its node " + p.whyNot(c, pl)
	}
	return "its node suits it"
}

// whyNot says what is wrong with the node of a misplaced placement.
func (p *planner) whyNot(c *component, pl *cluster.Placement) string {
	n := p.room().of(pl.Node)
	if n == nil {
		return "is not known"
	}
	for _, check := range []func(*planner, *component, *node, when) *obstacle{
		(*planner).checkState, (*planner).checkLabels, (*planner).checkMounts, (*planner).checkRefused,
	} {
		if o := check(p, c, n, soon); o != nil {
			return o.text
		}
	}
	return "does not suit it"
}
