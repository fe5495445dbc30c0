package scheduler

import (
	"encoding/json"
	"math"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"maelstrom/cluster"
)

// habitOf has seen idle times, one right after the other.
func habitOf(idle ...time.Duration) *cluster.Habit {
	h := &cluster.Habit{}
	for _, d := range idle {
		h = habitWith(h, d, start)
	}
	return h
}

func times(n int, d time.Duration) []time.Duration { return slices.Repeat([]time.Duration{d}, n) }

// spreadOver has one idle time in each of the first bins.
func spreadOver(bins int) (idle []time.Duration) {
	for i := range bins {
		idle = append(idle, time.Duration(i)*time.Minute)
	}
	return idle
}

func TestKeepGoesByTheIdleTimes(t *testing.T) {
	const timeout, took = 5 * time.Minute, 10 * time.Second
	fixed := Keep{By: KeepFixed, Until: timeout}
	for _, tt := range []struct {
		name string
		idle []time.Duration
		took time.Duration
		want Keep
	}{
		{"nothing is known", nil, took, fixed},
		{"four are too few", times(4, 30*time.Minute), took, fixed},
		{"five are enough", times(5, 30*time.Minute+20*time.Second), took, Keep{KeepHistogram, 27 * time.Minute, 34*time.Minute + 6*time.Second}},
		{"within the first minute: it stays", times(5, 20*time.Second), took, Keep{KeepHistogram, 0, 66 * time.Second}},
		{"in the second minute", times(5, 100*time.Second), took, Keep{KeepHistogram, 54 * time.Second, 132 * time.Second}},
		{"it stays where the start takes as long", times(5, 100*time.Second), 54 * time.Second, Keep{KeepHistogram, 0, 132 * time.Second}},
		{"it goes where the start is shorter", times(5, 100*time.Second), 54*time.Second - 1, Keep{KeepHistogram, 54 * time.Second, 132 * time.Second}},
		{"the last bin", times(5, 4*time.Hour-1), took, Keep{KeepHistogram, 215*time.Minute + 6*time.Second, 264 * time.Minute}},
		{"percentiles", slices.Concat(times(4, time.Minute), times(95, 10*time.Minute), times(1, 200*time.Minute)), took,
			Keep{KeepHistogram, 9 * time.Minute, 12*time.Minute + 6*time.Second}},
		{"the 5th of 100 is of the shortest", slices.Concat(times(5, time.Minute), times(95, 10*time.Minute)), took,
			Keep{KeepHistogram, 54 * time.Second, 12*time.Minute + 6*time.Second}},
		{"the 99th of 100 is not of the longest", slices.Concat(times(98, 10*time.Minute), times(2, 200*time.Minute)), took,
			Keep{KeepHistogram, 9 * time.Minute, 221*time.Minute + 6*time.Second}},
		{"all over one bin in five", spreadOver(48), took, Keep{KeepHistogram, portion(2*time.Minute, 0.9), 52*time.Minute + 48*time.Second}},
		{"all over a bin more", spreadOver(49), took, fixed},
		{"beyond the bins, too few to foretell", times(9, 5*time.Hour), took, fixed},
		{"beyond the bins", times(10, 5*time.Hour), took, Keep{KeepForecast, 4*time.Hour + 15*time.Minute, 5*time.Hour + 45*time.Minute}},
		{"four hours are beyond", times(10, 4*time.Hour), took, Keep{KeepForecast, 3*time.Hour + 24*time.Minute, 4*time.Hour + 36*time.Minute}},
		{"the median of two kinds", slices.Concat(times(6, 10*time.Hour), times(5, 20*time.Hour)), took, Keep{KeepForecast, 8*time.Hour + 30*time.Minute, 11*time.Hour + 30*time.Minute}},
		{"just half beyond", slices.Concat(times(5, 30*time.Minute), times(5, 5*time.Hour)), took, Keep{KeepHistogram, 27 * time.Minute, 34*time.Minute + 6*time.Second}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := keepBy(factsOf(habitOf(tt.idle...)), timeout, tt.took)
			for _, d := range []*time.Duration{&got.Ahead, &got.Until, &tt.want.Ahead, &tt.want.Until} {
				*d = d.Round(time.Millisecond)
			}
			if got != tt.want {
				t.Errorf("%+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestSpreadIsTheCoefficientOfVariationOfTheBins(t *testing.T) {
	for _, bins := range []int{1, 2, 24, 48, 60, 240} {
		want := math.Sqrt(240/float64(bins) - 1)
		if got := factsOf(habitOf(spreadOver(bins)...)).Spread; math.Abs(got-want) > 1e-9 {
			t.Errorf("over %d bins: %v, want %v", bins, got, want)
		}
	}
}

func TestHabitsAreHalvedDaily(t *testing.T) {
	h := habitOf(slices.Concat(times(8, 30*time.Minute), times(4, 5*time.Hour))...)
	for _, tt := range []struct {
		after        time.Duration
		bins, beyond float64
	}{
		{24*time.Hour - 1, 8, 4},
		{24 * time.Hour, 4, 2},
		{3*24*time.Hour + time.Hour, 1, 0.5},
		{9 * 24 * time.Hour, 8.0 / 512, 4.0 / 512},
		{10 * 24 * time.Hour, 8.0 / 1024, 0},
		{1000 * 24 * time.Hour, 0, 0},
	} {
		f := factsOf(agedHabit(h, start.Add(tt.after)))
		if f.Samples != tt.bins || f.Beyond != tt.beyond || f.Recent != 12 {
			t.Errorf("after %v: %+v, want %v and %v", tt.after, f, tt.bins, tt.beyond)
		}
	}
	if twice := agedHabit(agedHabit(h, start.Add(36*time.Hour)), start.Add(48*time.Hour)); !reflect.DeepEqual(twice, agedHabit(h, start.Add(48*time.Hour))) {
		t.Error("it matters how often one looks")
	}
	if h.Beyond != 4 || h.Bins[30] != 8 {
		t.Error("what others have was changed")
	}
}

// What comes once a day is foretold although yesterday counts half.
func TestDailyRequestsAreForetold(t *testing.T) {
	h, now := &cluster.Habit{}, start
	for range 20 {
		now = now.Add(24*time.Hour + time.Minute)
		h = habitWith(h, 24*time.Hour, now)
	}
	if k := keepBy(factsOf(h), time.Minute, time.Second); k.By != KeepForecast || k.Cold(24*time.Hour, time.Second) {
		t.Errorf("%+v of %+v", k, factsOf(h))
	}
}

func TestColdAndTime(t *testing.T) {
	stays := Keep{Until: 10 * time.Minute}
	ahead := Keep{Ahead: 10 * time.Minute, Until: 20 * time.Minute}
	const took = 30 * time.Second
	for _, tt := range []struct {
		keep Keep
		idle time.Duration
		cold bool
		time time.Duration
	}{
		{stays, time.Minute, false, time.Minute},
		{stays, 10*time.Minute - 1, false, 10*time.Minute - 1},
		{stays, 10 * time.Minute, true, 10 * time.Minute},
		{stays, time.Hour, true, 10 * time.Minute},
		{ahead, restTime - 1, false, restTime - 1},
		{ahead, restTime, true, restTime},
		{ahead, 10 * time.Minute, true, restTime},
		{ahead, 10*time.Minute + took - 1, true, restTime + took - 1},
		{ahead, 10*time.Minute + took, false, restTime + took},
		{ahead, 20 * time.Minute, true, restTime + 10*time.Minute},
		{ahead, time.Hour, true, restTime + 10*time.Minute},
	} {
		if cold, spent := tt.keep.Cold(tt.idle, took), tt.keep.Time(tt.idle); cold != tt.cold || spent != tt.time {
			t.Errorf("%+v after %v: cold %v, time %v; want %v, %v", tt.keep, tt.idle, cold, spent, tt.cold, tt.time)
		}
	}
}

// Whatever the idle times are, a habit stays bounded, survives being stored, and
// what it says makes sense.
func TestHabitLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h, now := &cluster.Habit{}, start
		regular := time.Duration(rapid.Int64Range(int64(restTime), int64(40*time.Hour)).Draw(t, "regular"))
		for range rapid.IntRange(0, 60).Draw(t, "n") {
			idle := regular
			if rapid.IntRange(0, 3).Draw(t, "other") == 0 {
				idle = time.Duration(rapid.Int64Range(0, int64(10*time.Hour)).Draw(t, "idle"))
			}
			now = now.Add(idle)
			h = habitWith(h, idle, now)
		}
		data, err := json.Marshal(h)
		if err != nil || len(data) > 8<<10 {
			t.Fatalf("%d bytes, %v", len(data), err)
		}
		var stored cluster.Habit
		if err := json.Unmarshal(data, &stored); err != nil || !reflect.DeepEqual(factsOf(&stored), factsOf(h)) {
			t.Fatalf("stored as %s: %v", data, err)
		}
		timeout := time.Duration(rapid.IntRange(1, 3600).Draw(t, "timeout")) * time.Second
		took := time.Duration(rapid.IntRange(0, 600).Draw(t, "start")) * time.Second
		k := keepBy(factsOf(h), timeout, took)
		if k.Ahead < 0 || k.Until <= k.Ahead || k.Ahead > 0 && k.Ahead <= took {
			t.Fatalf("%+v", k)
		}
		if k.By == KeepFixed && k != (Keep{By: KeepFixed, Until: timeout}) {
			t.Fatalf("%+v", k)
		}
		idle := time.Duration(rapid.Int64Range(0, int64(50*time.Hour)).Draw(t, "next"))
		if spent := k.Time(idle); spent < 0 || spent > idle {
			t.Fatalf("%+v spends %v of %v", k, spent, idle)
		}
		if idle >= k.Until && !k.Cold(idle, took) {
			t.Fatalf("%+v is there after %v", k, idle)
		}
	})
}

// What comes at the same distance for long enough is never met cold, nor waited
// for all the time.
func TestRegularRequestsAreNeverMetCold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		took := time.Duration(rapid.IntRange(1, 60).Draw(t, "start")) * time.Second
		every := time.Duration(rapid.Int64Range(int64(15*time.Minute), int64(30*time.Hour)).Draw(t, "every"))
		h, now := &cluster.Habit{}, start
		for range 12 {
			now = now.Add(every)
			h = habitWith(h, every, now)
		}
		k := keepBy(factsOf(h), time.Minute, took)
		if k.Cold(every, took) || k.Time(every) > every/5+restTime+2*time.Minute {
			t.Fatalf("%+v: cold %v, %v of %v", k, k.Cold(every, took), k.Time(every), every)
		}
	})
}
