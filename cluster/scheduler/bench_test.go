package scheduler

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

const (
	manyNodes      = 1000
	manyComponents = 10_000
)

// large is a world of many nodes and components, of which so many are awake,
// by an instance each, and one more sleeps and is asked for.
func large(awake int) *world {
	w := newWorld()
	for i := range manyNodes {
		w.node(fmt.Sprintf("n%04d", i), 4096)
	}
	for i := range manyComponents {
		name := fmt.Sprintf("c%05d", i)
		w.declare(name, project.Component{})
		w.components[name].Proven = w.components[name].Version
		if i >= awake {
			continue
		}
		pl := &cluster.Placement{ID: name, Component: name, Node: fmt.Sprintf("n%04d", i%manyNodes), Want: cluster.WantRun, PlacedVersion: 1, Version: 1, MemoryMiB: 128}
		w.placements[name] = pl
		w.report(pl, cluster.InstanceReady, "")
	}
	w.declare("z", project.Component{})
	return w
}

// loaded has requests in flight in every component that is awake, and meters
// of a hundred nodes that tell of them.
func (w *world) loaded(seconds int) {
	at := w.now
	w.load.Meters = map[string]cluster.Meter{}
	for i := range 100 {
		m := cluster.Meter{Epoch: 1, Clock: time.Duration(seconds) * time.Second, At: at, Work: map[string]float64{}}
		w.load.Meters[fmt.Sprintf("n%04d", i)] = m
	}
	for name := range w.placements {
		var number int
		fmt.Sscanf(name, "c%d", &number)
		w.load.Components[name] = cluster.ComponentLoad{InFlight: 1, LastRequest: at, ServiceTime: time.Millisecond}
		w.load.Meters[fmt.Sprintf("n%04d", number%100)].Work[name] = float64(seconds)
	}
}

// planLimit is what a plan may take of a processor at 1,000 nodes and 10,000
// components, in milliseconds.
const planLimit = 5.0

// cpuTime is what this process has used of processors: other work on the machine
// does not show in it.
func cpuTime(b *testing.B) time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// BenchmarkPlan is a placement decision: one of 10,000 components is asked for,
// on 1,000 nodes, while so many others are asleep, awake, or have work.
func BenchmarkPlan(b *testing.B) {
	for _, c := range []struct {
		name   string
		awake  int
		loaded bool
	}{
		{"all asleep", 0, false},
		{"1,000 awake", 1000, false},
		{"1,000 with work", 1000, true},
		{"10,000 awake", 10_000, false},
		{"10,000 with work", 10_000, true},
	} {
		b.Run(c.name, func(b *testing.B) {
			w := large(c.awake)
			in := Input{Snapshot: w.snapshot(), Now: w.now, NewID: func() string { return "x" }, Load: w.load}
			in.Memory = Plan(in).Memory
			if c.loaded {
				for second := range 10 {
					w.now = w.now.Add(time.Second)
					w.loaded(second + 1)
					in.Now, in.Load = w.now, w.load
					in.Memory = Plan(in).Memory
				}
			}
			in.Load.Wakes = map[string]Wake{"z": {At: w.now, Waiting: true}}
			b.ReportAllocs()
			before := cpuTime(b)
			for b.Loop() {
				if d := Plan(in); len(d.Writes) != 1 {
					b.Fatalf("%d writes", len(d.Writes))
				}
			}
			each := float64(cpuTime(b)-before) / 1e6 / float64(b.N)
			if b.ReportMetric(each, "cpu-ms/op"); each > planLimit {
				b.Errorf("%.1f ms of processor time a plan, more than %v", each, planLimit)
			}
		})
	}
}

// BenchmarkRemovable tells of 1,000 nodes whether they could be taken away,
// while 10,000 components are idle: nothing makes it shorter.
func BenchmarkRemovable(b *testing.B) {
	w := large(manyComponents)
	in := Input{Snapshot: w.snapshot(), Now: w.now, NewID: func() string { return "x" }, Load: w.load}
	in.Memory = Plan(in).Memory
	before := cpuTime(b)
	for b.Loop() {
		for _, r := range Removable(in) {
			if !r.Removable {
				b.Fatalf("%+v", r)
			}
		}
	}
	b.ReportMetric(float64(cpuTime(b)-before)/1e6/float64(b.N), "cpu-ms/op")
}
