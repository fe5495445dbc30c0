package gateway

import (
	"fmt"
	"testing"
	"time"
)

func TestShareOfANewInstance(t *testing.T) {
	for age, want := range map[time.Duration]float64{
		-time.Hour: 1, 0: 0.1, time.Second: 0.1, 2 * time.Second: 0.2, 5 * time.Second: 0.5,
		9500 * time.Millisecond: 0.95, 10 * time.Second: 1, time.Hour: 1,
	} {
		if got := share(age); got != want {
			t.Errorf("share at %v: %v, want %v", age, got, want)
		}
	}
}

// dispatcherOf is a dispatcher with instances of the given ages.
func dispatcherOf(limit int, ages ...time.Duration) (*dispatcher, time.Time) {
	now := time.Unix(1e9, 0)
	d := &dispatcher{limit: limit}
	for n, age := range ages {
		i := &instance{placement: fmt.Sprint("p", n)}
		if age >= 0 {
			i.readyAt = now.Add(-age)
		}
		d.ready = append(d.ready, i)
	}
	d.warming = newWarming(d.ready)
	return d, now
}

// TestTurnsOfNewInstances counts who gets 1,000 requests that are over at once.
func TestTurnsOfNewInstances(t *testing.T) {
	const unknown = -1
	for name, c := range map[string]struct {
		ages []time.Duration
		want []int
	}{
		"alone":              {[]time.Duration{0}, []int{1000}},
		"all new":            {[]time.Duration{0, 9 * time.Second}, []int{500, 500}},
		"all old":            {[]time.Duration{time.Hour, 10 * time.Second}, []int{500, 500}},
		"one new":            {[]time.Duration{time.Hour, 0}, []int{909, 91}},
		"one half warm":      {[]time.Duration{5 * time.Second, time.Hour}, []int{333, 667}},
		"two new beside 1":   {[]time.Duration{0, time.Hour, 0}, []int{83, 834, 83}},
		"age is not known":   {[]time.Duration{unknown, 0}, []int{909, 91}},
		"new beside many":    {[]time.Duration{time.Hour, time.Hour, time.Hour, 0}, []int{323, 323, 323, 31}},
		"almost warmed up":   {[]time.Duration{time.Hour, 9900 * time.Millisecond}, []int{502, 498}},
		"clock was set back": {[]time.Duration{time.Hour, unknown}, []int{500, 500}},
	} {
		t.Run(name, func(t *testing.T) {
			d, now := dispatcherOf(1, c.ages...)
			counts := make([]int, len(c.ages))
			for range 1000 {
				i := d.takeSlot(now)
				i.inFlight--
				for n := range d.ready {
					if d.ready[n] == i {
						counts[n]++
					}
				}
			}
			for n := range counts {
				if diff := counts[n] - c.want[n]; diff < -2 || diff > 2 {
					t.Errorf("turns %v, want about %v", counts, c.want)
					break
				}
			}
		})
	}
}

// TestNewInstanceIsUsedWhenTheOthersAreFull, or somebody waits.
func TestNewInstanceIsUsedWhenTheOthersAreFull(t *testing.T) {
	d, now := dispatcherOf(2, time.Hour, 0)
	for n, want := range []string{"p0", "p0", "p1", "p1"} {
		if i := d.takeSlot(now); i == nil || i.placement != want {
			t.Fatalf("slot %d: %+v, want one of %s", n, i, want)
		}
	}
	if i := d.takeSlot(now); i != nil {
		t.Errorf("a fifth slot: %+v", i)
	}
	d, now = dispatcherOf(2, time.Hour, 0)
	d.next, d.queue.size = 1, 1
	if i := d.takeSlot(now); i.placement != "p1" {
		t.Errorf("with somebody waiting: %s", i.placement)
	}
}
