package scheduler

import (
	"fmt"
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
}

// obstacle returns what forbids one more instance of c on n, nil if nothing does.
func (p *planner) obstacle(c *component, n *node, w when) *obstacle {
	o := &obstacle{node: n.row.Name, reason: cluster.ReasonNoCapacity}
	if o.node == "" {
		o.node = n.row.ID
	}
	free := n.row.MemoryTotalMiB - n.reserved
	if w == soon {
		free += n.leaving
	}
	limit := c.spec.MaxInstancesPerNode
	switch {
	case n.row.Lost:
		o.text = "is lost"
	case n.row.State != cluster.NodeUp:
		o.text = "is " + string(n.row.State)
	case !p.in.Snapshot.Hears(n.row.ID):
		o.text = "is not heard"
	case n.row.MemoryTotalMiB <= 0:
		o.text, o.key = "runs nothing", "MAEL_TOTAL_MEMORY"
	case n.row.Engine != "":
		o.reason, o.text = cluster.ReasonEngineDown, "has no container engine: "+n.row.Engine
	case free < c.next().Effective.ReserveMemory:
		o.text = fmt.Sprintf("has %d of %d MiB free", max(0, free), n.row.MemoryTotalMiB)
		o.key = "reservememory of the component or MAEL_TOTAL_MEMORY of the node"
	case c.probe && w == now && n.probes >= maxProbes:
		o.text = "proves other versions"
	case limit > 0 && c.on(n, w) >= limit:
		o.text, o.key = fmt.Sprintf("runs %d already", limit), "maxinstancespernode"
	default:
		return nil
	}
	return o
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

// refusal tells why c fits nowhere; nil if it is only a matter of time,
// because what is leaving will make room.
func (p *planner) refusal(c *component) *cluster.Failure {
	var obstacles []*obstacle
	for _, n := range p.room().list {
		o := p.obstacle(c, n, soon)
		if o == nil {
			return nil
		}
		obstacles = append(obstacles, o)
	}
	return c.refusal(obstacles)
}

// maxNamed bounds how many nodes a refusal names.
const maxNamed = 20

// refusal puts the nodes' obstacles in one sentence.
func (c *component) refusal(obstacles []*obstacle) *cluster.Failure {
	f := &cluster.Failure{Reason: cluster.ReasonNoCapacity}
	if len(obstacles) == 0 {
		f.Message = fmt.Sprintf("no node can run %s: none is known", c.name)
		return f
	}
	var nodes, keys []string
	engines := 0
	for i, o := range obstacles {
		if o.reason == cluster.ReasonEngineDown {
			engines++
		}
		if i < maxNamed {
			nodes = append(nodes, o.node+" "+o.text)
		}
		if o.key != "" && !slices.Contains(keys, o.key) {
			keys = append(keys, o.key)
		}
	}
	if engines == len(obstacles) {
		f.Reason = cluster.ReasonEngineDown
	}
	if more := len(obstacles) - maxNamed; more > 0 {
		nodes = append(nodes, fmt.Sprintf("%d more", more))
	}
	f.Message = fmt.Sprintf("no node can run %s, which reserves %d MiB: %s", c.name, c.next().Effective.ReserveMemory, strings.Join(nodes, "; "))
	if len(keys) > 0 {
		f.Message += ". Change " + strings.Join(keys, ", ")
	}
	return f
}

func (p *planner) refuseUnknown(c *component) {
	if _, asked := p.in.Load.Wakes[c.name]; asked {
		p.refusals[c.name] = &cluster.Failure{Reason: cluster.ReasonNotFound, Message: "no component is called " + c.name}
	}
}

// refuseUnreleased refuses a component whose first version was not released;
// one that is being released is waited for.
func (p *planner) refuseUnreleased(c *component) {
	for _, r := range p.in.Snapshot.Runs.All() {
		if r.Key() == cluster.ReleaseKey(c.name, c.row.RestartVersion) && r.State == cluster.RunFailed {
			p.refusals[c.name] = &cluster.Failure{Reason: cluster.ReasonReleaseFailed,
				Message: fmt.Sprintf("the release command of version %d failed: %s", r.Version, r.Message)}
		}
	}
}
