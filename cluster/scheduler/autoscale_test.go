package scheduler

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"

	"maelstrom/cluster"
	"maelstrom/project"
)

func TestKPA(t *testing.T) {
	now := start
	for _, c := range []struct {
		name string
		was  KPA
		in   Averages
		want int
		is   KPA
	}{
		{"as many as it takes", KPA{}, Averages{Stable: 10, Panic: 10, Target: 5, Ready: 2}, 2, KPA{}},
		{"rounded up", KPA{}, Averages{Stable: 10.1, Panic: 10.1, Target: 5, Ready: 2}, 3, KPA{}},
		{"at most half away", KPA{}, Averages{Target: 5, Ready: 9}, 4, KPA{}},
		{"none counts as one", KPA{}, Averages{Stable: 5, Panic: 5, Target: 5}, 1, KPA{}},
		{"below the threshold", KPA{}, Averages{Stable: 5, Panic: 9, Target: 1, Ready: 5}, 5, KPA{}},
		{"a panic", KPA{}, Averages{Stable: 5, Panic: 10, Target: 1, Ready: 5}, 10, KPA{Panic: now, MaxPanic: 10}},
		{"goes on", KPA{Panic: now.Add(-stableWindow), MaxPanic: 10}, Averages{Stable: 5, Panic: 5, Target: 1, Ready: 10}, 10, KPA{Panic: now.Add(-stableWindow), MaxPanic: 10}},
		{"is extended", KPA{Panic: now.Add(-stableWindow), MaxPanic: 10}, Averages{Stable: 5, Panic: 20, Target: 1, Ready: 10}, 20, KPA{Panic: now, MaxPanic: 20}},
		{"ends", KPA{Panic: now.Add(-stableWindow - 1), MaxPanic: 10}, Averages{Stable: 5, Panic: 5, Target: 1, Ready: 10}, 5, KPA{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := c.was
			if got := k.Decide(now, c.in); got != c.want || k != c.is {
				t.Errorf("%d, %+v, want %d, %+v", got, k, c.want, c.is)
			}
		})
	}
}

func TestWindow(t *testing.T) {
	at := func(s float64) time.Time { return start.Add(time.Duration(s * float64(time.Second))) }
	var w Window
	if mean, n := w.Average(start, stableWindow); mean != 0 || n != 0 {
		t.Errorf("without anything: %v of %d", mean, n)
	}
	w.Begin(start)
	w.Add(at(-1), at(1), 8) // half of it before it began
	if mean, n := w.Average(at(0.9), stableWindow); n != 0 {
		t.Errorf("before a second is over: %v of %d", mean, n)
	}
	for _, c := range []struct {
		now    float64
		within time.Duration
		mean   float64
		n      int
	}{
		{1, stableWindow, 4, 1}, {2.9, stableWindow, 2, 2}, {2, time.Second, 0, 1}, {60, stableWindow, 4.0 / 60, 60}, {61, stableWindow, 0, 60},
	} {
		if mean, n := w.Average(at(c.now), c.within); math.Abs(mean-c.mean) > 1e-5 || n != c.n {
			t.Errorf("%v at %v: %v of %d, want %v of %d", c.within, c.now, mean, n, c.mean, c.n)
		}
	}
	w.Add(at(1), at(3), 6) // told late
	w.Add(at(2.5), at(3.5), 1)
	if mean, _ := w.Average(at(3), 2*time.Second); math.Abs(mean-3.25) > 1e-5 {
		t.Errorf("told late: %v", mean)
	}
	w.Add(at(100), at(101), 1)
	if mean, _ := w.Average(at(101), stableWindow); math.Abs(mean-1.0/60) > 1e-5 {
		t.Errorf("what is long ago counts: %v", mean)
	}
	w.Add(at(2), at(3), 100)
	if mean, _ := w.Average(at(101), stableWindow); math.Abs(mean-1.0/60) > 1e-5 {
		t.Errorf("what is told far too late counts: %v", mean)
	}
}

// What readings of meters differ by is the work, whichever of them are lost.
func TestLostReadingsLoseNoWork(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var w Window
		w.Begin(start)
		work, now := 0.0, start
		for s := range 59 {
			level := float64(rapid.IntRange(0, 9).Draw(t, "level"))
			work += level
			now = start.Add(time.Duration(s+1) * time.Second)
			if s == 0 || s == 58 || rapid.Bool().Draw(t, "told") {
				told := map[string]float64{"web": work}
				if level == 0 && rapid.Bool().Draw(t, "left out") {
					delete(told, "web")
					if s == 0 || s == 58 {
						told["web"] = work
					}
				}
				w.read(map[string]cluster.Meter{"n": {Epoch: 1, Clock: now.Sub(start), At: now, Work: told}}, "web", now)
			}
			if s == 0 {
				work = 0
				w.Before[0].Work = 0
			}
		}
		if mean, n := w.Average(now, stableWindow); math.Abs(mean*float64(n)-work) > 1e-3 {
			t.Fatalf("%v of %v in %d seconds", mean*float64(n), work, n)
		}
	})
}

