package daemon

import (
	"context"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"testing/synctest"
	"time"

	"maelstrom/cluster"
	"maelstrom/runtime"
)

// check holds what is promised at any moment.
func (c *chronicle) check() {
	snap := c.look()
	c.checkLeases()
	c.checkRows(snap)
	for _, n := range c.nodes {
		if d := n.live(); d != nil {
			c.checkView(n, d.feed.Snapshot(), snap)
		}
	}
}

func (c *chronicle) checkLeases() {
	leases, err := c.watch.Leases(context.Background())
	if err != nil {
		c.fail("%v", err)
	}
	for _, l := range leases {
		if l.Fence < c.fences[l.Role] {
			c.fail("the fence of %s went back from %d to %d", l.Role, c.fences[l.Role], l.Fence)
		}
		c.fences[l.Role] = l.Fence
	}
}

// checkRows looks at what is decided.
func (c *chronicle) checkRows(snap *cluster.Snapshot) {
	memory := map[string]int64{}
	for id, row := range snap.Placements.All() {
		memory[row.Node] += row.MemoryMiB
		if _, ok := snap.Nodes.Get(row.Node); !ok {
			c.fail("placement %s is on %s, which is not there", id, row.Node)
		}
	}
	for node, sum := range memory {
		if sum > fleetMemory {
			c.fail("%d MiB of %s are reserved, of %d", sum, node, fleetMemory)
		}
	}
	for _, r := range c.cast {
		rows, _ := snap.ByComponent.Get("sim_" + r.name)
		slots, perNode := map[int]bool{}, map[string]int{}
		for _, row := range rows {
			slots[row.Slot] = true
			perNode[row.Node]++
		}
		if r.max > 0 && len(rows) > r.max || len(slots) != len(rows) {
			c.fail("%s has %d placements in %d slots, at most %d", r.name, len(rows), len(slots), r.max)
		}
		for node, n := range perNode {
			if r.perNode > 0 && n > r.perNode {
				c.fail("%s has %d placements on %s, at most %d", r.name, n, node, r.perNode)
			}
		}
	}
}

// checkView looks at what a node knows.
func (c *chronicle) checkView(n *fleetNode, view, truth *cluster.Snapshot) {
	if view.Number > truth.Number {
		c.fail("%s has seen change %d of %d", n.id, view.Number, truth.Number)
	}
	if view.Number == truth.Number && !view.Restored {
		if what := different(view, truth); what != "" {
			c.fail("%s has missed a change before %d: %s", n.id, truth.Number, what)
		}
	}
	for _, r := range c.cast {
		if routable := n.routable(view, r); r.max > 0 && len(routable) > r.max {
			c.fail("%s routes to %d instances of %s, at most %d: %v", n.id, len(routable), r.name, r.max, routable)
		}
	}
}

// routable are the instances that a node sends requests to.
func (n *fleetNode) routable(view *cluster.Snapshot, r *role) (list []string) {
	rows, _ := view.ByComponent.Get("sim_" + r.name)
	for _, row := range rows {
		in, ok := view.Instances.Get(row.ID)
		if ok && in.Serves(row.Want) && (row.Node == n.id || view.Hears(row.Node)) {
			list = append(list, row.Node+"/"+row.ID)
		}
	}
	return list
}

// different tells in which rows of the database two snapshots differ.
func different(a, b *cluster.Snapshot) string {
	if what := differentRows(a.Placements, b.Placements); what != "" {
		return "placements: " + what
	}
	if what := differentRows(a.Components, b.Components); what != "" {
		return "components: " + what
	}
	if what := differentRows(a.EventSources, b.EventSources); what != "" {
		return "event sources: " + what
	}
	if what := differentRows(standing(a.Nodes), standing(b.Nodes)); what != "" {
		return "nodes: " + what
	}
	return differentRows(a.Projects, b.Projects)
}

// standing is what of nodes is told as a change: not that they were seen, nor
// how busy they were then.
func standing(nodes cluster.Map[*cluster.Node]) (m cluster.Map[cluster.Node]) {
	rows := map[string]cluster.Node{}
	for id, row := range nodes.All() {
		one := *row
		one.SeenAt, one.Load1m, one.Load5m, one.Load15m, one.Disks = time.Time{}, 0, 0, 0, nil
		rows[id] = one
	}
	return m.With(rows, nil)
}

func differentRows[V any](a, b cluster.Map[V]) string {
	for key, row := range a.All() {
		if other, ok := b.Get(key); !ok {
			return key + " is gone"
		} else if !reflect.DeepEqual(row, other) {
			return fmt.Sprintf("%s is %+v, not %+v", key, other, row)
		}
	}
	for key := range b.All() {
		if _, ok := a.Get(key); !ok {
			return key + " is not known"
		}
	}
	return ""
}

