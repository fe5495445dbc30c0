package scheduler

import (
	"maps"
	"slices"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

// scaled is a component under a load that is known at each moment: so many want
// to be served at a time, and as many are as there are slots.
type scaled struct {
	*world
	t      tester
	start  time.Duration // of an instance
	slots  int
	took   time.Duration        // service time
	began  map[string]time.Time // starts, by placement
	work   map[string]float64   // of each node
	up     time.Time            // since when the meters count
	silent map[string]bool      // nodes whose reports are lost
	queued int
	busy   bool
	moved  bool // nodes have told something since the plan before

	seen          func(Decision) // nil, or is shown each
	most, changes int
	wanted        int
}

func newScaled(t tester, spec project.Component, nodes ...string) *scaled {
	w := newWorld()
	if len(nodes) == 0 {
		nodes = []string{"n1"}
	}
	for _, n := range nodes {
		w.node(n, 1_000_000)
	}
	spec.ReserveMemory = max(1, spec.ReserveMemory)
	w.declare("web", spec)
	s := &scaled{
		world: w, t: t, start: 300 * time.Millisecond, slots: max(1, spec.MaxConcurrency), took: 100 * time.Millisecond,
		began: map[string]time.Time{}, work: map[string]float64{}, up: w.now, silent: map[string]bool{},
	}
	for _, n := range nodes {
		s.work[n] = 0
	}
	s.load.Meters = map[string]cluster.Meter{}
	return s
}

// run has a load for a while: load tells how many want to be served at a time.
func (s *scaled) run(d time.Duration, load func(at time.Duration) int) {
	s.t.Helper()
	const step = 200 * time.Millisecond
	for at := time.Duration(0); at < d; at += step {
		n := load(at)
		s.progress()
		s.offer(n)
		if s.planDue() {
			d := s.decide(s.t)
			if s.seen != nil {
				s.seen(d)
			}
			s.moved = false
		}
		wanted := s.running("web")
		if wanted != s.wanted {
			s.wanted, s.changes = wanted, s.changes+1
		}
		s.most = max(s.most, wanted)
		s.now = s.now.Add(step)
		for node := range s.work {
			s.work[node] += float64(n) / float64(len(s.work)) * step.Seconds()
		}
	}
}

func (s *scaled) planDue() bool {
	l := s.load.Components["web"]
	urgent := l.Queued > s.queued || s.busy != (l.InFlight+l.Queued > 0)
	s.queued, s.busy = l.Queued, l.InFlight+l.Queued > 0
	return urgent || s.moved || !s.next.IsZero() && !s.next.After(s.now)
}

// offer tells the load as it is now.
func (s *scaled) offer(n int) {
	slots := s.slots * s.ready()
	l := cluster.ComponentLoad{InFlight: min(n, slots), Queued: max(0, n-slots), ServiceTime: s.took, LastRequest: s.load.Components["web"].LastRequest}
	if n > 0 {
		l.LastRequest = s.now
	}
	if l.Queued > 0 && s.running("web") == 0 {
		s.wake("web")
	}
	s.load.Components["web"] = l
	s.load.Partial = false
	for node, work := range s.work {
		if s.silent[node] {
			s.load.Partial = true
			delete(s.load.Meters, node)
			continue
		}
		s.load.Meters[node] = cluster.Meter{Epoch: 1, Clock: s.now.Sub(s.up), At: s.now, Work: map[string]float64{"web": work}}
	}
}

func (s *scaled) ready() int {
	n := 0
	for id, i := range s.instances {
		if s.placements[id] != nil && s.placements[id].Want == cluster.WantRun && i.State == cluster.InstanceReady {
			n++
		}
	}
	return n
}

// progress lets nodes do what takes its time.
func (s *scaled) progress() {
	for _, id := range slices.Sorted(maps.Keys(s.placements)) {
		pl, i := s.placements[id], s.instances[id]
		switch {
		case s.nodes[pl.Node].Lost:
		case pl.Want == cluster.WantRun && i == nil:
			s.began[id], s.moved = s.now, true
			s.report(pl, cluster.InstanceStarting, "")
		case pl.Want == cluster.WantRun && i.State != cluster.InstanceReady && s.now.Sub(s.began[id]) >= s.start:
			s.report(pl, cluster.InstanceReady, "")
			s.instances[id].ReadyAt, s.moved = s.now, true
		case pl.Want == cluster.WantStop && i != nil:
			delete(s.instances, id)
			s.moved = true
		}
	}
	for id, i := range s.instances {
		if s.placements[id] == nil && !s.nodes[i.Node].Lost {
			delete(s.instances, id)
		}
	}
}

// failover loses what a holder knew.
func (s *scaled) failover() { s.memory, s.moved = Memory{}, true }

func constant(n int) func(time.Duration) int { return func(time.Duration) int { return n } }
