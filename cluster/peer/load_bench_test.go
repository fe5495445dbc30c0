package peer

import (
	"fmt"
	"runtime"
	"syscall"
	"testing"
	"time"

	"maelstrom/cluster"
)

// crowded is a hub that 1,000 nodes have told of ten components each: each has
// its own, or all have the same.
func crowded(same bool) (h *Hub, tell func(n int)) {
	const nodes, each = 1000, 10
	cs := cluster.ChangeSet{Number: 1, Full: true, Nodes: map[string]*cluster.Node{}}
	for n := range nodes {
		id := fmt.Sprint("n", n)
		cs.Nodes[id] = &cluster.Node{ID: id, State: cluster.NodeUp, Peers: true}
	}
	h = New(Options{Node: "holder"}, Deps{Feed: viewed{snap: cluster.NewSnapshot().With(cs)}, Loads: viewed{}})
	frames := make([]*loadFrame, nodes)
	for n := range nodes {
		told := &loadFrame{Components: map[string]loadOf{}, Epoch: 1, Clock: time.Minute, Instances: map[string]int{}}
		for c := range each {
			number := n*each + c
			if same {
				number = c
			}
			told.Components[fmt.Sprintf("project_component-%d", number)] = loadOf{ComponentLoad: cluster.ComponentLoad{InFlight: 1, ServiceTime: time.Second, Total: 9}, Busy: time.Second}
			told.Instances[fmt.Sprintf("n%d-%d", n, c)] = 1
		}
		frames[n] = told
		h.remote(fmt.Sprint("n", n))
	}
	tell = func(n int) { h.takeLoad(fmt.Sprint("n", n%nodes), frames[n%nodes]) }
	for n := range nodes {
		tell(n)
	}
	return h, tell
}

// BenchmarkLoad is what a plan has to wait for before it begins: the load of
// 1,000 nodes of ten busy components each, after some have told theirs anew.
func BenchmarkLoad(b *testing.B) {
	for _, c := range []struct {
		name string
		anew int
		same bool
	}{
		{"nothing new", 0, false},
		{"10 have told anew", 10, false},
		{"all have told anew", 1000, false},
		{"all have told anew of the same", 1000, true},
	} {
		b.Run(c.name, func(b *testing.B) {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			h, tell := crowded(c.same)
			b.ReportAllocs()
			next, reading := 0, time.Duration(0)
			for b.Loop() {
				for range c.anew {
					tell(next)
					next++
				}
				now := time.Now()
				for _, r := range h.remotes {
					r.load.told.at = now
				}
				before := cpuTime(b, syscall.RUSAGE_THREAD)
				l := h.Load()
				reading += cpuTime(b, syscall.RUSAGE_THREAD) - before
				if l.Partial || len(l.Meters) != 1000 {
					b.Fatalf("of %d nodes, partial %v", len(l.Meters), l.Partial)
				}
			}
			b.ReportMetric(float64(reading)/1e6/float64(b.N), "cpu-ms/read")
		})
	}
}

// BenchmarkTakeLoad is what a report of ten components costs who reads it.
func BenchmarkTakeLoad(b *testing.B) {
	for _, same := range []bool{false, true} {
		b.Run(fmt.Sprintf("same %v", same), func(b *testing.B) {
			_, tell := crowded(same)
			b.ReportAllocs()
			before := cpuTime(b, syscall.RUSAGE_SELF)
			next := 0
			for b.Loop() {
				tell(next)
				next++
			}
			b.ReportMetric(float64(cpuTime(b, syscall.RUSAGE_SELF)-before)/1e3/float64(b.N), "cpu-µs/op")
		})
	}
}

// cpuTime is what this process, or this thread alone, has used of processors.
func cpuTime(b *testing.B, who int) time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(who, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// viewed is a view that never changes, of a gateway with nothing to do.
type viewed struct {
	Feed
	snap *cluster.Snapshot
}

func (v viewed) Snapshot() *cluster.Snapshot  { return v.snap }
func (v viewed) Load() cluster.Load           { return cluster.Load{} }
func (v viewed) LoadChanged() <-chan struct{} { return nil }