func TestAMeterThatBeginsAgain(t *testing.T) {
	var w Window
	w.Begin(start)
	tell := func(s int, epoch int64, clock time.Duration, work float64) {
		now := start.Add(time.Duration(s) * time.Second)
		w.read(map[string]cluster.Meter{"n": {Epoch: epoch, Clock: clock, At: now, Work: map[string]float64{"web": work}}}, "web", now)
	}
	tell(1, 1, time.Hour, 5000) // nobody knows when that was
	tell(2, 1, time.Hour+time.Second, 5004)
	tell(4, 2, time.Second, 8)
	if mean, n := w.Average(start.Add(4*time.Second), stableWindow); n != 4 || math.Abs(mean-3) > 1e-5 {
		t.Errorf("%v of %d", mean, n)
	}
}

// From one to a hundred at a time: it is there soon, and hardly more than that.
func TestAStepIsFollowedWithoutOvershoot(t *testing.T) {
	t.Parallel()
	for _, start := range []time.Duration{100 * time.Millisecond, time.Second, 5 * time.Second} {
		for _, took := range []time.Duration{20 * time.Millisecond, 100 * time.Millisecond, time.Second, 30 * time.Second} {
			s := newScaled(t, project.Component{MaxConcurrency: 1})
			s.start, s.took = start, took
			s.run(2*time.Minute, constant(1))
			s.run(10*time.Second+start, constant(100))
			if n := s.ready(); n < 100 {
				t.Errorf("start %v, service %v: %d ready in time", start, took, n)
			}
			s.run(3*time.Minute, constant(100))
			if settled := 100; s.most > settled*12/10 || s.running("web") != settled {
				t.Errorf("start %v, service %v: %d, at most %d, want %d", start, took, s.running("web"), s.most, settled)
			}
		}
	}
}

// What comes at a constant rate while instances take their time to start is
// worked off, without many more of them than it takes in the end.
func TestARateIsFollowedWithoutOvershoot(t *testing.T) {
	t.Parallel()
	for _, start := range []time.Duration{200 * time.Millisecond, 12 * time.Second} {
		for _, took := range []time.Duration{500 * time.Millisecond, 4 * time.Second} {
			for _, concurrency := range []int{1, 4} {
				for _, before := range []float64{0.02, 0.5} {
					const busy = 24 // instances, all slots of them
					s := newScaled(t, project.Component{MaxConcurrency: concurrency})
					s.start, s.took = start, took
					rate := busy * float64(concurrency) / took.Seconds()
					s.runOpen(2*time.Minute, before*rate)
					s.runOpen(10*time.Second+2*start+3*took, rate)
					if n := s.ready(); n < busy {
						t.Errorf("start %v, service %v, maxconcurrency %d, from %v: %d ready in time, want %d", start, took, concurrency, before, n, busy)
					}
					s.runOpen(2*time.Minute+start, rate)
					need := float64(busy) / 0.75
					if settled := s.running("web"); float64(s.most) > math.Ceil(1.2*need) || s.most*10 > settled*12 || s.queued > 0 {
						t.Errorf("start %v, service %v, maxconcurrency %d, from %v: %d, at most %d of %v, %v wait", start, took, concurrency, before, settled, s.most, need, s.queued)
					}
				}
			}
		}
	}
}

// One instance is enough for one request at a time, however it came to that.
func TestOneRequestWantsOneInstance(t *testing.T) {
	for _, concurrency := range []int{1, 2, 20} {
		s := newScaled(t, project.Component{MaxConcurrency: concurrency})
		s.run(5*time.Minute, constant(1))
		if s.most != 1 {
			t.Errorf("maxconcurrency %d: %d instances for one request", concurrency, s.most)
		}
		s.run(time.Minute, constant(5*concurrency))
		s.run(10*time.Minute, constant(1))
		if n := s.running("web"); n != 1 {
			t.Errorf("maxconcurrency %d: %d instances when one request is left", concurrency, n)
		}
	}
}

