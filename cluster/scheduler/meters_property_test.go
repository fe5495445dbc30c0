package scheduler

import (
	"maps"
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"maelstrom/cluster"
	"maelstrom/project"
)

// meter lets time pass in which the work of each component is counted, as a
// gateway does, by the first node.
func (w *world) meter(d time.Duration) {
	before := w.load.Meters["n1"]
	m := cluster.Meter{Epoch: 1, Clock: before.Clock + d, Work: maps.Clone(before.Work)}
	if m.Work == nil {
		m.Work = map[string]float64{}
	}
	for name, l := range w.load.Components {
		m.Work[name] += float64(l.InFlight-l.Streams+l.Queued) * d.Seconds()
	}
	w.now = w.now.Add(d)
	m.At = w.now
	w.load.Meters = map[string]cluster.Meter{"n1": m}
}

// spread tells which instances have what is in flight: as evenly as it goes.
func (w *world) spread() {
	w.load.Instances = map[string]int{}
	left := map[string]int{}
	for name, l := range w.load.Components {
		left[name] = l.InFlight
	}
	ids := slices.Sorted(maps.Keys(w.placements))
	for range 50 {
		for _, id := range ids {
			if name := w.placements[id].Component; left[name] > 0 {
				left[name]--
				w.load.Instances[id]++
			}
		}
	}
}

// serve sets the loads to so many requests at a time, in flight as far as there
// are slots.
func (w *world) serve(at map[string]int) {
	for name, n := range at {
		slots := 0
		for id, pl := range w.placements {
			if i := w.instances[id]; pl.Component == name && pl.Want == cluster.WantRun && i != nil && i.State == cluster.InstanceReady {
				slots += w.components[name].Current().Effective.MaxConcurrency
			}
		}
		l := w.load.Components[name]
		if l.Queued == 0 && n > slots {
			l.LastRequest = w.now
		}
		waits := time.Duration(0)
		if n > slots {
			waits = min(w.now.Sub(w.since[name]), 4*time.Second)
		} else {
			w.since[name] = w.now
		}
		w.load.Components[name] = cluster.ComponentLoad{
			InFlight: min(n, slots), Queued: max(0, n-slots), OldestWait: waits, ServiceTime: 400 * time.Millisecond, LastRequest: w.now,
		}
		if n > 0 && w.running(name) == 0 {
			w.wake(name)
		}
	}
	w.spread()
}

// However several components have come to what they have, through lost nodes,
// starts that fail, roll-outs and changes of the role: under constant loads that
// there is room for, each has soon as many instances as it takes, not many more,
// and nothing changes any more. Maxima and memory hold all the way (world.apply).
func TestSeveralComponentsConverge(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld()
		w.since = map[string]time.Time{}
		for _, n := range []string{"n1", "n2", "n3"} {
			w.node(n, 4000)
		}
		loads := map[string]int{}
		for _, name := range componentNames {
			w.declare(name, scaledSpec(t))
			loads[name] = 0
		}
		broken := false
		fails := func(pl *cluster.Placement) bool { return broken && pl.PlacedVersion%2 == 0 }
		step := func(fails func(*cluster.Placement) bool) {
			w.serve(loads)
			w.decide(t)
			w.act(fails)
			w.meter(2 * time.Second)
		}
		for range rapid.IntRange(0, 12).Draw(t, "history") {
			name := someComponent(t)
			switch rapid.IntRange(0, 7).Draw(t, "event") {
			case 0:
				n := *w.nodes["n2"]
				n.Lost = !n.Lost
				n.State = cluster.NodeUp
				if n.Lost {
					n.State = cluster.NodeDown
				}
				w.nodes["n2"] = &n
			case 1:
				broken = !broken
			case 2:
				w.declare(name, scaledSpec(t))
			case 3:
				w.memory = Memory{}
			case 4:
				w.load.Partial = !w.load.Partial
			default:
				loads[name] = rapid.IntRange(0, 12).Draw(t, "load")
			}
			for range rapid.IntRange(1, 6).Draw(t, "steps") {
				step(fails)
			}
		}
		n := *w.nodes["n2"]
		n.Lost, n.State = false, cluster.NodeUp
		w.nodes["n2"], w.load.Partial = &n, false
		for _, name := range componentNames {
			loads[name] = rapid.IntRange(1, 12).Draw(t, "last load")
		}
		for range 120 {
			step(nil)
		}
		before := w.picture()
		for range 15 {
			step(nil)
		}
		if after := w.picture(); after != before {
			t.Fatalf("still moves: from %s to %s", before, after)
		}
		for name, n := range loads {
			w.checkEnough(t, name, n)
		}
	})
}

// checkEnough checks that there are as many instances as so many requests at a
// time take, and few more.
func (w *world) checkEnough(t *rapid.T, name string, n int) {
	spec := w.components[name].Current().Effective
	slots := float64(spec.MaxConcurrency)
	least := max(spec.MinInstances, int(math.Ceil(float64(n)/max(1, 0.75*slots)-slight)))
	if spec.MaxInstances > 0 {
		least = min(least, max(spec.MaxInstances, spec.MinInstances))
	}
	most := max(least, int(math.Ceil(float64(n)/(0.25*slots))))
	if got := w.running(name); got < least || got > most {
		t.Fatalf("%s has %d instances for %d at a time, want %d to %d: %s\n%+v", name, got, n, least, most, w.picture(), w.memory.Scale(name).Auto.Why)
	}
}

func scaledSpec(t *rapid.T) project.Component {
	c := project.Component{
		ReserveMemory:  rapid.Int64Range(1, 100).Draw(t, "reserve"),
		MaxConcurrency: rapid.SampledFrom([]int{1, 2, 5}).Draw(t, "concurrency"),
		MinInstances:   rapid.IntRange(0, 2).Draw(t, "min"),
		SpareSlots:     0,
		RestartOrder:   rapid.SampledFrom([]project.RestartOrder{"", project.RestartStopStart}).Draw(t, "order"),
	}
	if rapid.Bool().Draw(t, "limited") {
		c.MaxInstances = max(1, c.MinInstances) + rapid.IntRange(0, 5).Draw(t, "max")
	}
	return c
}
