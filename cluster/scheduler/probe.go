package scheduler

import (
	"fmt"
	"maps"
	"slices"

	"maelstrom/cluster"
)

// maxProbes bounds how many components that are asleep prove their versions on
// a node at a time.
const maxProbes = 2

// probe places the gates of components that are asleep, in the order of names,
// after all that somebody waits for, which has the room it waits for. One that has to wait for room keeps the
// others waiting; one that will not get any is refused. It returns what was
// looked at.
func (p *planner) probe(active []*component) []*component {
	if p.in.Snapshot.Rolling.Len() == 0 {
		return active
	}
	seen := make(map[string]*component, len(active))
	for _, c := range active {
		seen[c.name] = c
		p.awaited = p.awaited || !c.paced && c.memory.Target > c.live() && p.refusals[c.name] == nil
	}
	names := p.sleepers(seen)
	for free := p.freeProbes(active); !p.awaited && free > 0 && len(names) > 0; names = names[1:] {
		c := seen[names[0]]
		if c == nil {
			c = p.wakeful(names[0])
			active = append(active, c)
		}
		switch {
		case !c.probe || c.full():
		case c.stopFirst() && len(c.leaving) > 0 || c.inSeries() && p.starts(c):
		case p.placeProbe(c):
			free--
		case p.refusal(c) == nil:
			return active
		default:
			p.refuseVersion(c, p.refusal(c))
			p.place(p.again)
		}
	}
	return active
}

// sleepers names, in order, the components that are to be proven by a probe,
// or may be: the rest of them is not looked at yet.
func (p *planner) sleepers(seen map[string]*component) []string {
	names := map[string]bool{}
	for name, c := range seen {
		if c.probe {
			names[name] = true
		}
	}
	for name, row := range p.in.Snapshot.Rolling.All() {
		switch {
		case seen[name] != nil:
		case row.Failed != nil && !p.retryDue(row.Failed):
			p.look(row.Failed.RetryAt)
		default:
			names[name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// wakeful plans a component that nothing but its roll-out asks for.
func (p *planner) wakeful(name string) *component {
	c := p.view(name)
	p.settle(c)
	return c
}

// freeProbes counts how many more may start now.
func (p *planner) freeProbes(active []*component) int {
	for _, c := range active {
		if n := p.room().of(c.nodeOfProbe()); n != nil {
			n.probes++
		}
	}
	free := 0
	for _, n := range p.room().list {
		if n.row.State == cluster.NodeUp && n.row.Engine == "" && n.row.MemoryTotalMiB > 0 {
			free += max(0, maxProbes-n.probes)
		}
	}
	return free
}

// probing tells whether c sleeps, but for the start that proves its version.
func (c *component) probing() bool {
	return c.kept != nil && c.memory.Target == 0 && len(c.running) > 0
}

// nodeOfProbe names the node of the probe under way, if there is one.
func (c *component) nodeOfProbe() string {
	if !c.probing() {
		return ""
	}
	return c.running[0].Node
}

func (p *planner) placeProbe(c *component) bool {
	n := p.choose(c)
	if n == nil {
		return false
	}
	p.insert(c, n)
	n.probes++
	return true
}

// yield ends a probe that holds the memory which something needs now, and
// tells whether there was one. It is tried again.
func (p *planner) yield(c *component) bool {
	for _, other := range p.probes {
		if !other.probing() || !p.fitsWithout(c, other.running[0]) {
			continue
		}
		p.refuseVersion(other, &cluster.Failure{
			Reason: cluster.ReasonNoCapacity, Message: fmt.Sprintf("its memory was needed by %s, which is not asleep", c.name),
		})
		return true
	}
	return false
}

// fitsWithout tells whether an instance of c fits where that of another
// component is, once that has left.
func (p *planner) fitsWithout(c *component, pl *cluster.Placement) bool {
	n := p.room().of(pl.Node)
	if n == nil {
		return false
	}
	weight := p.weight(pl, n)
	n.leaving += weight
	defer func() { n.leaving -= weight }()
	return p.obstacle(c, n, soon) == nil
}

// findProbes notes the probes under way.
func (p *planner) findProbes(active []*component) {
	for _, c := range active {
		if c.probing() {
			p.probes = append(p.probes, c)
		}
	}
}
