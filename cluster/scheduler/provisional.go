package scheduler

import (
	"fmt"
	"slices"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

// unbegunMost is how long a placement may be on a node that the database is
// away from, and not be begun there: the node has not seen the row, and will
// not before the database is back.
const unbegunMost = 10 * time.Second

// Provisional decides what a node may start by itself while nobody reaches the
// database: one instance of a component without maxima, within its own memory.
// It returns the placement, which is stored nowhere yet, or why there is none.
func Provisional(in Input, node, component string) (*cluster.Placement, *cluster.Failure) {
	p := newPlanner(in)
	c := p.view(component)
	if c.row == nil {
		p.in.Load.Wakes = map[string]Wake{component: {}}
		p.refuseUnknown(c)
		return nil, p.refusals[component]
	}
	if why := c.undecidable(in.Snapshot); why != "" {
		return nil, withoutDatabase(c.name, why)
	}
	if c.kept != nil {
		c.fill = 1 // the version that serves; the other one has yet to prove itself
	}
	n := p.room().of(node)
	if n == nil {
		return nil, withoutDatabase(c.name, "this node is not known yet")
	}
	if o := p.provisionalObstacle(c, n); o != nil {
		return nil, withoutDatabase(c.name, "this node "+o.text)
	}
	row := c.next()
	return &cluster.Placement{
		ID: in.NewID(), Component: c.name, Node: node, Want: cluster.WantRun,
		PlacedVersion: row.Version, MemoryMiB: row.Effective.ReserveMemory,
	}, nil
}

// undecidable tells what of a component can't be decided by one node alone.
func (c *component) undecidable(snap *cluster.Snapshot) string {
	switch {
	case snap.Restored:
		return "the copy on disk has no values of its environment"
	case c.held:
		return "its first version has yet to be released"
	case c.spec.MaxInstances > 0:
		return "it has maxinstances, which one node alone can't keep"
	case c.spec.MaxInstancesPerNode > 0:
		return "it has maxinstancespernode, which one node alone can't keep"
	case c.spec.StartParallelism != project.StartParallel:
		return "startparallelism needs to know what others start"
	}
	return ""
}

// provisionalObstacle is what forbids it on n. A named volume has to be there
// already: where it is made is decided once.
func (p *planner) provisionalObstacle(c *component, n *node) *obstacle {
	for _, v := range c.next().Effective.Volumes {
		if v.Type == "volume" && v.Source != "" && n.row.Mounts[v.Source] != cluster.Present {
			return &obstacle{text: "does not have volume " + v.Source}
		}
	}
	return p.obstacle(c, n, now)
}

func withoutDatabase(component, why string) *cluster.Failure {
	return &cluster.Failure{
		Reason:  cluster.ReasonDatabaseDown,
		Message: fmt.Sprintf("the database is away, so nobody can place %s: %s. It starts at the first request after the database is back", component, why),
	}
}

// adopt gives what nodes have started without the database a row each, if they
// may have one; what gets none, its node stops.
func (p *planner) adopt(c *component) {
	unplaced, _ := p.in.Snapshot.Unplaced.Get(c.name)
	for _, i := range unplaced {
		if !p.adoptable(c, i) {
			continue
		}
		pl := &cluster.Placement{
			ID: i.Placement, Component: c.name, Slot: c.freeSlot(), Node: i.Node, Want: cluster.WantRun,
			PlacedVersion: i.ComponentVersion, MemoryMiB: i.MemoryMiB,
		}
		c.fresh = append(c.fresh, pl)
		c.adopted++
		p.inserts = append(p.inserts, cluster.PlacementWrite{Insert: pl})
	}
}

func (p *planner) adoptable(c *component, i *cluster.Instance) bool {
	if !i.Provisional || c.row == nil || c.undecidable(p.in.Snapshot) != "" {
		return false
	}
	if i.State == cluster.InstanceDraining || i.State == cluster.InstanceStopping {
		return false // its node has given up waiting
	}
	n, ok := p.in.Snapshot.Nodes.Get(i.Node)
	live := ok && !n.Lost && (n.State == cluster.NodeUp || n.State == cluster.NodeDraining)
	return live && !p.cut(i.Node) && p.in.Snapshot.Hears(i.Node) && p.reported(i.Node)
}

// provisional is what instances without a row have reserved on a node.
func provisional(snap *cluster.Snapshot) map[string]int64 {
	reserved := map[string]int64{}
	for _, unplaced := range snap.Unplaced.All() {
		for _, i := range unplaced {
			if i.Provisional {
				reserved[i.Node] += i.MemoryMiB
			}
		}
	}
	return reserved
}

// unbegun tells whether a node can't begin a placement, as it can't have seen
// its row.
func (p *planner) unbegun(pl *cluster.Placement) bool {
	if _, begun := p.in.Snapshot.Instances.Get(pl.ID); begun || !p.cut(pl.Node) || !p.reported(pl.Node) {
		return false
	}
	since, known := p.in.Memory.Unbegun[pl.ID]
	if !known {
		since = p.in.Now
	}
	p.memory.Unbegun[pl.ID] = since
	until := since.Add(unbegunMost)
	if until.After(p.in.Now) {
		p.look(until)
		return false
	}
	return true
}

func isProvisional(i *cluster.Instance) bool { return i.Provisional }

// unplacedNames are the components of which something runs without a row.
func (p *planner) unplacedNames() []string {
	var names []string
	for name, unplaced := range p.in.Snapshot.Unplaced.All() {
		if slices.ContainsFunc(unplaced, isProvisional) {
			names = append(names, name)
		}
	}
	return names
}
