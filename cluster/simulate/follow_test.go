package simulate

import (
	"context"
	"math"
	"testing"
	"time"

	"maelstrom/project"
)

// erlangC is the share of requests that wait where so many slots serve a load
// that comes at random.
func erlangC(slots int, load float64) float64 {
	if float64(slots) <= load {
		return 1
	}
	b := 1.0
	for k := 1; k <= slots; k++ {
		b = load * b / (float64(k) + load*b)
	}
	rho := load / float64(slots)
	return b / (1 - rho + rho*b)
}

// takes is how many instances a load takes: what the autoscaler aims at, or if
// it comes at random as many as let one in a hundred wait for longer than a start
// is worth.
func takes(load float64, concurrency int, random bool, service time.Duration) int {
	even := int(math.Ceil(load/max(1, .75*float64(concurrency)) - 1e-9))
	if !random {
		return even
	}
	slots := int(math.Ceil(load))
	for ; ; slots++ {
		if late := erlangC(slots, load) * math.Exp(-(float64(slots)-load)*.4/service.Seconds()); late < .01 {
			break
		}
	}
	return max(even, (slots+concurrency-1)/concurrency)
}

func web(concurrency int) project.Component {
	return component("web", func(c *project.Component) { c.MaxConcurrency, c.ReserveMemory = concurrency, 1 })
}

// What comes at a rate gets as many instances as it takes, and at most a fifth
// more, whatever it takes to start and to serve, evenly or at random.
func TestARateIsFollowed(t *testing.T) {
	t.Parallel()
	for _, concurrency := range []int{1, 4} {
		for _, service := range []time.Duration{50 * time.Millisecond, 200 * time.Millisecond, time.Second} {
			for _, busy := range []float64{3, 10} {
				for _, start := range []time.Duration{300 * time.Millisecond, 2 * time.Second} {
					for _, random := range []bool{false, true} {
						load := busy * float64(concurrency)
						rate := load / service.Seconds()
						s := scenario(2*time.Minute, web(concurrency))
						s.Nodes[0].MemoryMiB = 100_000
						s.Defaults = Behavior{Start: fixed(start), Service: fixed(service)}
						s.Loads = []Load{{Component: "p_web", Pattern: &Pattern{Shape: Step, Rate: rate / 20, To: rate, At: 30 * time.Second, Random: random}}}
						need := takes(load, concurrency, random, service)
						if n := mostFor(t, s); n > int(math.Ceil(1.2*float64(need))) || n < int(math.Ceil(load/float64(concurrency))) {
							t.Errorf("maxconcurrency %d, service %v, load %v, start %v, random %v: %d instances, it takes %d", concurrency, service, load, start, random, n, need)
						}
					}
				}
			}
		}
	}
}

// Clients who ask again get a slot each, and hardly more.
func TestWhoAsksAgainIsFollowed(t *testing.T) {
	t.Parallel()
	for _, concurrency := range []int{1, 4} {
		for _, service := range []time.Duration{50 * time.Millisecond, 200 * time.Millisecond, time.Second} {
			for _, start := range []time.Duration{300 * time.Millisecond, 2 * time.Second} {
				const clients = 40
				s := scenario(100*time.Second, web(concurrency))
				s.Nodes[0].MemoryMiB = 100_000
				s.Defaults = Behavior{Start: fixed(start), Service: Spread{service, service * 11 / 10}}
				s.Loads = []Load{{Component: "p_web"}}
				w := asking(t, s, clients, 20*time.Second)
				n := mostOf(t, w)
				if bound := int(1.2 * math.Ceil(clients/max(1, .75*float64(concurrency)))); n > bound || n < clients/concurrency-1 {
					t.Errorf("maxconcurrency %d, service %v, start %v: %d instances", concurrency, service, start, n)
				}
			}
		}
	}
}

// A load that comes at random and stays as it is changes the number of instances
// five times an hour at most, after the first ten minutes; without what bursts
// hold, fifty times.
func TestARandomLoadChangesLittle(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		concurrency int
		service     time.Duration
		load        float64
	}{
		{1, 5 * time.Second, .7}, {1, 5 * time.Second, 1.5}, {4, 5 * time.Second, 12}, {4, time.Second, 6},
	} {
		s := scenario(190*time.Minute, web(c.concurrency))
		s.Seed = 2
		s.Nodes[0].MemoryMiB = 100_000
		s.Defaults = Behavior{Start: fixed(time.Second), Service: Spread{c.service / 2, c.service * 2}}
		s.Loads = []Load{{Component: "p_web", Pattern: &Pattern{Shape: Constant, Rate: c.load / c.service.Seconds(), Random: true}}}
		changes := 0
		for _, change := range run(t, s).Changes {
			if change.At >= 600 {
				changes++
			}
		}
		if changes > 14 {
			t.Errorf("maxconcurrency %d, service %v, load %v: %d changes in three hours", c.concurrency, c.service, c.load, changes)
		}
	}
}

// mostFor runs a scenario and tells how many instances p_web had at most.
func mostFor(t *testing.T, s Scenario) int {
	t.Helper()
	w, err := newWorld(s)
	if err != nil {
		t.Fatal(err)
	}
	return mostOf(t, w)
}

func mostOf(t *testing.T, w *world) int {
	t.Helper()
	r, err := w.run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if r.Totals.Refused+r.Totals.Failed > 0 {
		t.Error(numbers(r.Totals))
	}
	n := 0
	for _, c := range r.Changes {
		n = max(n, c.To)
	}
	return n
}

// asking has one client who asks again, and so many from a time on.
func asking(t *testing.T, s Scenario, clients int, from time.Duration) *world {
	t.Helper()
	w, err := newWorld(s)
	if err != nil {
		t.Fatal(err)
	}
	w.calendar.add(due{kind: arrival})
	for range clients - 1 {
		w.calendar.add(due{at: from, kind: arrival})
	}
	w.s.Request = func(Outcome) {
		w.calendar.add(due{at: w.now + time.Duration(1+w.requests%5)*time.Millisecond, kind: arrival})
	}
	return w
}
