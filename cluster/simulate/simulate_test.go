package simulate

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

var begin = time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)

// component is a component of project p with these limits.
func component(name string, change func(*project.Component)) project.Component {
	c := project.Component{Name: "p_" + name, Project: "p", Image: name, ReserveMemory: 128, IdleTimeoutSeconds: 60}
	if change != nil {
		change(&c)
	}
	return c
}

func fixed(d time.Duration) Spread { return Spread{Median: d} }

// scenario is one node of 1 GiB with these components, of which each start
// takes a second and each request a tenth.
func scenario(length time.Duration, components ...project.Component) Scenario {
	return Scenario{
		Projects: []*project.Project{{Name: "p", Components: components}},
		Nodes:    []Node{{Name: "a", MemoryMiB: 1024}},
		Defaults: Behavior{Start: fixed(time.Second), Service: fixed(100 * time.Millisecond)},
		Start:    begin, Length: length, Seed: 1,
	}
}

// at asks a component at these times.
func at(name string, times ...time.Duration) Load {
	l := Load{Component: "p_" + name}
	for _, t := range times {
		l.Requests = append(l.Requests, Request{At: t})
	}
	return l
}

func run(t testing.TB, s Scenario) *Result {
	t.Helper()
	w, err := newWorld(s)
	if err != nil {
		t.Fatal(err)
	}
	w.check = func() { checkWorld(t, w) }
	r, err := w.run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	checkWorld(t, w)
	checkResult(t, r)
	return r
}

// checkWorld checks what must hold at any time: no request is lost, no limit
// exceeded.
func checkWorld(t testing.TB, w *world) {
	t.Helper()
	reserved := map[string]int64{}
	for _, pl := range w.snapshot.Placements.All() {
		reserved[pl.Node] += pl.MemoryMiB
	}
	for _, n := range w.listed {
		if reserved[n.row.ID] != n.reserved || n.reserved > n.row.MemoryTotalMiB {
			t.Fatalf("at %s node %s has %d MiB, counted %d of %d", w.now, n.row.ID, reserved[n.row.ID], n.reserved, n.row.MemoryTotalMiB)
		}
	}
	for _, q := range w.all {
		r := q.result
		if got := r.Answered + r.Refused + r.Failed + int64(q.waiting.len()+q.inFlight); got != r.Requests {
			t.Fatalf("at %s %s: %d requests came, %d are accounted for", w.now, q.name, r.Requests, got)
		}
		if n := q.row.Effective.MaxInstances; n > 0 && q.rows > max(n, q.row.Effective.MinInstances) {
			t.Fatalf("at %s %s has %d placements, at most %d may be", w.now, q.name, q.rows, n)
		}
		inFlight, streams, free := 0, 0, 0
		for _, i := range q.ready {
			free += max(0, q.limit-i.inFlight)
			if q.limit > 0 && i.inFlight > q.limit {
				t.Fatalf("at %s an instance of %s has %d requests", w.now, q.name, i.inFlight)
			}
			if q.limit > 0 && i.inFlight < q.limit && q.waiting.len() > 0 {
				t.Fatalf("at %s a request of %s waits beside a free slot", w.now, q.name)
			}
		}
		for _, n := range w.listed {
			for _, i := range n.instances {
				if i.q == q {
					inFlight += i.inFlight
					streams += i.streams
				}
			}
		}
		if inFlight != q.inFlight || streams != q.streams || free != q.free {
			t.Fatalf("at %s %s: %d in flight, counted %d; %d streams, counted %d; %d free, counted %d", w.now, q.name, inFlight, q.inFlight, streams, q.streams, free, q.free)
		}
	}
}

func checkResult(t testing.TB, r *Result) {
	t.Helper()
	sum := r.Totals.Answered + r.Totals.Refused + r.Totals.Failed + r.Totals.Waiting + r.Totals.InFlight
	if sum != r.Totals.Requests {
		t.Fatalf("%d requests, %d are accounted for", r.Totals.Requests, sum)
	}
	reasons, granted := int64(0), int64(0)
	for _, n := range r.Totals.Reasons {
		reasons += n
	}
	for _, b := range r.Totals.Buckets {
		granted += b.Count
	}
	if reasons != r.Totals.Refused+r.Totals.Failed || granted != r.Totals.Queue.Count {
		t.Fatalf("%d reasons of %d refused and %d failed; %d in buckets of %d", reasons, r.Totals.Refused, r.Totals.Failed, granted, r.Totals.Queue.Count)
	}
}

