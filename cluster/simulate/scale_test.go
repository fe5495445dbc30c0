package simulate

import (
	"testing"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

// The number of instances follows the load, up at once and gently down, by the
// scheduler's own decisions.
func TestInstancesFollowTheLoad(t *testing.T) {
	s := scenario(20*time.Minute, component("web", nil))
	s.Nodes[0].MemoryMiB = 8 << 10
	s.Defaults.Service = fixed(500 * time.Millisecond)
	s.Loads = []Load{
		{Component: "p_web", Pattern: &Pattern{Shape: Constant, Rate: 0.5}},
		{Component: "p_web", Pattern: &Pattern{Shape: Square, To: 20, Period: 10 * time.Minute}},
	}
	r := run(t, s)
	high, low := ready(r, 2*time.Minute, 5*time.Minute), ready(r, 8*time.Minute, 10*time.Minute)
	if high.least < 10 || high.most > 17 {
		t.Errorf("for ten requests at a time there were %d to %d instances", high.least, high.most)
	}
	if low.least < 1 || low.most > 2 {
		t.Errorf("for a request each other second there were %d to %d instances", low.least, low.most)
	}
	if r.Totals.Refused+r.Totals.Failed > 0 {
		t.Error(numbers(r.Totals))
	}
}

// With a constant load nothing changes.
func TestConstantLoadChangesNothing(t *testing.T) {
	s := scenario(40*time.Minute, component("web", func(c *project.Component) { c.MaxConcurrency = 4 }))
	s.Nodes[0].MemoryMiB = 8 << 10
	s.Loads = []Load{{Component: "p_web", Pattern: &Pattern{Shape: Constant, Rate: 100}}}
	r := run(t, s)
	if n := ready(r, 10*time.Minute, 40*time.Minute); n.most-n.least > 1 {
		t.Errorf("%d to %d instances", n.least, n.most)
	}
	moves := 0
	for _, m := range r.Moves {
		if m.At >= 600 && m.Component != "" {
			moves++
		}
	}
	if moves > 4 { // what one change takes
		t.Errorf("%d moves", moves)
	}
}

type bounds struct{ least, most int }

// ready tells how many instances of p_web there were between two times.
func ready(r *Result, from, to time.Duration) (b bounds) {
	b.least = -1
	for k := range r.Ticks {
		at := time.Duration(r.Ticks[k].At * float64(time.Second))
		if at < from || at > to {
			continue
		}
		n := r.Ticks[k].of("p_web").Ready
		if b.most = max(b.most, n); b.least < 0 || n < b.least {
			b.least = n
		}
	}
	return b
}

// Each change of the number of instances has its reason, and they follow one
// another.
func TestChangesAreExplained(t *testing.T) {
	s := scenario(10*time.Minute, component("web", nil))
	s.Nodes[0].MemoryMiB = 8 << 10
	s.Loads = []Load{{Component: "p_web", Pattern: &Pattern{Shape: Square, To: 100, Period: 4 * time.Minute}}}
	r := run(t, s)
	n, causes := 0, map[cluster.ScaleCause]bool{}
	for _, c := range r.Changes {
		if c.Component != "p_web" || c.From != n || c.Why == "" {
			t.Errorf("%+v after %d", c, n)
		}
		n, causes[c.Cause] = c.To, true
	}
	if !causes[cluster.ScaleWake] || !causes[cluster.ScaleIdle] || len(causes) < 3 {
		t.Errorf("causes %v", causes)
	}
}

// Streams are no work: where nothing limits how many an instance has, they ask
// for no second one. That of requests which take as long does.
func TestStreamsAskForNoInstances(t *testing.T) {
	web := component("web", func(c *project.Component) { c.SoftConcurrencyLimit, c.MaxConcurrency = true, 10 })
	most := map[bool]int{}
	for _, stream := range []bool{false, true} {
		s := scenario(10*time.Minute, web)
		s.Nodes[0].MemoryMiB = 8 << 10
		s.Loads = []Load{{Component: "p_web", Pattern: &Pattern{Shape: Constant, Rate: 1, Stream: stream, Service: fixed(100 * time.Second)}}}
		most[stream] = run(t, s).Components[0].MostReady
	}
	if most[true] != 1 || most[false] < 8 {
		t.Errorf("%d instances for a hundred streams, %d for as many requests", most[true], most[false])
	}
}

// The streams of an instance that leaves are told to end, which fails none;
// those of a node that dies break off.
func TestStreamsOfWhatLeaves(t *testing.T) {
	web := component("web", func(c *project.Component) { c.MaxConcurrency, c.DrainSeconds = 10, 5 })
	s := scenario(5*time.Minute, web)
	s.Nodes = append(s.Nodes, Node{Name: "b", MemoryMiB: 1024, Joins: 30 * time.Second})
	s.Loads = []Load{{Component: "p_web", Requests: []Request{{At: 0, Service: time.Hour, Stream: true}, {At: 0, Service: time.Hour, Stream: true}}}}
	drained := run(t, happens(s, Event{At: time.Minute, Node: "a", Kind: NodeDrains}))
	if drained.Totals.Answered != 2 || drained.Totals.Failed > 0 {
		t.Errorf("drained: %s", numbers(drained.Totals))
	}
	died := run(t, happens(s, Event{At: time.Minute, Node: "a", Kind: NodeDies}))
	if died.Totals.Failed != 2 {
		t.Errorf("died: %s", numbers(died.Totals))
	}
}

// What nobody uses makes room for what somebody waits for, and what is busy
// does not.
func TestIdleInstancesYield(t *testing.T) {
	s := with(scenario(2*time.Minute, component("idle", nil), component("busy", nil), component("late", nil)),
		at("idle", 0), at("late", 20*time.Second),
		Load{Component: "p_busy", Requests: []Request{{At: 0, Service: time.Minute}}})
	s.Nodes[0].MemoryMiB = 256
	r := run(t, s)
	if r.Totals.Answered != 3 || r.Totals.Displaced != 1 || r.Totals.Starts != 3 {
		t.Errorf("%s, %d displaced", numbers(r.Totals), r.Totals.Displaced)
	}
	for _, m := range r.Moves {
		if m.What == "yields" && (m.Component != "p_idle" || m.For != "p_late" || m.At < 20 || m.At > 21) {
			t.Errorf("%+v", m)
		}
	}
}

// What fits nowhere is told as memory that is missing.
func TestMissingMemory(t *testing.T) {
	s := with(scenario(time.Minute, component("a", nil), component("b", nil)),
		Load{Component: "p_a", Requests: []Request{{At: 0, Service: time.Minute}}}, at("b", 20*time.Second))
	s.Nodes[0].MemoryMiB = 128
	if r := run(t, s); r.MissingMiB != 128 || r.Totals.Refused != 1 {
		t.Errorf("%d MiB are missing, %s", r.MissingMiB, numbers(r.Totals))
	}
}
