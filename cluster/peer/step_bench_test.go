package peer

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"maelstrom/cluster"
	"maelstrom/cluster/placer"
	"maelstrom/project"
)

// stepLimit is what a decision may take, in milliseconds of processor time.
const stepLimit = 5.0

// BenchmarkStep is a step of who decides: it reads the load of 1,000 nodes, of
// ten busy components each, and plans. Before each wake that it is made for, some
// nodes have told their load anew.
func BenchmarkStep(b *testing.B) {
	for _, anew := range []int{0, 100} {
		b.Run(fmt.Sprintf("%d nodes have told anew", anew), func(b *testing.B) {
			h, tell := crowded(false)
			s := newStage(h)
			p := placer.New(placer.Options{Node: "holder"}, s, s, s)
			ctx, end := context.WithCancel(b.Context())
			var term sync.WaitGroup
			term.Go(func() { p.Hold(ctx, cluster.Hold{Role: cluster.RolePlacement, Holder: "holder", Fence: 1}) })
			defer term.Wait()
			defer end()
			s.wake(b, p) // the first plan of a term looks at everything
			b.ReportAllocs()
			next, telling := 0, time.Duration(0)
			steps, before := s.steps.Load(), cpuTime(b, syscall.RUSAGE_SELF)
			for b.Loop() {
				began := cpuTime(b, syscall.RUSAGE_SELF)
				for range anew {
					tell(next)
					next++
				}
				s.refresh()
				telling += cpuTime(b, syscall.RUSAGE_SELF) - began
				s.wake(b, p)
			}
			used := cpuTime(b, syscall.RUSAGE_SELF) - before - telling
			each := float64(used) / 1e6 / float64(s.steps.Load()-steps)
			if each > stepLimit {
				b.Errorf("%.1f ms of processor time a step, more than %v", each, stepLimit)
			}
			b.ReportMetric(each, "cpu-ms/step")
			b.ReportMetric(float64(s.steps.Load()-steps)/float64(b.N), "steps/op")
		})
	}
}

// stage is what a placer needs beside a hub: a database that takes all in.
type stage struct {
	hub     *Hub
	steps   atomic.Int64
	changed chan struct{}

	mu   sync.Mutex
	snap *cluster.Snapshot
	next int
}

// newStage has an instance of each component that the hub was told of, on the
// node that told it, and components that sleep.
func newStage(h *Hub) *stage {
	cs := cluster.ChangeSet{Number: 1, Full: true, Nodes: map[string]*cluster.Node{}, Components: map[string]*cluster.ComponentRow{}, Placements: map[string]*cluster.Placement{}}
	for id := range h.deps.Feed.Snapshot().Nodes.All() {
		cs.Nodes[id] = &cluster.Node{ID: id, State: cluster.NodeUp, Peers: true, Epoch: 1, MemoryTotalMiB: 1 << 20}
		l := cluster.InstanceList{Node: id, Epoch: 1, Counter: 1}
		for name := range h.remotes[id].load.told.components {
			cs.Components[name] = declared(name)
			cs.Placements[name] = &cluster.Placement{ID: name, Component: name, Node: id, Want: cluster.WantRun, PlacedVersion: 1, Version: 1, MemoryMiB: 16}
			l.Instances = append(l.Instances, cluster.Instance{Placement: name, Component: name, Node: id, State: cluster.InstanceReady, ReadyAt: time.Now()})
		}
		cs.Instances = append(cs.Instances, l)
	}
	cs.Components["asleep"] = declared("asleep")
	return &stage{hub: h, snap: cluster.NewSnapshot().With(cs), changed: make(chan struct{}, 1)}
}

func declared(name string) *cluster.ComponentRow {
	spec := &project.Component{Name: name, Image: "image", ReserveMemory: 16}
	e := spec.Effective()
	return &cluster.ComponentRow{Spec: spec, Effective: &e, Version: 1, RestartVersion: 1, Proven: 1}
}

// refresh keeps what was told from being too old to count.
func (s *stage) refresh() {
	s.hub.loads.mu.Lock()
	defer s.hub.loads.mu.Unlock()
	now := time.Now()
	for t := range s.hub.loads.others {
		t.told.at = now
	}
}

// wake has a component woken that sleeps, and puts it to sleep again at once.
func (s *stage) wake(b *testing.B, p *placer.Placer) {
	err := p.Wake(b.Context(), "asleep")
	for errors.Is(err, cluster.ErrNotHolder) { // its term has yet to begin
		runtime.Gosched()
		err = p.Wake(b.Context(), "asleep")
	}
	if err != nil {
		b.Fatal(err)
	}
	rows, _ := s.Snapshot().ByComponent.Get("asleep")
	gone := map[string]*cluster.Placement{}
	for _, pl := range rows {
		gone[pl.ID] = nil
	}
	s.change(gone)
}

func (s *stage) change(rows map[string]*cluster.Placement) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.snap = s.snap.With(cluster.ChangeSet{Number: s.snap.Number + 1, Placements: rows})
	return s.snap.Number
}

// Load is Hub.Load, counted.
func (s *stage) Load() cluster.Load {
	s.steps.Add(1)
	return s.hub.Load()
}

func (s *stage) LoadChanged() <-chan struct{} { return s.hub.LoadChanged() }

// Snapshot, and what follows, is what a placer follows and writes.
func (s *stage) Snapshot() *cluster.Snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.snap
}

func (s *stage) Subscribe() (<-chan struct{}, func())                      { return s.changed, func() {} }
func (s *stage) Hint()                                                     {}
func (s *stage) WaitFor(context.Context, int64) error                      { return nil }
func (s *stage) Habits(context.Context) (map[string]*cluster.Habit, error) { return nil, nil }

func (s *stage) Reserve(context.Context, cluster.Hold, []cluster.Run) (int64, error) { return 0, nil }

func (s *stage) WriteHabits(context.Context, cluster.Hold, map[string]*cluster.Habit, []string) error {
	return nil
}

func (s *stage) WritePlacements(_ context.Context, _ cluster.Hold, writes []cluster.PlacementWrite) (int64, error) {
	rows := map[string]*cluster.Placement{}
	for _, w := range writes {
		for _, pl := range []*cluster.Placement{w.Insert, w.Want} {
			if pl != nil {
				row := *pl
				row.Version++
				rows[pl.ID] = &row
			}
		}
		if w.Delete != nil {
			rows[w.Delete.ID] = nil
		}
	}
	return s.change(rows), nil
}
