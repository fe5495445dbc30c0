package main

import (
	"flag"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/docker/docker/api/types/events"

	"maelstrom/cluster"
	"maelstrom/runtime"
	"maelstrom/runtime/drivertest"
)

var herdSize = flag.Int("trio.herd", 600, "requests at once, spread over three nodes, to one sleeping component")

// A crowd that asks all nodes for one sleeping component wakes it once for each
// slot that it needs, and everyone is served.
func testHerd(t *testing.T, c *trio) {
	image := drivertest.BuildImage(t)
	var seen []*history
	for _, n := range c.nodes {
		seen = append(seen, n.engine.watch(t, n.id))
	}
	crowds := []web{ // one instance for all nodes, one on each, more than one on each
		{name: "one", image: image, lines: []string{"maxconcurrency: 50", "maxinstances: 1"}},
		{name: "three", image: image, lines: []string{"maxconcurrency: 20", "maxinstances: 3", "maxinstancespernode: 1"}},
		{name: "five", image: image, lines: []string{"maxconcurrency: 10", "maxinstances: 5", "maxinstancespernode: 2"}},
	}
	for i := range crowds {
		crowds[i].lines = append(crowds[i].lines, "reservememory: 16")
	}
	c.declare("herd", projectOf("herd", crowds...))
	for i, most := range []int{1, 3, 5} {
		c.checkHerd(t, crowds[i], seen, most)
	}
}

// checkHerd lets a crowd ask for a component that sleeps.
func (c *trio) checkHerd(t *testing.T, w web, seen []*history, most int) {
	t.Helper()
	answers := make([]answer, *herdSize)
	var all sync.WaitGroup
	began := time.Now()
	for i := range answers {
		all.Go(func() { answers[i] = c.nodes[i%len(c.nodes)].get(w.host(), "/?ms=20") })
	}
	all.Wait()
	took := time.Since(began)
	bad := 0
	for i, a := range answers {
		if a.err != nil || a.status != http.StatusOK {
			if bad++; bad <= 3 {
				t.Errorf("asked at node %d: %s", i%len(c.nodes), a)
			}
		}
	}
	if bad > 0 {
		t.Errorf("%s: %d of %d requests failed", w.name, bad, len(answers))
	}
	slots := c.slotsOf(t, "herd_"+w.name)
	starts, perNode := map[string]int{}, []int{} // by placement, and by node
	for i, n := range c.nodes {
		started := startsOf(seen[i], "herd_"+w.name)
		for _, id := range started {
			starts[id]++
		}
		perNode = append(perNode, len(started))
		for _, i := range n.ps("herd_" + w.name) {
			if i.Queued > 0 || i.InFlight > 0 {
				t.Errorf("left behind at %s: %d queued, %d in flight", n.id, i.Queued, i.InFlight)
			}
		}
	}
	if len(starts) > most || len(slots) != len(starts) {
		t.Errorf("%s: %d placements in %d slots of at most %d", w.name, len(starts), len(slots), most)
	}
	for id, n := range starts {
		if n != 1 {
			t.Errorf("placement %s was started %d times", id, n)
		}
	}
	t.Logf("%s: %d requests took %s; %d placements in %d slots, by node %v", w.name, len(answers), took.Round(time.Millisecond), len(starts), len(slots), perNode)
}

// slotsOf are the slots that a component has, once each has a ready instance.
func (c *trio) slotsOf(t *testing.T, component string) (slots map[int]string) {
	t.Helper()
	c.nodes[0].await("all instances of "+component, patience, func() bool {
		slots = map[int]string{}
		for _, i := range c.nodes[0].ps(component) {
			if i.State != string(cluster.InstanceReady) {
				return false
			}
			if slots[i.Slot] != "" {
				t.Errorf("slot %d has %s and %s", i.Slot, slots[i.Slot], i.Placement)
			}
			slots[i.Slot] = i.Placement
		}
		return len(slots) > 0
	})
	return slots
}

// startsOf are the placements whose containers were started.
func startsOf(h *history, component string) (placements []string) {
	for _, m := range h.of(events.ActionStart, component) {
		placements = append(placements, m.Actor.Attributes[runtime.LabelPlacement])
	}
	return placements
}
