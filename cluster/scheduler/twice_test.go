package scheduler

import (
	"testing"

	"maelstrom/cluster"
	"maelstrom/project"
)

// These are worlds in which a plan of a planned state once had something to
// add: decide sees to it that it has not.

// What waits asks for the same again, although one of those that left was turned
// back by the plan and counts as ready now.
func TestAQueueIsWorthTheSameAgain(t *testing.T) {
	w := newWorld()
	w.node("n1", 10_000)
	w.declare("web", project.Component{ReserveMemory: 1, MaxConcurrency: 1, MinInstances: 4})
	w.settle(t)
	w.limit("web", func(c *project.Component) { c.MinInstances = 0 })
	w.load.Sleeps["web"] = true
	w.decide(t)
	w.expect(t, "asleep", counts{"web": 0})
	w.load.Components["web"] = cluster.ComponentLoad{Queued: 8, ServiceTime: drainBudget}
	w.decide(t)
	w.expect(t, "asked for", counts{"web": 8})
}

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

// What others give up, or stop for their own successors, is offered to those
// that were refused before.
func TestWhatIsGivenUpLaterIsOffered(t *testing.T) {
	w := newWorld()
	w.node("n1", 500)
	w.declare("b", project.Component{ReserveMemory: 200})
	w.wakeAll(t, "b")
	w.act(nil)
	w.declare("a", project.Component{ReserveMemory: 400, MinInstances: 1})
	w.load.Components["b"] = cluster.ComponentLoad{}
	w.limit("b", func(c *project.Component) { c.MinInstances = 0 })
	w.load.Components["b"] = cluster.ComponentLoad{LastRequest: w.now}
	d := w.decide(t)
	if len(d.Displaced) != 1 {
		t.Errorf("displaced: %v, refused: %v", d.Displaced, d.Refusals)
	}
}

// Where not all that shall be there fit, half of those that there are may be
// away at a time all the same.
func TestHalfAreReplacedAtATimeWithoutRoomForAll(t *testing.T) {
	w := newWorld()
	w.node("n1", 600)
	spec := project.Component{ReserveMemory: 100, MaxConcurrency: 1, RestartOrder: project.RestartStopStart, MinInstances: 1}
	w.declare("web", spec)
	w.settle(t)
	w.load.Components["web"] = cluster.ComponentLoad{InFlight: 6}
	w.limit("web", func(c *project.Component) { c.MinInstances = 6 })
	w.settle(t)
	w.expect(t, "full", counts{"web": 6})
	spec.MinInstances = 12
	w.declare("web", spec)
	least := 6
	for range 40 {
		w.decide(t)
		ready := 0
		for id, pl := range w.placements {
			if i := w.instances[id]; i != nil && i.State == cluster.InstanceReady && pl.Want == cluster.WantRun {
				ready++
			}
		}
		least = min(least, ready)
		w.act(nil)
	}
	if least < 3 {
		t.Errorf("only %d were ready at a time", least)
	}
	for _, pl := range w.placements {
		if pl.PlacedVersion == 1 {
			t.Errorf("still there: %s", w.picture())
			break
		}
	}
}
