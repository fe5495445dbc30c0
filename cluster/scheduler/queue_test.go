package scheduler

import (
	"testing"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

// With one instance of ten slots that answers fifty in a second, forty wait.
func TestWhoAsksAgainIsKnownByWhatIsServed(t *testing.T) {
	for name, c := range map[string]struct {
		comes float64 // in a second
		want  bool
	}{
		"nobody comes":           {0, false},
		"half of what is served": {25, false},
		"as many as are served":  {50, true},
		"a few more":             {53, true},
		"half as many more":      {75, false},
	} {
		t.Run(name, func(t *testing.T) {
			var q line
			at := func(s float64) {
				q.compare(time.Unix(0, 0).Add(time.Duration(s*float64(time.Second))), cluster.ComponentLoad{
					InFlight: 10, Queued: 40 + int((c.comes-50)*s), Total: 1000 + int64(50*s), ServiceTime: 200 * time.Millisecond,
				}, 1, 1)
			}
			at(0)
			at(0.2)
			if q.Closed {
				t.Error("known too soon")
			}
			at(0.4)
			if q.Closed != c.want {
				t.Errorf("%v, want %v", q.Closed, c.want)
			}
		})
	}
}

func TestWhoAsksAgainHasASlotSoon(t *testing.T) {
	for _, start := range []time.Duration{200 * time.Millisecond, 5 * time.Second} {
		s := newScaled(t, project.Component{MaxConcurrency: 16})
		s.start, s.took = start, 200*time.Millisecond
		s.run(2*time.Minute, constant(1))
		s.run(time.Second+start, constant(100))
		if n := s.running("web"); n != 7 {
			t.Errorf("start %v: %d instances, 7 have a slot for each of a hundred", start, n)
		}
	}
}
