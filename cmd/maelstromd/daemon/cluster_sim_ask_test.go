package daemon

import (
	"fmt"
	"net"
	"net/http"
	"time"
)

// requestLimit is what a request may take at a node that serves, by the
// declared maxdurationseconds.
const requestLimit = 31 * time.Second

// noticed is when a node that can't be reached is nobody's choice any more.
const noticed = 3 * time.Second

// ask is one request. It gets an answer with a reason before its deadline, and
// what it asks for where that runs, within reach of the asked node, and nothing
// happens to it.
func (c *chronicle) ask(n *fleetNode, r *role, takes time.Duration) {
	request, err := http.NewRequest(http.MethodGet, "http://"+r.name+".test/", nil)
	if err != nil {
		c.fail("%v", err)
		return
	}
	request.Header.Set("Takes", takes.String())
	marred, killed, events, hits, reach := n.marred.Load(), c.killed(), c.events(), c.hits(), c.within(n, r)
	began := time.Now()
	answer, err := n.answered(n.opt.PublicPort, request)
	took := time.Since(began)
	c.mu.Lock()
	c.answers[outcome(answer, err)]++
	c.mu.Unlock()
	what := fmt.Sprintf("a request of %s for %s at %s", began.Format("04:05.000"), r.name, n.id)
	switch {
	case err != nil && c.events() == events:
		c.fail("%s, to which nothing happened: %v", what, err)
	case err != nil:
	case took > requestLimit+openingLimit:
		c.fail("%s took %v", what, took)
	case answer.status == http.StatusOK:
	case answer.header.Get("Maelstrom-Reason") == "":
		c.fail("%s is answered %d without a reason: %q", what, answer.status, answer.body)
	case answer.header.Get("Maelstrom-Reason") == "node_lost" && c.excused(n, hits, began):
		// It was sent once more, and that failed too.
	case answer.status == http.StatusBadGateway && answer.header.Get("Maelstrom-Reason") == "exited" && c.killed() != killed:
		// It was in a container that was killed, so that nobody may send it again.
	case n.marred.Load() == marred && !r.frail && !r.goes && reach.still() != nil:
		c.fail("%s, which %s ran and nothing happened to, is answered %d %v after %v", what, reach.still().id, answer.status, answer.header, took)
	}
}

// events counts what has happened to nodes.
func (c *chronicle) events() int64 {
	sum := c.killed()
	for _, n := range c.nodes {
		sum += n.touched.Load()
	}
	return sum
}

// hits counts what has happened to each node.
func (c *chronicle) hits() []int64 {
	var hits []int64
	for _, n := range c.nodes {
		hits = append(hits, n.marred.Load()+n.touched.Load())
	}
	return hits
}

// excused tells whether a request may have failed although it can be sent again:
// something happened to the asked node, or to two others, since shortly before it
// came. One alone that fails costs one try.
func (c *chronicle) excused(asked *fleetNode, before []int64, began time.Time) bool {
	failing := 0
	for i, hits := range c.hits() {
		n := c.nodes[i]
		if hits == before[i] && began.Sub(time.Unix(0, n.happened.Load())) >= noticed {
			continue
		}
		if n == asked {
			return true
		}
		failing++
	}
	return failing > 1
}

// killed counts what has ended daemons and containers.
func (c *chronicle) killed() (sum int64) {
	for _, n := range c.nodes {
		sum += n.marred.Load()
	}
	return sum
}

func outcome(answer response, err error) string {
	if err != nil {
		return "cut"
	}
	return fmt.Sprint(answer.status, " ", answer.header.Get("Maelstrom-Reason"))
}

// reach are nodes where a component runs, with what has happened to them.
type reach []reached

type reached struct {
	*fleetNode
	marred, touched int64
	asker           *fleetNode
	askerTouched    int64
}

// within are the nodes that a node can reach a component at.
func (c *chronicle) within(n *fleetNode, r *role) (found reach) {
	d := n.live()
	if d == nil {
		return nil
	}
	view := d.feed.Snapshot()
	rows, _ := view.ByComponent.Get("sim_" + r.name)
	for _, row := range rows {
		in, ok := view.Instances.Get(row.ID)
		if !ok || !in.Serves(row.Want) {
			continue
		}
		for _, m := range c.nodes {
			if m.id == row.Node && (m == n || m.live() != nil && view.Hears(m.id) && c.fabric.whole(n.host, m.host)) {
				found = append(found, reached{m, m.marred.Load(), m.touched.Load(), n, n.touched.Load()})
			}
		}
	}
	return found
}

// still returns one to which nothing has happened.
func (r reach) still() *fleetNode {
	for _, one := range r {
		unmarred := one.fleetNode.marred.Load() == one.marred
		untouched := one.fleetNode.touched.Load() == one.touched && one.asker.touched.Load() == one.askerTouched
		if unmarred && untouched {
			return one.fleetNode
		}
	}
	return nil
}

// whole tells whether two nodes reach each other.
func (f *fabric) whole(a, b string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return !f.cut[way{a, b}] && !f.cut[way{b, a}] && f.listeners[net.JoinHostPort(b, "8376")] != nil
}
