package scheduler

import (
	"strings"
	"testing"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

// Instances that fail are not multiplied, and what was not done is no change of
// direction.
func TestFailingInstancesGrowNothing(t *testing.T) {
	s := newScaled(t, project.Component{MaxConcurrency: 1})
	s.run(time.Minute, constant(3))
	for id, pl := range s.placements {
		if pl.Slot == 0 {
			s.report(pl, cluster.InstanceBackoff, cluster.ReasonExited)
			s.began[id] = s.now.Add(time.Hour) // for good
		}
	}
	s.changes = 0
	s.run(2*time.Minute, constant(30))
	a := s.memory.Scale("web").Auto
	if n := s.running("web"); n != 3 || a.Why.Want != 3 || a.Why.Limit != LimitFailing || len(a.Turns) > 0 {
		t.Errorf("%d instances, wants %d by %q, turns %v", n, a.Why.Want, a.Why.Limit, a.Turns)
	}
}

// The autoscaler wants no more than there may be, and says so.
func TestNoMoreThanTheMaximumIsWanted(t *testing.T) {
	s := newScaled(t, project.Component{MaxConcurrency: 1, MaxInstances: 6, MinInstances: 2})
	s.run(time.Minute, constant(20))
	if why := s.memory.Scale("web").Auto.Why; s.most != 6 || why.Want != 6 || why.Limit != LimitMost {
		t.Errorf("%d instances, wants %d by %q: %+v", s.most, why.Want, why.Limit, why)
	}
	s.run(10*time.Minute, constant(1))
	a := s.memory.Scale("web").Auto
	if n := s.running("web"); n != 2 || a.Why.Want != 2 || len(a.Turns) > 1 {
		t.Errorf("%d instances, wants %d by %q, turns %v", n, a.Why.Want, a.Why.Limit, a.Turns)
	}
}

// What holds them at mininstances is told, and the number does not go down and
// up at each decision.
func TestTheMinimumIsNoSurplus(t *testing.T) {
	s := newScaled(t, project.Component{MaxConcurrency: 1, MinInstances: 5})
	s.run(10*time.Minute, constant(1))
	if a := s.memory.Scale("web").Auto; s.running("web") != 5 || a.Why.Want != 5 || a.Why.Limit != LimitLeast || a.Way != 0 {
		t.Errorf("%d instances, wants %d by %q, last went %d", s.running("web"), a.Why.Want, a.Why.Limit, a.Way)
	}
}

// Mininstances are there again as soon as it is known that a node is lost, one
// after the other, as long as there is room.
func TestMininstancesHoldAcrossTheDeathsOfNodes(t *testing.T) {
	s := newScaled(t, project.Component{MaxConcurrency: 10, MinInstances: 3}, "n1", "n2", "n3")
	s.run(30*time.Second, constant(0))
	for _, node := range []string{"n1", "n2"} {
		n := *s.nodes[node]
		n.State, n.Lost = cluster.NodeDown, true
		s.nodes[node], s.moved = &n, true
		s.run(scaledStep, constant(0))
		alive := 0
		for _, pl := range s.placements {
			if pl.Want == cluster.WantRun && !s.nodes[pl.Node].Lost {
				alive++
			}
		}
		if alive != 3 {
			t.Fatalf("%d instances in the plan after %s was lost, want 3: %s", alive, node, s.picture())
		}
		s.run(time.Minute, constant(0))
	}
	for _, node := range []string{"n1", "n2"} {
		n := *s.nodes[node]
		n.State, n.Lost = cluster.NodeUp, false
		s.nodes[node], s.moved = &n, true
	}
	s.run(10*time.Minute, constant(0))
	s.expect(t, "when all nodes are back", counts{"web": 3})
}

// With softconcurrencylimit nothing waits: the limit is what instances are
// counted by.
func TestSoftConcurrencyLimitScales(t *testing.T) {
	s := newScaled(t, project.Component{MaxConcurrency: 4, SoftConcurrencyLimit: true})
	s.slots = 1000
	s.run(2*time.Minute, constant(24))
	if n := s.running("web"); n != 8 || s.queued > 0 {
		t.Errorf("%d instances for 24 at a time, %v wait, want 8 and none", n, s.queued)
	}
	// Eight of 32 are a quarter of them, which is not below a quarter.
	for _, c := range []struct{ load, want int }{{8, 8}, {7, 3}, {2, 1}} {
		s.run(10*time.Minute, constant(c.load))
		if n := s.running("web"); n != c.want {
			t.Errorf("%d instances for %d at a time, want %d", n, c.load, c.want)
		}
	}
}

// A queue that grows is acted on by the plan that sees it, or by one within
// half a second.
func TestAQueueThatGrowsIsActedOnWithinHalfASecond(t *testing.T) {
	for _, took := range []time.Duration{scaledStep, time.Second, 30 * time.Second} {
		s := newScaled(t, project.Component{MaxConcurrency: 2})
		s.took = took
		s.run(2*time.Minute, constant(2))
		before := s.running("web")
		s.run(startWorth+2*scaledStep, constant(60))
		if n := s.running("web"); n <= before {
			t.Errorf("service %v: %d instances half a second after the load grew, %d before", took, n, before)
		}
	}
}

// Who changes direction more than six times in ten minutes waits twice as long
// before going down, and a minute twice where there is no delay.
func TestFlappingDoublesTheDelay(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		delay, want time.Duration
		turns       int
		old         bool
	}{
		{0, 0, flapTurns, false}, {0, 2 * time.Minute, flapTurns + 1, false},
		{3 * time.Minute, 6 * time.Minute, flapTurns + 1, false}, {3 * time.Minute, 3 * time.Minute, flapTurns + 1, true},
	} {
		s := newScaled(t, project.Component{MaxConcurrency: 1, ScaleDownDelaySeconds: int(c.delay.Seconds())})
		s.run(20*time.Minute, constant(20))
		m := s.memory.Scale("web")
		for i := range c.turns {
			at := s.now.Add(-time.Duration(i) * time.Second)
			if c.old {
				at = at.Add(-flapTime)
			}
			m.Auto.Turns = append(m.Auto.Turns, at)
		}
		s.memory.Scales = s.memory.Scales.With(map[string]*Scale{"web": &m}, nil)
		s.memory.past = nil // or it would not be looked at
		fell, begin := time.Duration(0), s.now
		for fell == 0 {
			s.run(scaledStep, constant(1))
			if s.running("web") < 20 {
				fell = s.now.Sub(begin)
			}
		}
		// It takes 45 s until a quarter of them is in use, on average.
		if without := time.Minute + 2*tick; fell < c.want || fell > c.want+without {
			t.Errorf("delay %v, %d turns: went down after %v, want %v and at most %v more", c.delay, c.turns, fell, c.want, without)
		}
	}
}

// What bursts take more than once stays until there has been none for an hour, and
// is told; one alone holds nothing.
func TestWhatBurstsTakeStays(t *testing.T) {
	s := newScaled(t, project.Component{MaxConcurrency: 1})
	s.run(3*time.Minute, constant(1))
	burst := func(n int) {
		s.run(20*time.Second, constant(n))
		s.run(15*time.Minute, constant(1))
	}
	burst(9)
	s.expect(t, "after the first", counts{"web": 1})
	burst(6)
	s.expect(t, "after the second", counts{"web": 6})
	if e := s.explain(t, "web").Scale; e.Limit != string(LimitBursts) || !strings.Contains(e.WhyNotLess, "bursts") {
		t.Errorf("%+v", e)
	}
	s.changes = 0
	burst(6)
	s.expect(t, "after one that it is enough for", counts{"web": 6})
	if s.changes != 0 {
		t.Errorf("%d changes for what there is enough for", s.changes)
	}
	s.run(burstHold, constant(1))
	s.expect(t, "in the end", counts{"web": 1})
}