// What a small case comes to can be computed by hand.
func TestSmallCases(t *testing.T) {
	tests := []struct {
		name   string
		s      Scenario
		totals Totals // only the numbers of requests and starts
		queue  []time.Duration
	}{
		{
			name:   "one request waits for one start",
			s:      with(scenario(time.Minute, component("web", nil)), at("web", 5*time.Second)),
			totals: Totals{Requests: 1, Answered: 1, Cold: 1, ColdStarts: 1, Starts: 1},
			queue:  []time.Duration{time.Second},
		},
		{
			name:   "the second finds it awake",
			s:      with(scenario(time.Minute, component("web", nil)), at("web", 5*time.Second, 30*time.Second)),
			totals: Totals{Requests: 2, Answered: 2, Cold: 1, ColdStarts: 1, Starts: 1},
			queue:  []time.Duration{time.Second, 0},
		},
		{
			name:   "asleep again after the idle time",
			s:      with(scenario(5*time.Minute, component("web", nil)), at("web", 5*time.Second, 3*time.Minute)),
			totals: Totals{Requests: 2, Answered: 2, Cold: 2, ColdStarts: 2, Starts: 2},
			queue:  []time.Duration{time.Second, time.Second},
		},
		{
			name:   "slots are handed out in order",
			s:      with(scenario(time.Minute, component("web", func(c *project.Component) { c.MaxInstances = 1 })), at("web", 5*time.Second, 5*time.Second, 5*time.Second)),
			totals: Totals{Requests: 3, Answered: 3, Cold: 3, ColdStarts: 1, Starts: 1},
			queue:  []time.Duration{time.Second, 1100 * time.Millisecond, 1200 * time.Millisecond},
		},
		{
			name:   "a minimum is there before anybody asks",
			s:      with(scenario(time.Minute, component("web", func(c *project.Component) { c.MinInstances = 2 })), at("web", 5*time.Second)),
			totals: Totals{Requests: 1, Answered: 1, Starts: 2},
			queue:  []time.Duration{0},
		},
		{
			name:   "no node is large enough",
			s:      with(scenario(time.Minute, component("web", func(c *project.Component) { c.ReserveMemory = 2048 })), at("web", 5*time.Second)),
			totals: Totals{Requests: 1, Refused: 1, Reasons: map[cluster.Reason]int64{cluster.ReasonNoCapacity: 1}},
		},
		{
			name: "whoever waits for too long is refused",
			s: with(scenario(time.Minute, component("web", func(c *project.Component) {
				c.MaxInstances, c.MaxDurationSeconds = 1, 2
			})), Load{Component: "p_web", Requests: []Request{{At: 5 * time.Second, Service: 900 * time.Millisecond}, {At: 5 * time.Second, Service: time.Second}, {At: 5 * time.Second}}}),
			totals: Totals{Requests: 3, Answered: 1, Refused: 1, Failed: 1, Cold: 2, ColdStarts: 1, Starts: 1, Reasons: map[cluster.Reason]int64{cluster.ReasonQueueTimeout: 2}},
			queue:  []time.Duration{time.Second, 1900 * time.Millisecond},
		},
		{
			name: "a full queue refuses",
			s: limited(with(scenario(time.Minute, component("web", func(c *project.Component) { c.MaxInstances = 1 })),
				at("web", 5*time.Second, 5*time.Second, 5*time.Second)), 2),
			totals: Totals{Requests: 3, Answered: 2, Refused: 1, Cold: 2, ColdStarts: 1, Starts: 1, Reasons: map[cluster.Reason]int64{cluster.ReasonQueueFull: 1}},
			queue:  []time.Duration{time.Second, 1100 * time.Millisecond},
		},
		{
			name: "what is in flight breaks off with its node",
			s: happens(with(scenario(time.Minute, component("web", nil)),
				Load{Component: "p_web", Requests: []Request{{At: 5 * time.Second, Service: 10 * time.Second}}}), Event{At: 8 * time.Second, Node: "a", Kind: NodeDies}),
			totals: Totals{Requests: 1, Failed: 1, Cold: 1, ColdStarts: 1, Starts: 1, Reasons: map[cluster.Reason]int64{cluster.ReasonNodeLost: 1}},
			queue:  []time.Duration{time.Second},
		},
		{
			name:   "one that still waits at the end is counted",
			s:      with(scenario(time.Minute, component("web", nil)), at("web", 59500*time.Millisecond)),
			totals: Totals{Requests: 1, Waiting: 1, Starts: 1},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var queue []time.Duration
			test.s.Request = func(o Outcome) {
				if o.Placement != "" {
					queue = append(queue, o.Wait)
				}
			}
			got := run(t, test.s).Totals
			if numbers(got) != numbers(test.totals) {
				t.Errorf("\n got %s\nwant %s", numbers(got), numbers(test.totals))
			}
			if fmt.Sprint(queue) != fmt.Sprint(test.queue) {
				t.Errorf("waited %v, want %v", queue, test.queue)
			}
		})
	}
}