// restless tells what is not as it should be when nothing happens any more.
func (c *chronicle) restless() string {
	snap := c.look()
	c.check()
	for _, r := range c.cast {
		rows, _ := snap.ByComponent.Get("sim_" + r.name)
		if len(rows) != r.min && (r.name != "job" || len(rows) > 1) {
			return fmt.Sprintf("%s has %d placements, not %d", r.name, len(rows), r.min)
		}
		if row, ok := snap.Components.Get("sim_" + r.name); !ok || row.Unproven() && r.min > 0 || row.Failed != nil {
			return fmt.Sprintf("%s is unproven: %+v", r.name, row)
		}
	}
	for _, n := range c.nodes {
		if what := c.restlessNode(n, snap); what != "" {
			return n.id + ": " + what
		}
	}
	if got, want := c.fabric.directions(), len(c.nodes)*(len(c.nodes)-1); got < want {
		return fmt.Sprintf("%d directions of connections between nodes, not %d", got, want)
	}
	return ""
}

func (c *chronicle) restlessNode(n *fleetNode, truth *cluster.Snapshot) string {
	d := n.live()
	if d == nil {
		return "it does not serve"
	}
	view := d.feed.Snapshot()
	if what := different(view, truth); what != "" {
		return "it knows other things than the database, at " + fmt.Sprint(view.Number, " of ", truth.Number, ": ") + what
	}
	if what := restlessContainers(d, truth); what != "" {
		return what
	}
	for id, row := range truth.Placements.All() {
		in, ok := view.Instances.Get(id)
		if row.Want != cluster.WantRun || !ok || !in.Routable() || !view.Hears(row.Node) {
			return fmt.Sprintf("%s of %s wants to %s, and is %+v (heard: %v)", id, row.Component, row.Want, in, view.Hears(row.Node))
		}
	}
	for name, load := range d.gateway.Load().Components {
		if load.InFlight+load.Queued > 0 && name != "sim_job" {
			return fmt.Sprintf("%s has %d requests in flight and %d that wait", name, load.InFlight, load.Queued)
		}
	}
	return ""
}

// restlessContainers tells whether a node runs what is placed there, and that
// alone.
func restlessContainers(d *Daemon, truth *cluster.Snapshot) string {
	containers, err := d.driver.List(context.Background())
	if err != nil {
		return err.Error()
	}
	placed, _ := truth.ByNode.Get(d.node)
	for _, one := range containers {
		if _, ok := placed[one.Placement]; !ok || one.State != runtime.ContainerRunning {
			return fmt.Sprintf("container of %s, placement %s, is %s; placed: %v", one.Component, one.Placement, one.State, ok)
		}
	}
	for id, row := range placed {
		if !slices.ContainsFunc(containers, func(one runtime.Container) bool { return one.Placement == id }) {
			return fmt.Sprintf("no container of %s, placement %s", row.Component, id)
		}
	}
	return ""
}

// askAll asks each node for each component, wherever it runs or sleeps.
func (c *chronicle) askAll() {
	for _, n := range c.nodes {
		for _, r := range c.cast {
			answer, err := n.request(r.name + ".test")
			if err != nil || answer.status != http.StatusOK {
				c.fail("at rest %s answers for %s: %d %v, %v", n.id, r.name, answer.status, answer.header, err)
			}
		}
	}
}

// checkSchedules looks at whether each due time was fired once at most, and
// without faults once at least.
func (c *chronicle) checkSchedules() {
	began := c.server.Now()
	c.pass(21 * time.Second)
	synctest.Wait()
	for path := range jobs {
		rows, err := c.watch.LastFirings(context.Background(), "sim_"+path, 10_000)
		if err != nil {
			c.fail("%v", err)
		}
		c.checkFirings(path, rows, began)
	}
}

func (c *chronicle) checkFirings(path string, rows []cluster.Firing, began time.Time) {
	due, recent := map[time.Time]bool{}, 0
	for _, f := range rows {
		if due[f.Due] {
			c.fail("%s has fired twice at %v", path, f.Due)
		}
		due[f.Due] = true
		if f.Due.After(began) {
			recent++
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fired[path] > len(rows) {
		c.fail("%s has reached containers %d times in %d firings", path, c.fired[path], len(rows))
	}
	if path == "job-often" && recent < 4 {
		c.fail("%s has fired %d times in 21 s without faults: %+v", path, recent, rows)
	}
}
