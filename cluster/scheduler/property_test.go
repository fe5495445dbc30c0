package scheduler

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"maelstrom/cluster"
	"maelstrom/project"
)

// Whatever happens, in whatever order: no plan breaks a maximum, the memory of
// a node, a slot's uniqueness or the point of no return, and a plan of a
// planned state is empty (world.apply and world.decide see to that). When
// things calm down, a bounded number of steps ends where it should.
func TestPlansHoldTheirPromises(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := randomWorld(t)
		broken := false
		fails := func(pl *cluster.Placement) bool { return broken && pl.PlacedVersion%2 == 0 }
		t.Repeat(map[string]func(*rapid.T){
			"plan":    func(t *rapid.T) { w.decide(t) },
			"act":     func(t *rapid.T) { w.act(fails) },
			"pull":    func(t *rapid.T) { w.pull() },
			"wake":    func(t *rapid.T) { w.wake(someComponent(t)) },
			"sleep":   func(t *rapid.T) { w.load.Sleeps[someComponent(t)] = true },
			"load":    func(t *rapid.T) { w.load.Components[someComponent(t)] = randomLoad(t, w.now); w.spread() },
			"time":    func(t *rapid.T) { w.meter(time.Duration(rapid.IntRange(1, 90_000).Draw(t, "ms")) * time.Millisecond) },
			"meter":   func(t *rapid.T) { w.load.Unmetered = rapid.Bool().Draw(t, "unmetered") },
			"declare": func(t *rapid.T) { w.declare(someComponent(t), randomSpec(t)) },
			"remove":  func(t *rapid.T) { delete(w.components, someComponent(t)) },
			"break":   func(t *rapid.T) { broken = rapid.Bool().Draw(t, "broken") },
			"limit": func(t *rapid.T) {
				if name := someComponent(t); w.components[name] != nil {
					w.limit(name, func(c *project.Component) { c.IdleTimeoutSeconds = rapid.IntRange(1, 90).Draw(t, "idle") })
				}
			},
			"failover": func(t *rapid.T) { w.memory = Memory{Habits: Habits{Of: w.memory.Habits.Of}} },
			"habit": func(t *rapid.T) {
				h := habitOf(times(6, time.Duration(rapid.IntRange(0, 3).Draw(t, "minutes"))*time.Minute)...)
				h.Last, h.Starts = w.now, cluster.Starts{time.Second}
				known := map[string]*cluster.Habit{someComponent(t): h}
				w.memory.Habits = Habits{Of: w.memory.Habits.Of.With(known, nil)}
				w.full.Habits = Habits{Of: w.full.Habits.Of.With(known, nil)}
			},
			"node": func(t *rapid.T) {
				n := *w.nodes[rapid.SampledFrom(slices.Sorted(maps.Keys(w.nodes))).Draw(t, "node")]
				n.State = rapid.SampledFrom([]cluster.NodeState{cluster.NodeUp, cluster.NodeDraining, cluster.NodeDown}).Draw(t, "state")
				n.Lost = n.State == cluster.NodeDown && rapid.Bool().Draw(t, "lost")
				n.Engine = rapid.SampledFrom([]string{"", "down"}).Draw(t, "engine")
				n.Drain = rapid.SampledFrom([]cluster.Drain{cluster.DrainMove, cluster.DrainForce}).Draw(t, "drain")
				n.Labels = randomLabels(t)
				n.Mounts = maps.Clone(n.Mounts)
				n.Mounts["/data"] = rapid.SampledFrom([]cluster.Presence{cluster.Present, cluster.Absent, cluster.Unsure}).Draw(t, "path")
				w.nodes[n.ID] = &n
			},
			"join": func(t *rapid.T) {
				if len(w.nodes) < 4 {
					w.someNode(t)
				}
			},
			"observe": func(t *rapid.T) {
				name, mib := someComponent(t), rapid.Int64Range(0, 700).Draw(t, "observed")
				w.load.Observed = map[string]int64{name: mib} // the others are not known any more
			},
			"partial": func(t *rapid.T) { w.load.Partial = rapid.Bool().Draw(t, "partial") },
			"":        func(t *rapid.T) {},
		})
		w.calmDown(t)
	})
}

var componentNames = []string{"a", "b", "c"}

func someComponent(t *rapid.T) string { return rapid.SampledFrom(componentNames).Draw(t, "component") }

func randomWorld(t *rapid.T) *world {
	w := newWorld()
	for range rapid.IntRange(1, 3).Draw(t, "nodes") {
		w.someNode(t)
	}
	for _, name := range componentNames {
		w.declare(name, randomSpec(t))
	}
	return w
}

// someNode adds one.
func (w *world) someNode(t *rapid.T) {
	n := w.node(fmt.Sprintf("n%d", len(w.nodes)+1), rapid.Int64Range(0, 1000).Draw(t, "memory"))
	n.Labels = randomLabels(t)
	n.Mounts = map[string]cluster.Presence{"/data": cluster.Present}
	if rapid.Bool().Draw(t, "asked for volumes") {
		n.Mounts["v"] = rapid.SampledFrom([]cluster.Presence{cluster.Present, cluster.Absent}).Draw(t, "volume")
	}
}

func randomLabels(t *rapid.T) map[string]string {
	return rapid.SampledFrom([]map[string]string{{"disk": "ssd"}, {"disk": "hdd"}, nil}).Draw(t, "node's labels")
}

