package main

import (
	"flag"
	"slices"
	"syscall"
	"testing"
	"time"

	"maelstrom/cluster"
	"maelstrom/cluster/rpc"
	"maelstrom/runtime/drivertest"
)

var rollingJoins = flag.Int("rolling.joins", 1, "how many new nodes join a cluster, one after the other")

// A new node gets what nobody else has room for, and takes requests for what
// runs elsewhere. How soon is told, and no promise of this test.
func TestANewNodeIsPlacedOn(t *testing.T) {
	t.Parallel()
	_, dsn := emptyDatabase(t, postgres)
	settings := []string{"MAEL_SQL_DRIVER=postgres", "MAEL_SQL_DSN=" + dsn, "MAEL_TOTAL_MEMORY=1024"}
	_, env := peerEnv(t, settings...)
	first := newNode(t, env...)
	w := web{name: "web", image: drivertest.BuildImage(t), lines: []string{"mininstances: 2", "maxinstancespernode: 1"}}
	first.apply(projectOf("shop", w))
	first.await("an instance", patience, func() bool { return len(first.placedOn("shop_web")) == 1 })
	var placed, ready []time.Duration
	for range *rollingJoins {
		_, env := peerEnv(t, settings...)
		n := prepareNode(t, env...)
		began := time.Now()
		n.run()
		first.await("a placement on the new node", patience, func() bool {
			return slices.ContainsFunc(first.ps("shop_web"), func(i rpc.Instance) bool { return i.Node == n.id })
		})
		placed = append(placed, time.Since(began).Round(time.Millisecond))
		first.await("its instance", patience, func() bool { return slices.Contains(first.placedOn("shop_web"), n.id) })
		ready = append(ready, time.Since(began).Round(time.Millisecond))
		n.await("an answer of the new node", patience, func() bool { return n.get(w.host(), "/").status == 200 })
		n.signal(syscall.SIGTERM)
		n.awaitExit()
		n.engine.removeAll(t, n.id)
		first.await("it is down", patience, func() bool { return first.nodeRow(n.id).State == cluster.NodeDown })
		if _, err := first.client().RemoveNode(t.Context(), n.id); err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(placed)
	slices.Sort(ready)
	t.Logf("from the start of its process to a placement on the new node: %s to %s, the median %s; to a ready instance: %s to %s, the median %s",
		placed[0], placed[len(placed)-1], placed[len(placed)/2], ready[0], ready[len(ready)-1], ready[len(ready)/2])
}
