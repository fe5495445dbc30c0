package scheduler

import (
	"math"
	"slices"
	"time"

	"maelstrom/cluster"
)

// The figures of the hybrid histogram (Shahrad et al., Serverless in the Wild,
// USENIX ATC 2020).
const (
	binWidth    = time.Minute
	headPart    = 0.05 // of the idle times are shorter than what a component is started ahead of
	headMargin  = 0.90
	tailPart    = 0.99 // are shorter than what it is kept for
	tailMargin  = 1.10
	spreadFrom  = 2.0 // coefficient of variation of the bins: below, they tell nothing
	samplesFrom = 5
	ageAfter    = 24 * time.Hour

	// Where more than this part lasted longer than all bins, the next idle time
	// is taken for the median of the last ones, give or take a margin.
	beyondPart     = 0.50
	forecastFrom   = 10
	forecastMargin = 0.15
)

// And our own.
const (
	recentKept = 32        // idle times that a forecast goes by
	tooOld     = 1.0 / 128 // of a count: forgotten

	// restTime is how long there is no request until an activity is over:
	// what follows within is part of it.
	restTime = 5 * time.Second

	// unknownStart is taken for the start time of a component that was not yet
	// seen to start.
	unknownStart = time.Minute
)

// habitWith returns h with one more idle time, which ends at now.
func habitWith(h *cluster.Habit, idle time.Duration, now time.Time) *cluster.Habit {
	next := agedHabit(h, now)
	if bin := int(idle / binWidth); bin < len(next.Bins) {
		next.Bins[bin]++
	} else {
		next.Beyond++
	}
	next.Recent = append(slices.Clone(next.Recent[max(0, len(next.Recent)-recentKept+1):]), idle)
	return next
}

// agedHabit returns a copy of h in which what was counted is halved once for
// each day since.
func agedHabit(h *cluster.Habit, now time.Time) *cluster.Habit {
	next := *h
	if next.Aged.IsZero() {
		next.Aged = now
	}
	days := int(now.Sub(next.Aged) / ageAfter)
	if days <= 0 {
		return &next
	}
	next.Aged = next.Aged.Add(time.Duration(days) * ageAfter)
	part := math.Pow(0.5, float64(days))
	for i, n := range next.Bins {
		next.Bins[i] = float32(halved(float64(n), part))
	}
	next.Beyond = halved(next.Beyond, part)
	return &next
}

func halved(n, part float64) float64 {
	if n *= part; n < tooOld {
		return 0
	}
	return n
}

// HabitFacts is what the idle times of a component amount to.
type HabitFacts struct {
	Samples    float64       // in bins
	Beyond     float64       // longer than any bin
	Spread     float64       // coefficient of variation of the bins
	Head, Tail time.Duration // the 5th percentile, rounded down, and the 99th, rounded up
	Median     time.Duration // of the last ones
	Recent     int           // how many those are
}

func factsOf(h *cluster.Habit) HabitFacts {
	f := HabitFacts{Beyond: h.Beyond, Recent: len(h.Recent)}
	squares := 0.0
	for _, n := range h.Bins {
		f.Samples += float64(n)
		squares += float64(n) * float64(n)
	}
	if f.Samples > 0 {
		mean := f.Samples / float64(len(h.Bins))
		f.Spread = math.Sqrt(max(0, squares/float64(len(h.Bins))-mean*mean)) / mean
		f.Head = time.Duration(percentile(&h.Bins, headPart*f.Samples)) * binWidth
		f.Tail = time.Duration(percentile(&h.Bins, tailPart*f.Samples)+1) * binWidth
	}
	if f.Recent > 0 {
		sorted := slices.Sorted(slices.Values(h.Recent))
		f.Median = (sorted[(f.Recent-1)/2] + sorted[f.Recent/2]) / 2
	}
	return f
}

// percentile is the bin up to which there are so many.
func percentile(bins *cluster.HabitBins, many float64) int {
	sum, last := 0.0, 0
	for i, n := range bins {
		if n == 0 {
			continue
		}
		last = i
		if sum += float64(n); sum >= many*(1-1e-9) {
			break
		}
	}
	return last
}

// KeepBy is what a Keep goes by.
type KeepBy string

// What a Keep goes by.
const (
	KeepFixed     KeepBy = "fixed"     // idletimeoutseconds: nothing is known, or nothing sure
	KeepHistogram KeepBy = "histogram" // the idle times of late
	KeepForecast  KeepBy = "forecast"  // the median of the last idle times, which are long
	KeepCron      KeepBy = "cron"      // nobody but its schedules asks for it
)

// Keep is when a component without a request is there, counted from the end of
// its latest activity.
type Keep struct {
	By    KeepBy
	Ahead time.Duration // when it is started again, having been stopped at once; zero: it stays
	Until time.Duration // when it sleeps
}

// keepBy is what the idle times of a component say. It stays where it would
// have to be started before it is gone.
func keepBy(f HabitFacts, timeout, start time.Duration) Keep {
	k := Keep{By: KeepFixed, Until: timeout}
	switch {
	case f.Beyond > beyondPart*(f.Beyond+f.Samples):
		if f.Recent < forecastFrom {
			return k
		}
		k = Keep{By: KeepForecast, Ahead: portion(f.Median, 1-forecastMargin), Until: portion(f.Median, 1+forecastMargin)}
	case f.Spread >= spreadFrom && f.Samples >= samplesFrom:
		k = Keep{By: KeepHistogram, Ahead: portion(f.Head, headMargin), Until: portion(f.Tail, tailMargin)}
	}
	if k.Ahead <= start {
		k.Ahead = 0
	}
	return k
}

func portion(d time.Duration, by float64) time.Duration { return time.Duration(float64(d) * by) }

// Cold tells whether a request after an idle time has to wait for a start.
func (k Keep) Cold(idle, start time.Duration) bool {
	switch {
	case idle >= k.Until:
		return true
	case k.Ahead == 0 || idle < restTime:
		return false
	}
	return idle < k.Ahead+start
}

// Time is for how long there is an instance within an idle time.
func (k Keep) Time(idle time.Duration) time.Duration {
	if k.Ahead == 0 {
		return min(idle, k.Until)
	}
	return min(idle, restTime) + max(0, min(idle, k.Until)-k.Ahead)
}