func randomSpec(t *rapid.T) project.Component {
	c := project.Component{
		ReserveMemory:       rapid.Int64Range(1, 500).Draw(t, "reserve"),
		MaxConcurrency:      rapid.IntRange(1, 4).Draw(t, "concurrency"),
		MinInstances:        rapid.SampledFrom([]int{0, 0, 0, 1, 2}).Draw(t, "min"),
		MaxInstancesPerNode: rapid.IntRange(0, 2).Draw(t, "per node"),
		IdleTimeoutSeconds:  rapid.IntRange(1, 90).Draw(t, "idle"),
		Idle:                rapid.SampledFrom([]project.Idle{"", project.IdleLearned}).Draw(t, "idle policy"),
		RestartOrder:        rapid.SampledFrom([]project.RestartOrder{"", project.RestartStartStop, project.RestartStopStart}).Draw(t, "order"),
		StartParallelism:    rapid.SampledFrom([]project.StartParallelism{"", project.StartSeries, project.StartSeriesFirst}).Draw(t, "parallelism"),

		Nodes:   rapid.SampledFrom([]map[string]string{nil, nil, {"disk": "ssd"}}).Draw(t, "labels"),
		Volumes: rapid.SampledFrom([][]project.Volume{nil, nil, {{Source: "/data", Target: "/data"}}, {{Type: "volume", Source: "v", Target: "/v"}}}).Draw(t, "volumes"),

		HTTPStartHealthCheckSeconds: rapid.SampledFrom([]int{0, 0, -1}).Draw(t, "start check"),

		SpareSlots:            rapid.SampledFrom([]int{0, 0, 1, 6}).Draw(t, "spare slots"),
		ScaleDownDelaySeconds: rapid.SampledFrom([]int{0, 0, 30, 300}).Draw(t, "delay"),
		SoftConcurrencyLimit:  rapid.Bool().Draw(t, "soft"),
		Awake:                 rapid.SampledFrom([][]project.AwakeWindow{nil, nil, {{Cron: "5 12 * * *", ForSeconds: 300, Min: 2}}, {{Cron: "10 12 * * *", ForSeconds: 36000}}}).Draw(t, "awake"),
		Placement:             rapid.SampledFrom([]project.PlacementPolicy{"", project.PlacementSpread, project.PlacementPack}).Draw(t, "placement"),
	}
	least := c.MinInstances
	for _, w := range c.Awake {
		least = max(least, w.Min)
	}
	if rapid.Bool().Draw(t, "limited") {
		c.MaxInstances = max(1, least) + rapid.IntRange(0, 2).Draw(t, "max")
	}
	return c
}

func randomLoad(t *rapid.T, now time.Time) cluster.ComponentLoad {
	return cluster.ComponentLoad{
		InFlight:    rapid.IntRange(0, 6).Draw(t, "in flight"),
		Queued:      rapid.SampledFrom([]int{0, 0, 1, 5, 30}).Draw(t, "queued"),
		ServiceTime: time.Duration(rapid.SampledFrom([]int{0, 1, 100, 5000}).Draw(t, "service")) * time.Millisecond,
		OldestWait:  time.Duration(rapid.IntRange(0, 5000).Draw(t, "wait")) * time.Millisecond,
		LastRequest: now,
	}
}

// calmDown ends all load and faults and checks that everything falls asleep
// but for what is always wanted, and that what is wanted is there.
func (w *world) calmDown(t *rapid.T) {
	for id, n := range w.nodes {
		healed := *n
		healed.State, healed.Lost, healed.Engine, healed.Drain = cluster.NodeUp, false, "", cluster.DrainNone
		w.nodes[id] = &healed
	}
	clear(w.load.Components)
	clear(w.load.Wakes)
	clear(w.load.Sleeps)
	w.load.Partial, w.load.Unmetered = false, false
	w.settle(t)
	for range 10 {
		w.wait(t, 2*time.Minute)
		w.settle(t)
	}
	for name, row := range w.components {
		spec := row.Current().Effective
		open, _ := spec.AwakeMinimum(w.now, nil)
		want := max(spec.MinInstances, open)
		if got := w.running(name); got != want && (got > want || w.refusals[name] == nil) {
			t.Fatalf("%s has %d instances at rest, want %d, refused: %v\n%s", name, got, want, w.refusals[name], w.picture())
		}
	}
	for name, row := range w.components {
		if row.Gated() {
			t.Fatalf("%s is still to be proven: %s", name, w.picture())
		}
	}
	for id, pl := range w.placements {
		row := w.components[pl.Component]
		if row == nil || pl.Want == cluster.WantStop {
			t.Fatalf("left over: %s", w.picture())
		}
		if pl.PlacedVersion < row.Current().RestartVersion && w.refusals[pl.Component] == nil {
			t.Fatalf("%s is still at an old version: %s", id, w.picture())
		}
	}
}

// A waiting request gets an instance or a reason, within a bounded number of
// steps, whatever was there before.
func TestWaitingRequestGetsAnInstanceOrAReason(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := randomWorld(t)
		for range rapid.IntRange(0, 20).Draw(t, "history") {
			name := someComponent(t)
			switch rapid.IntRange(0, 3).Draw(t, "event") {
			case 0:
				w.wake(name)
			case 1:
				w.load.Sleeps[name] = true
			case 2:
				w.declare(name, randomSpec(t))
			default:
				w.now = w.now.Add(time.Minute)
			}
			w.decide(t)
			w.act(nil)
		}
		name := someComponent(t)
		for range 40 {
			w.load.Components[name] = cluster.ComponentLoad{Queued: 1}
			w.wake(name)
			d := w.decide(t)
			w.act(nil)
			w.now = w.now.Add(100 * time.Millisecond)
			if d.Refusals[name] != nil {
				return
			}
			for id, pl := range w.placements {
				if i := w.instances[id]; pl.Component == name && pl.Want == cluster.WantRun && i != nil && i.State == cluster.InstanceReady {
					return
				}
			}
		}
		t.Fatalf("%s waits for ever: %s", name, w.picture())
	})
}
