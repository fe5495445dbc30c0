package scheduler

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"maelstrom/cluster"
)

// untoldMost is how long a start waits for nodes that have yet to tell whether
// they have what it mounts: they do so within moments of a change.
const untoldMost = 3 * time.Second

const mountsKey = "volumes of the component"

// checkMounts tells what a component mounts and a node lacks. A path of the
// host must be there. A named volume is where it was first: another one of the
// same name would be empty.
func (p *planner) checkMounts(c *component, n *node, w when) *obstacle {
	for _, v := range c.next().Effective.Volumes {
		var o *obstacle
		switch {
		case v.Source == "":
		case v.Type == "bind":
			o = p.checkBind(c, n, v.Source, w)
		case v.Type == "volume":
			o = p.checkVolume(c, n, v.Source, w)
		}
		if o != nil {
			o.reason = cluster.ReasonNoCapacity
			return o
		}
	}
	return nil
}

func (p *planner) checkBind(c *component, n *node, path string, w when) *obstacle {
	switch {
	case n.row.Mounts[path] == cluster.Absent:
		return &obstacle{text: "has no " + path, key: mountsKey, verb: "mkdir -p " + path + " on the node"}
	case w == now && p.untold(n, path) && p.waits(c):
		return &obstacle{text: "has yet to tell whether it has " + path}
	}
	return nil
}

func (p *planner) checkVolume(c *component, n *node, name string, w when) *obstacle {
	homes := p.volumeHomes(name)
	switch {
	case homes[n.row.ID]:
		return nil
	case len(homes) > 0:
		return &obstacle{text: fmt.Sprintf("does not have volume %s, which is on %s", name, p.nodeNames(homes)), key: mountsKey}
	case w == now && slices.ContainsFunc(p.room().list, func(n *node) bool { return p.untold(n, name) }) && p.waits(c):
		return &obstacle{text: fmt.Sprintf("waits until each node has told whether it has volume %s", name)}
	}
	return nil
}

// untold tells whether a node that reports mounts has yet to report this one.
// A single node has it, or will: there is no other.
func (p *planner) untold(n *node, mount string) bool {
	if n.row.Mounts == nil || n.row.State != cluster.NodeUp || n.row.Engine != "" || len(p.room().list) == 1 {
		return false
	}
	_, told := n.row.Mounts[mount]
	return !told && len(n.row.Mounts) < cluster.MaxNodeMounts
}

// waits tells whether a component still waits for what nodes tell.
func (p *planner) waits(c *component) bool {
	since, known := p.in.Memory.Untold[c.name]
	if !known {
		since = p.in.Now
	}
	p.memory.Untold[c.name] = since
	until := since.Add(untoldMost)
	if !until.After(p.in.Now) {
		return false
	}
	p.look(until)
	return true
}

// volumeHomes returns the nodes that have a named volume; where none has it,
// those that will as soon as what is placed there has started.
func (p *planner) volumeHomes(name string) map[string]bool {
	if p.homes == nil {
		p.findHomes()
	}
	if has := p.homes.has[name]; len(has) > 0 {
		return has
	}
	return p.homes.will[name]
}

// homes are nodes by the names of volumes.
type homes struct{ has, will map[string]map[string]bool }

func (p *planner) findHomes() {
	p.homes = &homes{has: map[string]map[string]bool{}, will: map[string]map[string]bool{}}
	for _, n := range p.room().list {
		for mount, presence := range n.row.Mounts {
			if presence == cluster.Present {
				addHome(p.homes.has, mount, n.row.ID)
			}
		}
	}
	deleted := make(map[string]bool, len(p.deletes))
	for _, w := range p.deletes {
		deleted[w.Delete.ID] = true
	}
	for id, pl := range p.in.Snapshot.Placements.All() {
		if !deleted[id] {
			p.addHomes(pl)
		}
	}
	for _, w := range p.inserts {
		p.addHomes(w.Insert)
	}
}

// addHomes notes what a placement mounts.
func (p *planner) addHomes(pl *cluster.Placement) {
	row := p.declared(pl.Component)
	if p.homes == nil || row == nil {
		return
	}
	if row = row.Placed(pl.PlacedVersion); row == nil {
		return
	}
	for _, v := range row.Effective.Volumes {
		if v.Type == "volume" && v.Source != "" {
			addHome(p.homes.will, v.Source, pl.Node)
		}
	}
}

func addHome(homes map[string]map[string]bool, mount, node string) {
	if homes[mount] == nil {
		homes[mount] = map[string]bool{}
	}
	homes[mount][node] = true
}

func (p *planner) nodeNames(ids map[string]bool) string {
	var names []string
	for _, id := range slices.Sorted(maps.Keys(ids)) {
		if n := p.room().of(id); n != nil {
			id = n.row.DisplayName()
		}
		names = append(names, id)
	}
	return strings.Join(names, ", ")
}
