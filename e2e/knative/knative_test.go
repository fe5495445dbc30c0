package knative

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"maelstrom/cluster/scheduler"
)

// story is a load and how long instances take to start.
type story struct {
	name    string
	target  float64
	start   int // seconds until an instance that is wanted is ready
	seconds int
	load    func(second int) float64 // requests at a time

	most, last int // that are wanted, so that a story tells something
}

var stories = []story{
	{name: "nothing", target: 0.7, seconds: 300, load: constant(0), most: 0, last: 0},
	{name: "one request", target: 0.7, start: 2, seconds: 300, load: constant(1), most: 2, last: 2},
	{name: "constant", target: 7, start: 2, seconds: 600, load: constant(30), most: 5, last: 5},
	{name: "a step from 1 to 100", target: 0.7, start: 5, seconds: 600, load: step(60, 1, 100), most: 143, last: 143},
	{name: "a step from 100 to 1", target: 7, start: 5, seconds: 600, load: step(200, 100, 1), most: 15, last: 1},
	{name: "a ramp", target: 7, start: 5, seconds: 900, load: ramp(600, 200), most: 29, last: 29},
	{name: "down a ramp", target: 7, start: 5, seconds: 900, load: func(s int) float64 { return max(0, 200-float64(s)/3) }, most: 29, last: 0},
	{name: "square waves of 40 s", target: 7, start: 3, seconds: 900, load: square(40, 80), most: 12, last: 12},
	{name: "square waves of 5 min", target: 7, start: 3, seconds: 1800, load: square(300, 80), most: 12, last: 12},
	{name: "a peak of 3 s", target: 7, start: 3, seconds: 300, load: peak(100, 3, 500), most: 36, last: 0},
	{name: "requests of 30 s, one each", target: 1, start: 30, seconds: 900, load: ramp(300, 40), most: 40, last: 40},
	{name: "more than a thousandfold", target: 0.01, start: 1, seconds: 120, load: step(10, 0, 1000), most: 100_000, last: 100_000},
}

func constant(requests float64) func(int) float64 { return func(int) float64 { return requests } }

func step(at int, before, then float64) func(int) float64 {
	return func(s int) float64 {
		if s < at {
			return before
		}
		return then
	}
}

func ramp(seconds int, to float64) func(int) float64 {
	return func(s int) float64 { return to * float64(min(s, seconds)) / float64(seconds) }
}

func square(half int, high float64) func(int) float64 {
	return func(s int) float64 { return high * float64(s/half%2) }
}

func peak(at, seconds int, high float64) func(int) float64 {
	return func(s int) float64 {
		if s >= at && s < at+seconds {
			return high
		}
		return 0
	}
}

func TestWindowsAndWantsAgreeWithKnative(t *testing.T) {
	for _, s := range stories {
		t.Run(s.name, func(t *testing.T) {
			k, o := newTheirs(t.Context(), s.target), newOurs(s.target)
			starting := make([]int, s.start+1) // what was wanted in the last seconds
			most, last, panicked := 0, 0, false
			for second := range s.seconds {
				k.record(second, s.load(second))
				o.record(second, s.load(second))
				if second%2 == 1 {
					last = agree(t, second, k, o)
					most = max(most, last)
					panicked = panicked || !o.kpa.Panic.IsZero()
				}
				starting = append(starting[1:], last)
				ready := min(last, starting[0])
				if last > k.ready {
					ready = max(k.ready, ready)
				}
				k.ready, o.ready = ready, ready
			}
			t.Logf("at most %d, in the end %d, panic: %t", most, last, panicked)
			if most != s.most || last != s.last {
				t.Errorf("at most %d and in the end %d, not %d and %d", most, last, s.most, s.last)
			}
		})
	}
}

// agree lets both decide and returns what they want.
func agree(t interface {
	Helper()
	Fatalf(string, ...any)
}, second int, k *theirs, o *ours) int {
	t.Helper()
	a, b := k.decide(second), o.decide(second)
	if math.Abs(a.Stable-b.Stable) > 2e-6 || math.Abs(a.Panic-b.Panic) > 2e-6 || a.Want != b.Want {
		t.Fatalf("second %d, %d ready: Knative wants %s, we want %s", second, k.ready, a, b)
	}
	return b.Want
}

// Instances come and go as they like here, whatever is wanted.
func TestAnyLoadAgreesWithKnative(t *testing.T) {
	panics, calms := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		target := rapid.SampledFrom([]float64{0.7, 0.75, 1, 3, 7, 37.5, 70, 100}).Draw(t, "target")
		k, o := newTheirs(t.Context(), target), newOurs(target)
		second := 0
		for range rapid.IntRange(1, 8).Draw(t, "phases") {
			load := float64(rapid.IntRange(0, 4000).Draw(t, "load")) / 4
			ready := rapid.IntRange(0, 50).Draw(t, "ready")
			for range rapid.IntRange(1, 90).Draw(t, "seconds") {
				k.record(second, load)
				o.record(second, load)
				k.ready, o.ready = ready, ready
				if second%2 == 1 {
					was := o.kpa.Panic.IsZero()
					agree(t, second, k, o)
					switch is := o.kpa.Panic.IsZero(); {
					case was && !is:
						panics++
					case !was && is:
						calms++
					}
				}
				second++
			}
		}
	})
	if panics == 0 || calms == 0 {
		t.Errorf("%d panics began and %d ended: these loads show nothing", panics, calms)
	}
}

// The figures that Knative's documents and its tests give.
func TestFiguresOfKnative(t *testing.T) {
	for name, c := range map[string]struct {
		in   scheduler.Averages
		want int
	}{
		"nothing":                           {scheduler.Averages{Target: 10, Ready: 1}, 0},
		"down by half at most":              {scheduler.Averages{Stable: 1, Panic: 1, Target: 10, Ready: 20}, 10},
		"by the stable window without need": {scheduler.Averages{Stable: 50, Panic: 15, Target: 10, Ready: 8}, 5},
		"twice what is ready is a panic":    {scheduler.Averages{Stable: 10, Panic: 20, Target: 10, Ready: 1}, 2},
		"the higher of both in a panic":     {scheduler.Averages{Stable: 100, Panic: 40, Target: 10, Ready: 2}, 10},
		"a thousandfold at most":            {scheduler.Averages{Stable: 5000, Panic: 5000, Target: 1, Ready: 2}, 2000},
	} {
		t.Run(name, func(t *testing.T) {
			k := newTheirs(t.Context(), c.in.Target)
			k.ready = c.in.Ready
			k.stable.Record(began, c.in.Stable)
			k.panicking.Record(began, c.in.Panic)
			var kpa scheduler.KPA
			if a, b := k.decide(0).Want, kpa.Decide(began, c.in); a != c.want || b != c.want {
				t.Errorf("Knative wants %d, we want %d, not %d", a, b, c.want)
			}
		})
	}
}