// A load that is as it is, give or take a fifth, moves nothing.
func TestConstantLoadDoesNotFlap(t *testing.T) {
	for seed := range uint64(3) {
		random := rand.New(rand.NewPCG(seed, 1))
		mean := 1 + random.IntN(40)
		noisy := func(time.Duration) int {
			return max(0, int(math.Round(float64(mean)*(0.8+0.4*random.Float64()))))
		}
		s := newScaled(t, project.Component{MaxConcurrency: []int{1, 4, 20}[seed%3]})
		s.run(5*time.Minute, noisy)
		s.changes = 0
		s.run(30*time.Minute, noisy)
		if s.changes > 1 {
			t.Errorf("seed %d, load %d: %d changes", seed, mean, s.changes)
		}
	}
}

// Whatever the load was, a while after it became constant there are as many
// instances as it takes, and few more.
func TestScaleConverges(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		spec := project.Component{MaxConcurrency: rapid.SampledFrom([]int{1, 3, 20}).Draw(t, "concurrency"), IdleTimeoutSeconds: 300}
		if rapid.Bool().Draw(t, "limited") {
			spec.MaxInstances = rapid.IntRange(2, 20).Draw(t, "max")
			spec.MinInstances = rapid.IntRange(0, 2).Draw(t, "min")
		}
		spec.SpareSlots = rapid.SampledFrom([]int{0, 0, 3}).Draw(t, "spare")
		spec.ScaleDownDelaySeconds = rapid.SampledFrom([]int{0, 0, 90}).Draw(t, "delay")
		s := newScaled(t, spec, "n1", "n2")
		s.every = 0
		s.start = time.Duration(rapid.IntRange(1, 50).Draw(t, "start")) * 100 * time.Millisecond
		s.took = time.Duration(rapid.SampledFrom([]int{5, 200, 20_000}).Draw(t, "took")) * time.Millisecond
		for range rapid.IntRange(1, 3).Draw(t, "phases") {
			n := rapid.IntRange(0, 25).Draw(t, "load")
			s.silent["n2"] = rapid.IntRange(0, 3).Draw(t, "silent") == 0
			if rapid.IntRange(0, 3).Draw(t, "failover") == 0 {
				s.failover()
			}
			s.run(time.Duration(rapid.IntRange(1, 40).Draw(t, "seconds"))*time.Second, constant(n))
		}
		n := rapid.IntRange(1, 25).Draw(t, "last load")
		s.silent["n2"] = false
		s.run(5*time.Minute, constant(n))
		least := int(math.Ceil(float64(n)/max(1, 0.75*float64(s.slots)) - slight))
		if spec.MaxInstances > 0 {
			least = min(least, spec.MaxInstances)
		}
		// Not below a quarter of the capacity, or what is asked for anyway.
		most := max(1, spec.MinInstances, least, int(math.Ceil(float64(n)/(0.25*float64(s.slots)))), (n+spec.SpareSlots+s.slots-1)/s.slots)
		if s.running("web") > most && s.memory.Scale("web").Auto.Why.Limit == LimitBursts {
			s.run(burstHold, constant(n)) // the phases were bursts: what those took stays so long, and no longer
		}
		if got := s.running("web"); got < least || got > most {
			t.Fatalf("%d instances for %d at a time, want %d to %d, %+v", got, n, least, most, s.memory.Scale("web").Auto.Why)
		}
	})
}

// Down it goes when a quarter or less of the slots is in use, by half at most,
// and after a panic by a quarter in ten seconds.
func TestGoesDownGently(t *testing.T) {
	s := newScaled(t, project.Component{MaxConcurrency: 1})
	s.run(3*time.Minute, constant(60))
	if n := s.running("web"); n != 60 {
		t.Fatalf("%d instances, want 60", n)
	}
	s.run(2*time.Minute, constant(25))
	s.expect(t, "while a third is in use", counts{"web": 60})
	before := 60
	for range 60 {
		s.run(2*time.Second, constant(3))
		n := s.running("web")
		if n < before/2 || n > before {
			t.Errorf("from %d to %d at once", before, n)
		}
		before = n
	}
	if before != 3 {
		t.Errorf("%d instances in the end, want 3", before)
	}
}

func TestScaleDownDelay(t *testing.T) {
	s := newScaled(t, project.Component{MaxConcurrency: 1, ScaleDownDelaySeconds: 300})
	s.run(3*time.Minute, constant(30))
	s.run(5*time.Minute, constant(2))
	s.expect(t, "before the delay is over", counts{"web": 30})
	s.run(3*time.Minute, constant(2))
	s.expect(t, "after it", counts{"web": 2})
}

