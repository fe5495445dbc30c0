package scheduler

import (
	"testing"

	"maelstrom/cluster"
	"maelstrom/project"
)

// What was set aside for a component is free as soon as nobody wants it.
func TestAClaimEndsWithTheWant(t *testing.T) {
	w := newWorld()
	w.node("n1", 600)
	w.declare("web", project.Component{ReserveMemory: 300})
	w.declare("big", project.Component{ReserveMemory: 400})
	w.memory.Claims = map[string]Claim{"big": {Node: "n1", MiB: 400}}
	w.full = w.memory
	w.load.Components["big"] = cluster.ComponentLoad{InFlight: 1} // and nothing of it runs
	w.wake("web")
	w.decide(t)
	w.expect(t, "at once", counts{"web": 1, "big": 0})
}
