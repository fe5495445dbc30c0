package simulate

import (
	"context"
	"slices"
	"testing"
	"time"

	"maelstrom/project"
)

// The load tells for how long nobody was answered, as that of a gateway does.
func TestServiceTimeGrowsWhileNobodyIsAnswered(t *testing.T) {
	s := scenario(80*time.Second, component("web", func(c *project.Component) { c.MaxConcurrency = 1 }))
	s.Defaults.Start = fixed(10 * time.Second)
	load := at("web", 0, time.Minute, time.Minute)
	for i, took := range []time.Duration{10 * time.Millisecond, time.Second, time.Second} {
		load.Requests[i].Service = took
	}
	s.Loads = []Load{load}
	w, err := newWorld(s)
	if err != nil {
		t.Fatal(err)
	}
	seen, answered := 0, time.Minute
	learned := 10 * time.Millisecond
	w.check = func() {
		if answered == time.Minute && w.now >= 61*time.Second {
			answered, learned = 61*time.Second, learned+(time.Second-learned)/8
		}
		if w.now < time.Minute || w.now >= 62*time.Second {
			return
		}
		seen++
		if got, want := w.queues["p_web"].report(w.now, begin).Served(w.time()), max(learned, w.now-answered); got != want {
			t.Errorf("after %s it is %s, want %s", w.now-time.Minute, got, want)
		}
	}
	if _, err := w.run(context.Background()); err != nil {
		t.Fatal(err)
	}
	if seen < 5 || answered != 61*time.Second {
		t.Errorf("looked at %d times, answered at %s", seen, answered)
	}
}

// Requests that take much longer than those before get their instances at once.
func TestSlowRequestsAfterQuickOnesAreNotStarved(t *testing.T) {
	s := scenario(75*time.Second, component("web", func(c *project.Component) { c.MaxConcurrency = 1 }))
	s.Nodes[0].MemoryMiB = 64 << 10
	s.Loads = []Load{
		{Component: "p_web", Pattern: &Pattern{Shape: Constant, Rate: 1, Service: fixed(50 * time.Millisecond)}},
		{Component: "p_web", Pattern: &Pattern{Shape: Step, To: 10, At: time.Minute, Service: fixed(30 * time.Second)}},
	}
	r := run(t, s)
	if n := ready(r, 0, time.Minute); n.most != 1 {
		t.Errorf("%d instances for quick requests", n.most)
	}
	if i := slices.IndexFunc(r.Changes, func(c Change) bool { return c.To > 1 }); i < 0 || r.Changes[i].At > 61.5 {
		t.Errorf("more instances were not decided on in time: %+v", r.Changes)
	}
}
