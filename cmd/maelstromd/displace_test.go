package main

import (
	"testing"

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