func with(s Scenario, loads ...Load) Scenario {
	s.Loads = append(s.Loads, loads...)
	return s
}

func limited(s Scenario, queue int) Scenario {
	s.QueueLimit = queue
	return s
}

func happens(s Scenario, events ...Event) Scenario {
	s.Events = append(s.Events, events...)
	return s
}

func numbers(t Totals) string {
	if t.Reasons == nil {
		t.Reasons = map[cluster.Reason]int64{}
	}
	return fmt.Sprint(t.Requests, " requests, ", t.Answered, " answered, ", t.Refused, " refused, ", t.Failed, " failed, ", t.Waiting, " waiting, ",
		t.InFlight, " in flight, ", t.Cold, " cold, ", t.ColdStarts, " cold starts, ", t.Starts, " starts ", t.Reasons)
}

// Memory is counted for as long as a placement has its row.
func TestMemoryByHand(t *testing.T) {
	s := with(scenario(time.Hour, component("web", nil)), at("web", 0))
	r := run(t, s)
	// A second to start, a tenth to answer, a minute of idleness from then on,
	// and a tenth to be gone.
	const seconds = 1 + 0.1 + 60 + 0.01 + 0.1
	want := 128.0 / 1024 * seconds / 3600
	if r.MemoryGiBHours < want*0.999 || r.MemoryGiBHours > want*1.02 || r.PeakMemoryMiB != 128 {
		t.Errorf("%f GiB-hours, peak %d; want %f and 128", r.MemoryGiBHours, r.PeakMemoryMiB, want)
	}
}

// A node that dies is replaced by another; one that drains loses no request.
func TestNodesComeAndGo(t *testing.T) {
	web := component("web", func(c *project.Component) { c.MinInstances, c.MaxConcurrency = 2, 10 })
	s := with(scenario(10*time.Minute, web), Load{Component: "p_web", Pattern: &Pattern{Shape: Constant, Rate: 20}})
	s.Nodes = []Node{{Name: "a", MemoryMiB: 1024}, {Name: "b", MemoryMiB: 1024}, {Name: "c", MemoryMiB: 1024, Joins: time.Minute}}
	drained := run(t, happens(s, Event{At: 2 * time.Minute, Node: "a", Kind: NodeDrains}, Event{At: 4 * time.Minute, Node: "a", Kind: NodeUndrains}))
	if drained.Totals.Failed+drained.Totals.Refused > 0 {
		t.Errorf("a drain lost requests: %s", numbers(drained.Totals))
	}
	died := run(t, happens(s, Event{At: 2 * time.Minute, Node: "a", Kind: NodeDies}, Event{At: 4 * time.Minute, Node: "a", Kind: NodeJoins}))
	if f := died.Totals.Failed; f == 0 || f > 10 || died.Totals.Refused > 0 {
		t.Errorf("a death should cost what is in flight: %s", numbers(died.Totals))
	}
	last := died.Ticks[len(died.Ticks)-1]
	if c := last.of("p_web"); c.Ready != 2 || len(last.Nodes) != 3 {
		t.Errorf("at the end: %+v on %d nodes", c, len(last.Nodes))
	}
}

