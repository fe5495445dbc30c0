package peer

import (
	"fmt"
	"testing"
	"time"

	"maelstrom/cluster"
)

// BenchmarkLoad is what a plan has to wait for before it begins: the load that
// 1,000 nodes have told, of ten components each.
func BenchmarkLoad(b *testing.B) {
	const nodes, each = 1000, 10
	cs := cluster.ChangeSet{Number: 1, Full: true, Nodes: map[string]*cluster.Node{}}
	for n := range nodes {
		id := fmt.Sprint("n", n)
		cs.Nodes[id] = &cluster.Node{ID: id, State: cluster.NodeUp, Peers: true}
	}
	h := New(Options{Node: "holder"}, Deps{Feed: viewed{snap: cluster.NewSnapshot().With(cs)}, Loads: viewed{}})
	for n := range nodes {
		told := &loadFrame{Components: map[string]loadOf{}, Epoch: 1, Clock: time.Minute, Instances: map[string]int{}}
		for c := range each {
			told.Components[fmt.Sprintf("project_component-%d", (n*each+c*7)%(nodes*each))] = loadOf{ComponentLoad: cluster.ComponentLoad{InFlight: 1, ServiceTime: time.Second, Total: 9}, Busy: time.Second}
			told.Instances[fmt.Sprintf("n%d-%d", n, c)] = 1
		}
		id := fmt.Sprint("n", n)
		h.remote(id)
		h.takeLoad(id, told)
	}
	b.ReportAllocs()
	for b.Loop() {
		now := time.Now()
		for _, r := range h.remotes {
			r.load.at = now
		}
		if l := h.Load(); l.Partial || len(l.Meters) != nodes {
			b.Fatalf("of %d nodes, partial %v", len(l.Meters), l.Partial)
		}
	}
}

// viewed is a view that never changes, of a gateway with nothing to do.
type viewed struct {
	Feed
	snap *cluster.Snapshot
}

func (v viewed) Snapshot() *cluster.Snapshot  { return v.snap }
func (v viewed) Load() cluster.Load           { return cluster.Load{} }
func (v viewed) LoadChanged() <-chan struct{} { return nil }
