package scheduler

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"maelstrom/cluster"
)

// when tells which state of a node is looked at: as it is now, or as it will
// be when everything that is leaving has left.
type when bool

const (
	now  when = false
	soon when = true
)

// obstacle is why a node can't take an instance.
type obstacle struct {
	node   string
	reason cluster.Reason
	text   string
	key    string // what to change; empty: nothing in a setting
	verb   string // what to run
	kind   string // of the check
}

// checks are all that can forbid an instance on a node, the most telling first.
var checks = []struct {
	kind string
	run  func(*planner, *component, *node, when) *obstacle
}{
	{"state", (*planner).checkState},
	{"total", (*planner).checkMemoryTotal},
	{"engine", (*planner).checkEngine},
	{kindLabels, (*planner).checkLabels},
	{"mounts", (*planner).checkMounts},
	{"free", (*planner).checkFree},
	{"refused", (*planner).checkRefused},
	{"move", (*planner).checkMove},
	{"probes", (*planner).checkProbes},
	{"most", (*planner).checkMost},
}

const kindLabels = "labels"

// obstacle returns the first that forbids one more instance of c on n, nil if
// nothing does.
func (p *planner) obstacle(c *component, n *node, w when) *obstacle {
	for _, check := range checks {
		if o := check.run(p, c, n, w); o != nil {
			o.node, o.kind = n.row.DisplayName(), check.kind
			return o
		}
	}
	return nil
}

// obstacles returns all of them.
func (p *planner) obstacles(c *component, n *node, w when) (all []*obstacle) {
	for _, check := range checks {
		if o := check.run(p, c, n, w); o != nil {
			o.node, o.kind = n.row.DisplayName(), check.kind
			all = append(all, o)
		}
	}
	return all
}

func (p *planner) checkState(_ *component, n *node, _ when) *obstacle {
	text, verb := "", ""
	switch {
	case n.row.Lost:
		text = "is lost"
	case n.row.State == cluster.NodeDraining:
		text, verb = "is draining", "maelctl cluster undrain "+n.row.ID
	case n.row.State != cluster.NodeUp:
		text = "is " + string(n.row.State)
	case !p.in.Snapshot.Hears(n.row.ID):
		text = "is not heard"
	case p.cut(n.row.ID):
		text = "does not reach the database"
	default:
		return nil
	}
	return &obstacle{reason: cluster.ReasonNoCapacity, text: text, verb: verb}
}

// cut tells whether a node says that the database is away from it: it would not
// see what is placed there.
func (p *planner) cut(node string) bool {
	_, cut := p.in.Snapshot.Cut.Get(node)
	return cut
}

func (p *planner) checkMemoryTotal(_ *component, n *node, _ when) *obstacle {
	if n.row.MemoryTotalMiB > 0 {
		return nil
	}
	return &obstacle{reason: cluster.ReasonNoCapacity, text: "runs nothing", key: "MAEL_TOTAL_MEMORY"}
}

func (p *planner) checkEngine(_ *component, n *node, _ when) *obstacle {
	if n.row.Engine == "" {
		return nil
	}
	return &obstacle{reason: cluster.ReasonEngineDown, text: "has no container engine: " + n.row.Engine}
}

func (p *planner) checkLabels(c *component, n *node, _ when) *obstacle {
	if n.row.Labelled(c.spec.Nodes) {
		return nil
	}
	var lacks []string
	for _, name := range slices.Sorted(maps.Keys(c.spec.Nodes)) {
		want := c.spec.Nodes[name]
		switch have, ok := n.row.Labels[name]; {
		case !ok:
			lacks = append(lacks, "has no label "+name)
		case have != want:
			lacks = append(lacks, fmt.Sprintf("has %s=%s, not %s", name, have, want))
		}
	}
	return &obstacle{
		reason: cluster.ReasonNoCapacity, text: strings.Join(lacks, " and "),
		key: "nodes of the component or MAEL_NODE_LABELS of the node",
	}
}

func (p *planner) checkFree(c *component, n *node, w when) *obstacle {
	free := p.freeFor(c, n, w)
	if n.row.MemoryTotalMiB <= 0 || free >= p.need(c, n) {
		return nil
	}
	return &obstacle{
		reason: cluster.ReasonNoCapacity,
		text:   fmt.Sprintf("has %d of %d MiB free", max(0, free), n.row.MemoryTotalMiB),
		key:    "reservememory of the component or MAEL_TOTAL_MEMORY of the node",
	}
}

func (p *planner) checkRefused(c *component, n *node, _ when) *obstacle {
	for _, pl := range c.all() {
		if pl.Node == n.row.ID && c.refused(pl) {
			return &obstacle{reason: cluster.ReasonNoCapacity, text: "has refused a start, for containers that are to go still have its memory"}
		}
	}
	return nil
}

func (p *planner) checkProbes(c *component, n *node, w when) *obstacle {
	if !c.probe || w == soon || n.probes < maxProbes {
		return nil
	}
	return &obstacle{reason: cluster.ReasonNoCapacity, text: "proves other versions"}
}

func (p *planner) checkMost(c *component, n *node, w when) *obstacle {
	limit := c.spec.MaxInstancesPerNode
	if limit == 0 || c.on(n, w) < limit {
		return nil
	}
	return &obstacle{reason: cluster.ReasonNoCapacity, text: fmt.Sprintf("runs %d already", limit), key: "maxinstancespernode"}
}

// free is the memory of a node that nothing has.
func (n *node) free(w when) int64 {
	free := n.row.MemoryTotalMiB - n.reserved
	if w == soon {
		free += n.leaving
	}
	return free
}

// on counts the instances of c on a node.
func (c *component) on(n *node, w when) int {
	count := 0
	for _, pl := range c.all() {
		if pl.Node == n.row.ID {
			count++
		}
	}
	if w == soon {
		for _, pl := range c.leaving {
			if pl.Node == n.row.ID {
				count--
			}
		}
	}
	return count
}