// The same seed gives the same document, another one another.
func TestSameSeedSameResult(t *testing.T) {
	s := randomScenario(7)
	first, again := document(t, run(t, s)), document(t, run(t, s))
	if first != again {
		t.Error("two runs of one seed differ")
	}
	s.Seed++
	if document(t, run(t, s)) == first {
		t.Error("another seed changes nothing")
	}
}

func document(t *testing.T, r *Result) string {
	t.Helper()
	data, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// Whatever happens, checkWorld holds after each plan.
func TestRandomScenarios(t *testing.T) {
	for seed := range uint64(15) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { run(t, randomScenario(seed)) })
	}
}

func randomScenario(seed uint64) Scenario {
	w := &world{s: Scenario{Seed: seed}}
	r := w.source("test", "scenario")
	s := scenario(5*time.Minute, component("idle", nil))
	s.Seed = seed
	s.Defaults = Behavior{Start: Spread{Median: 800 * time.Millisecond, P95: 3 * time.Second}, Service: Spread{Median: 80 * time.Millisecond, P95: 600 * time.Millisecond}}
	s.Nodes = nil
	for n := range 1 + r.IntN(4) {
		s.Nodes = append(s.Nodes, Node{Name: fmt.Sprint("n", n), MemoryMiB: 256 << r.IntN(4), Joins: time.Duration(r.IntN(2)*r.IntN(100)) * time.Second})
	}
	for n := range 1 + r.IntN(4) {
		c := component(fmt.Sprint("c", n), func(c *project.Component) {
			c.MaxConcurrency, c.MaxInstances, c.MinInstances = 1+r.IntN(5), r.IntN(6), r.IntN(2)*r.IntN(3)
			c.IdleTimeoutSeconds, c.MaxDurationSeconds, c.DrainSeconds = 5+r.IntN(60), 1+r.IntN(20), 1+r.IntN(10)
			c.SoftConcurrencyLimit, c.ReserveMemory = r.IntN(4) == 0, 64<<r.IntN(3)
			c.Balance = []project.Balance{project.BalanceRoundRobin, project.BalanceLeastLoaded}[r.IntN(2)]
		})
		s.Projects[0].Components = append(s.Projects[0].Components, c)
		s.Loads = append(s.Loads, Load{Component: c.Name, Pattern: &Pattern{
			Shape: Shapes[r.IntN(len(Shapes))], Rate: r.Float64() * 5, To: r.Float64() * 60, At: time.Minute,
			Over: 2 * time.Minute, Period: time.Duration(10+r.IntN(100)) * time.Second, Random: r.IntN(2) == 0, Stream: r.IntN(4) == 0,
		}})
	}
	for range r.IntN(6) {
		s.Events = append(s.Events, Event{At: time.Duration(r.IntN(300)) * time.Second, Node: s.Nodes[r.IntN(len(s.Nodes))].Name, Kind: EventKinds[r.IntN(4)]})
	}
	return s
}

// A run ends when its context does.
func TestRunEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	s := with(scenario(time.Hour, component("web", nil)), Load{Component: "p_web", Pattern: &Pattern{Shape: Constant, Rate: 100}})
	if _, err := Run(ctx, s); err == nil {
		t.Error("it went on")
	}
}

func BenchmarkRun(b *testing.B) {
	web := component("web", func(c *project.Component) { c.MaxConcurrency = 10 })
	s := with(scenario(time.Hour, web), Load{Component: "p_web", Pattern: &Pattern{Shape: Sine, Rate: 10, To: 500, Period: 10 * time.Minute, Random: true}})
	s.Nodes[0].MemoryMiB = 64 << 10
	requests := int64(0)
	for b.Loop() {
		r, err := Run(context.Background(), s)
		if err != nil {
			b.Fatal(err)
		}
		requests += r.Totals.Requests
	}
	b.ReportMetric(float64(requests)/b.Elapsed().Seconds(), "requests/s")
}
