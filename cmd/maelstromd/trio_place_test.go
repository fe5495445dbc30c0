package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"

	"maelstrom/runtime/drivertest"
)

// An instance goes to the fullest of the nodes, or to the emptiest, as its
// component says.
func testPlacement(t *testing.T, c *trio) {
	image := drivertest.BuildImage(t)
	on := func(component string) (nodes []string) {
		c.nodes[0].await("an instance of "+component, patience, func() bool {
			nodes = c.nodes[0].placedOn(component)
			return len(nodes) == 1
		})
		return nodes
	}
	c.declare("heavy", projectOf("heavy",
		web{name: "half", image: image, lines: []string{atNode(1), "mininstances: 1", "reservememory: 512"}},
		web{name: "quarter", image: image, lines: []string{atNode(2), "mininstances: 1", "reservememory: 256"}},
	))
	on("heavy_half")
	on("heavy_quarter")
	c.declare("place", projectOf("place",
		web{name: "pack", image: image, lines: []string{"placement: pack", "mininstances: 1", "reservememory: 16"}},
		web{name: "spread", image: image, lines: []string{"placement: spread", "mininstances: 1", "reservememory: 16"}},
	))
	for component, want := range map[string]int{"place_pack": 1, "place_spread": 0} {
		if got := c.number(on(component)[0]); got != want {
			t.Errorf("%s is on node %d, want %d", component, got, want)
		}
	}
}

// Of an instance that works at fifty requests and one that works at few, the
// latter gets all that comes, also while it is new, which counts tenfold: turns
// would give the former some.
func testLeastLoaded(t *testing.T, c *trio) {
	const many, few, slots = 50, 4, 100
	asked := c.nodes[0]
	w := web{name: "least", image: drivertest.BuildImage(t), lines: []string{
		"balance: leastloaded", fmt.Sprint("maxconcurrency: ", slots), "maxinstancespernode: 1", "reservememory: 16",
	}}
	instances := func(n int) string {
		more := w
		more.lines = append(w.lines[:len(w.lines):len(w.lines)], fmt.Sprint("mininstances: ", n), fmt.Sprint("maxinstances: ", n))
		return projectOf("least", more)
	}
	ctx, cancel := context.WithCancel(t.Context())
	transport := &http.Transport{}
	var held sync.WaitGroup
	defer transport.CloseIdleConnections()
	defer held.Wait()
	defer cancel()
	hold := func() {
		held.Go(func() {
			answer, err := transport.RoundTrip(asked.request(ctx, http.MethodGet, w.host(), "/?ms=600000", nil))
			if err == nil { // it was not held
				_, _ = io.Copy(io.Discard, answer.Body)
				answer.Body.Close()
				t.Errorf("answered %s", answer.Status)
			}
		})
	}
	loads := func(total int) map[string]int { // by instance, once they sum up to total
		var all map[string]int
		asked.await(fmt.Sprint(total, " requests in flight"), patience, func() bool {
			all = map[string]int{}
			sum := 0
			for _, i := range asked.ps("least_least") {
				all[i.Placement] = i.InFlight
				sum += i.InFlight
			}
			return sum == total
		})
		return all
	}

	c.declare("least", instances(1))
	asked.await("an instance", patience, func() bool { return asked.readyOf("least_least") == 1 })
	first := asked.ps("least_least")[0].Placement
	for range many {
		hold()
	}
	loads(many)
	asked.apply(instances(2))
	asked.await("another instance", patience, func() bool { return asked.readyOf("least_least") == 2 })
	total, by := many, map[string]int{first: many}
	for by[first] == total && total < slots-few { // the gateway may know of it later than who lists
		hold()
		total++
		by = loads(total)
	}
	atFirst := by[first]
	for range few - 1 {
		hold()
		total++
		by = loads(total)
	}
	if by[first] != atFirst || len(by) != 2 || total-atFirst != few {
		t.Errorf("requests by instance %v, of which %s had %d before the last %d", by, first, atFirst, few-1)
	}
}
