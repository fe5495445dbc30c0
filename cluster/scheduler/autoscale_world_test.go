package scheduler

import (
	"maps"
	"math"
	"slices"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

// scaled is a component under a load that is served as it comes, without
// regard to who serves it: its requests are a fluid that flows through slots.
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
	moved  bool                 // nodes have told something since the plan before

	inFlight, queued, answered float64
	queue                      []arrival
	closed                     bool                  // who has an answer asks again
	told                       cluster.ComponentLoad // at the plan before

	seen          func(Decision) // nil, or is shown each
	most, changes int
	wanted        int
}

// arrival is a part of the load, as it came.
type arrival struct {
	at     time.Time // of the first of it
	over   time.Duration
	amount float64
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
	s.every = 7
	return s
}

const scaledStep = 200 * time.Millisecond

// run has a load for a while: load tells how many want to be served at a time.
// Who has an answer asks again.
func (s *scaled) run(d time.Duration, load func(at time.Duration) int) {
	s.t.Helper()
	s.closed = true
	s.flow(d, func(at time.Duration) float64 { return float64(load(at)) - s.inFlight - s.queued })
}

// runOpen has a load that comes at a rate, by the second, whoever is served.
func (s *scaled) runOpen(d time.Duration, rate float64) {
	s.t.Helper()
	s.closed = false
	s.flow(d, func(time.Duration) float64 { return rate * scaledStep.Seconds() })
}

func (s *scaled) flow(d time.Duration, comes func(at time.Duration) float64) {
	s.t.Helper()
	for at := time.Duration(0); at < d; at += scaledStep {
		s.progress()
		s.serve()
		s.arrive(comes(at))
		s.take()
		s.tell()
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
		s.now = s.now.Add(scaledStep)
		for node := range s.work {
			s.work[node] += (s.inFlight + s.queued) / float64(len(s.work)) * scaledStep.Seconds()
		}
	}
}

func (s *scaled) planDue() bool {
	l, before := s.load.Components["web"], s.told
	s.told = l
	urgent := l.Queued > before.Queued || (before.InFlight+before.Queued > 0) != (l.InFlight+l.Queued > 0)
	return urgent || s.moved || !s.next.IsZero() && !s.next.After(s.now)
}

// serve answers what a step is enough for.
func (s *scaled) serve() {
	done := s.inFlight * min(1, scaledStep.Seconds()/s.took.Seconds())
	s.inFlight -= done
	if s.took < scaledStep {
		more := s.granted(max(0, float64(s.slots*s.ready())*scaledStep.Seconds()/s.took.Seconds()-done))
		done += more
	}
	s.answered += done
}

// granted takes so many from the queue, those first that came first.
func (s *scaled) granted(n float64) float64 {
	n = min(n, s.queued)
	left := n
	for left > 0 && len(s.queue) > 0 {
		first := &s.queue[0]
		part := min(left, first.amount)
		left -= part
		took := time.Duration(part / first.amount * float64(first.over))
		first.at, first.over = first.at.Add(took), first.over-took
		if first.amount -= part; first.amount < 1e-6 {
			s.queue = s.queue[1:]
		}
	}
	if s.queued -= n; len(s.queue) == 0 {
		s.queued = 0
	}
	return n
}

// arrive puts so many into the queue; less than none are clients that give up.
func (s *scaled) arrive(n float64) {
	if n > 1e-6 {
		s.queued += n
		s.queue = append(s.queue, arrival{s.now.Add(-scaledStep), scaledStep, n})
	} else if n < 0 {
		n += s.granted(-n)
		s.inFlight = max(0, s.inFlight+min(n, 0))
	}
}

// take fills the slots that are free.
func (s *scaled) take() {
	s.inFlight += s.granted(max(0, float64(s.slots*s.ready())-s.inFlight))
}

// tell reports the load as it is now.
func (s *scaled) tell() {
	l := cluster.ComponentLoad{
		InFlight: int(math.Round(s.inFlight)), Queued: int(math.Ceil(s.queued - 1e-3)), LastRequest: s.told.LastRequest,
		Total: int64(s.answered),
	}
	if s.answered >= 1 {
		l.ServiceTime = s.took
	}
	if l.InFlight+l.Queued > 0 {
		l.LastRequest = s.now
	}
	if l.Queued > 0 {
		l.OldestWait = s.now.Sub(s.queue[0].at)
		if n := s.slots * s.ready(); s.closed && n > 0 {
			// Steps are too coarse to see it.
			l.OldestWait = min(l.OldestWait, time.Duration(s.queued*float64(s.took)/float64(n)))
		}
		if s.running("web") == 0 {
			s.wake("web")
		}
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