func TestSpareSlots(t *testing.T) {
	s := newScaled(t, project.Component{MaxConcurrency: 2, SpareSlots: 5})
	s.run(time.Minute, constant(1))
	s.expect(t, "for one and five spare slots", counts{"web": 3})
	s.run(10*time.Minute, constant(0))
	s.expect(t, "asleep", counts{"web": 0})
}

// A herd that is served in moments starts nothing more.
func TestAHerdThatIsServedSoonStartsNothingMore(t *testing.T) {
	s := newScaled(t, project.Component{MaxConcurrency: 10})
	s.took = time.Millisecond
	s.run(time.Minute, func(at time.Duration) int {
		if at < 2*time.Second {
			return 1000
		}
		return 1
	})
	if s.most != 1 {
		t.Errorf("%d instances", s.most)
	}
}

// Streams keep a component awake and their slots, and ask for nothing more.
func TestStreamsAreNoWork(t *testing.T) {
	s := newScaled(t, project.Component{MaxConcurrency: 1})
	s.run(3*time.Minute, constant(4))
	if n := s.running("web"); n != 4 {
		t.Fatalf("%d instances, want 4", n)
	}
	for range 1200 {
		s.now = s.now.Add(time.Second)
		s.progress()
		s.arrive(-1e9)
		s.tell()
		s.load.Components["web"] = cluster.ComponentLoad{InFlight: 3, Streams: 3, LastRequest: s.now}
		s.decide(t)
	}
	s.expect(t, "for three streams", counts{"web": 3})
}

// Nothing goes while a report is missing, or while some node has no meter; nor
// does a new holder know enough to let anything go.
func TestNothingShrinksForWantOfReports(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]func(*scaled){
		"silent":   func(s *scaled) { s.silent["n2"] = true },
		"no meter": func(s *scaled) { s.load.Unmetered = true },
	} {
		t.Run(name, func(t *testing.T) {
			s := newScaled(t, project.Component{MaxConcurrency: 1}, "n1", "n2")
			s.run(3*time.Minute, constant(30))
			fault(s)
			s.run(10*time.Minute, constant(2))
			s.expect(t, "in the end", counts{"web": 30})
		})
	}
	t.Run("failover", func(t *testing.T) {
		s := newScaled(t, project.Component{MaxConcurrency: 1}, "n1", "n2")
		s.run(3*time.Minute, constant(30))
		for range 10 {
			s.failover()
			s.run(59*time.Second, constant(2))
			if n := s.running("web"); n != 30 {
				t.Fatalf("%d instances, want 30", n)
			}
		}
		s.run(3*time.Minute, constant(2))
		s.expect(t, "in the end", counts{"web": 2})
	})
}

func TestAnIdleComponentPlansNothing(t *testing.T) {
	s := newScaled(t, project.Component{MaxConcurrency: 1, MinInstances: 1})
	s.run(time.Minute, constant(1))
	s.run(30*time.Minute, constant(0))
	if n := s.running("web"); n != 1 || !s.next.IsZero() {
		t.Errorf("%d instances, looks again at %v", n, s.next)
	}
}

// The least loaded goes first; among equals the youngest.
func TestWhoGoesFirst(t *testing.T) {
	s := newScaled(t, project.Component{MaxConcurrency: 10, MinInstances: 3})
	s.settle(t)
	s.load.Instances = map[string]int{}
	bySlot := map[int]string{}
	for id, pl := range s.placements {
		bySlot[pl.Slot] = id
		s.load.Instances[id] = 5
	}
	s.load.Instances[bySlot[0]] = 1
	s.instances[bySlot[1]].ReadyAt = s.now.Add(time.Second)
	for _, want := range []int{0, 1} {
		s.limit("web", func(c *project.Component) { c.MinInstances--; c.MaxInstances = c.MinInstances })
		s.settle(t)
		if s.placements[bySlot[want]] != nil {
			t.Errorf("slot %d is not the first to go: %s", want, s.picture())
		}
	}
}

// Who changes direction all the time waits longer before going down.
func TestFlappingIsDamped(t *testing.T) {
	s := newScaled(t, project.Component{MaxConcurrency: 1})
	square := func(at time.Duration) int {
		if at/(90*time.Second)%2 == 0 {
			return 40
		}
		return 1
	}
	s.run(30*time.Minute, square)
	if n := len(s.memory.Scale("web").Auto.Turns); n > flapTurns+1 {
		t.Errorf("%d turns in ten minutes", n)
	}
}
