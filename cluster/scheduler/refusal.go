package scheduler

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"maelstrom/cluster"
)

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
	if !slices.ContainsFunc(obstacles, func(o *obstacle) bool { return o.kind != kindLabels }) {
		f.Message = c.labelsMissing()
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

// labelsMissing says that no node has the labels, and which labels there are.
func (c *component) labelsMissing() string {
	have := map[string]bool{}
	for _, n := range c.snap.Nodes.All() {
		for name, value := range n.Labels {
			have[name+"="+value] = true
		}
	}
	labels := slices.Sorted(maps.Keys(have))
	if more := len(labels) - maxNamed; more > 0 {
		labels = append(labels[:maxNamed], fmt.Sprintf("%d more", more))
	}
	if len(labels) == 0 {
		labels = []string{"none"}
	}
	return fmt.Sprintf("no node can run %s, which asks for %s. Labels that nodes have: %s. Change nodes of the component or MAEL_NODE_LABELS of a node",
		c.name, labelText(c.spec.Nodes), strings.Join(labels, ", "))
}

func labelText(labels map[string]string) string {
	var texts []string
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		texts = append(texts, name+"="+labels[name])
	}
	return strings.Join(texts, ", ")
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
