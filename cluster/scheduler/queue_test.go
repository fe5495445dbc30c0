package scheduler

import (
	"testing"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

// With ten slots that answer fifty in a second, forty wait.
func TestWhoAsksAgainIsKnownByWhatStaysAsItIs(t *testing.T) {
	for name, c := range map[string]struct {
		comes  float64 // in a second
		queued int     // at first
		grows  bool    // a second instance is ready after two seconds
		want   bool
	}{
		"nobody comes":                           {0, 40, false, false},
		"half of what is served":                 {25, 40, false, false},
		"as many as are served, at once":         {50, 40, false, true},
		"half as many more":                      {75, 40, false, false},
		"as many as one serves, and two":         {50, 0, true, false},
		"as many as one serves, and then as two": {-1, 0, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			var q line
			total, work := 1000.0, 10.0
			for at := time.Duration(0); at < 4*time.Second; at += 50 * time.Millisecond {
				ready, come := 1, c.comes
				if c.grows && at >= 2*time.Second {
					ready = 2
				}
				if served := 50 * float64(ready) / 20; at > 0 {
					total += served
					if come < 0 {
						work += served
					}
					work += max(0, come)/20 - served
				}
				if queued := c.queued; at == 0 || c.queued == 0 && at == 500*time.Millisecond {
					work += float64(max(queued, 1))
					if c.queued == 0 {
						work = 50
					}
				}
				l := cluster.ComponentLoad{InFlight: 10 * ready, Queued: max(1, int(work)-10*ready), Total: int64(total)}
				q.note(time.Unix(0, 0).Add(at), l, ready)
			}
			if q.Closed != c.want {
				t.Errorf("%v, want %v: %+v", q.Closed, c.want, q)
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
