package scheduler

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
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

// volumeHomes returns the nodes that a named volume is on, or will be as soon
// as what is placed there has started.
func (p *planner) volumeHomes(name string) map[string]bool {
	if p.homes == nil {
		p.homes = map[string]map[string]bool{}
		for _, n := range p.room().list {
			for mount, presence := range n.row.Mounts {
				if presence == cluster.Present {
					p.addHome(mount, n.row.ID)
				}
			}
		}
		for _, pl := range p.in.Snapshot.Placements.All() {
			if row := p.declared(pl.Component); row != nil {
				p.addHomes(row.Placed(pl.PlacedVersion), pl.Node)
			}
		}
		for _, w := range p.inserts {
			p.addHomes(p.declared(w.Insert.Component).Placed(w.Insert.PlacedVersion), w.Insert.Node)
		}
	}
	return p.homes[name]
}

func (p *planner) addHomes(row *cluster.ComponentRow, node string) {
	if row == nil || p.homes == nil {
		return
	}
	for _, v := range row.Effective.Volumes {
		if isNamed(v) {
			p.addHome(v.Source, node)
		}
	}
}

func (p *planner) addHome(mount, node string) {
	if p.homes[mount] == nil {
		p.homes[mount] = map[string]bool{}
	}
	p.homes[mount][node] = true
}

func isNamed(v project.Volume) bool { return v.Type == "volume" && v.Source != "" }

func (p *planner) nodeNames(ids map[string]bool) string {
	var names []string
	for _, id := range slices.Sorted(maps.Keys(ids)) {
		if n := p.room().byID[id]; n != nil {
			id = n.row.DisplayName()
		}
		names = append(names, id)
	}
	return strings.Join(names, ", ")
}
