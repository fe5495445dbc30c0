package main

import (
	"slices"
	"testing"

	"github.com/docker/docker/api/types/events"

	"maelstrom/cluster/rpc"
	"maelstrom/runtime/drivertest"
)

// With memory for one, two components answer in turn: the container of the one
// stops, then that of the other starts, and the request waits.
func TestIdleContainerMakesRoom(t *testing.T) {
	t.Parallel()
	n := newNode(t, "MAEL_TOTAL_MEMORY=200")
	image := drivertest.BuildImage(t)
	lines := []string{"reservememory: 150", "idletimeoutseconds: 3600"}
	one, other := web{name: "one", image: image, lines: lines}, web{name: "other", image: image, lines: lines}
	n.apply(projectOf("tight", one, other))
	for range 2 {
		n.mustGet(one.host(), "/")
		n.engine.only(t, n.id)
		n.awaitState("tight_other", rpc.ComponentAsleep)
		n.mustGet(other.host(), "/")
		n.engine.only(t, n.id)
		n.awaitState("tight_one", rpc.ComponentAsleep)
	}
}

// A node that joins takes over one instance of three: another one is started
// there first, no request fails, and nothing else moves.
func TestAJoiningNodeTakesOneInstanceOver(t *testing.T) {
	t.Parallel()
	_, dsn := emptyDatabase(t, postgres)
	settings := []string{"MAEL_SQL_DRIVER=postgres", "MAEL_SQL_DSN=" + dsn, "MAEL_TOTAL_MEMORY=1024"}
	_, env := peerEnv(t, settings...)
	full := newNode(t, env...)
	w := web{name: "web", image: drivertest.BuildImage(t), lines: []string{"mininstances: 3", "reservememory: 256"}}
	full.apply(projectOf("even", w))
	full.await("three instances", patience, func() bool { return len(full.placedOn("even_web")) == 3 })
	traffic := full.steady(t, 4, w.host(), "/?ms=20")
	full.await("requests", patience, func() bool { return traffic.count() > 20 })

	_, env = peerEnv(t, settings...)
	empty := prepareNode(t, env...)
	stopped, started := full.engine.watch(t, full.id), full.engine.watch(t, empty.id)
	empty.start()
	full.await("two and one", 2*patience, func() bool {
		on := full.placedOn("even_web")
		slices.Sort(on)
		return slices.Equal(on, slices.Sorted(slices.Values([]string{full.id, full.id, empty.id}))) && len(full.ps("even_web")) == 3
	})
	answered := traffic.count()
	full.await("requests after the move", patience, func() bool { return traffic.count() > answered+100 })
	traffic.end()
	for _, x := range traffic.failures() {
		t.Errorf("a request failed: %s", x)
	}
	gone := stopped.of(events.ActionDie, "")
	if starts := started.of(events.ActionStart, ""); len(gone) != 1 || len(starts) != 1 || at(gone[0]).Before(at(starts[0])) {
		t.Errorf("%d started on the new node, %d stopped on the other; want one each, in that order", len(starts), len(gone))
	}
}
