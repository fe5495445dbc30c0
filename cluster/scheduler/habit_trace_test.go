package scheduler

import (
	"container/heap"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"maelstrom/cluster"
)

// traceApp is an application with the shape that Shahrad et al. have published
// of those of Azure Functions (Serverless in the Wild, USENIX ATC 2020): 45 of
// 100 are asked once an hour at most, 81 once a minute at most; the times between
// requests of 20 vary not at all, those of 40 more than exponentially; one in two
// has up to 170 MiB, nine in ten up to 400. Between what is published values are
// drawn log-uniformly; who is asked more than once a minute is of those that vary
// most.
type traceApp struct {
	every  time.Duration // mean time between requests
	spread float64       // its coefficient of variation
	memory float64       // MiB
	rng    *rand.Rand
}

func newTraceApp(rng *rand.Rand) traceApp {
	a := traceApp{rng: rng, memory: 170 * math.Exp(rng.NormFloat64()*math.Log(400.0/170)/1.2816)}
	perDay := 0.0
	switch p := rng.Float64(); {
	case p < 0.45: // up to one an hour
		perDay = between(rng, 0.3, 24)
	case p < 0.81: // up to one a minute
		perDay = between(rng, 24, 24*60)
	default:
		perDay = 10 * 24 * 60
	}
	a.every = time.Duration(float64(24*time.Hour) / perDay)
	if a.always() {
		return a
	}
	switch p := rng.Float64() * 0.81; {
	case p < 0.20: // timers, and others that call as regularly
		a.every = timer(a.every)
	case p < 0.53: // several timers, up to requests at random
		a.spread = between(rng, 0.02, 1)
	default: // in bursts
		a.spread = between(rng, 1, 10)
	}
	return a
}

// always tells whether it is asked more than once a minute: no policy ever stops
// it.
func (a *traceApp) always() bool { return a.every < time.Minute }

func between(rng *rand.Rand, from, to float64) float64 {
	return from * math.Pow(to/from, rng.Float64())
}

// timer is the schedule that comes closest.
func timer(every time.Duration) time.Duration {
	best := time.Minute
	for _, m := range []int{1, 2, 5, 10, 15, 20, 30, 60, 120, 180, 240, 360, 720, 1440} {
		if t := time.Duration(m) * time.Minute; math.Abs(math.Log(float64(t)/float64(every))) < math.Abs(math.Log(float64(best)/float64(every))) {
			best = t
		}
	}
	return best
}

// idle draws an idle time: gamma distributed up to a variation of one, of a
// heavier tail beyond.
func (a *traceApp) idle() time.Duration {
	x := 1.0
	switch {
	case a.spread == 0:
		x += 0.002 * a.rng.NormFloat64()
	case a.spread <= 1:
		x = gamma(a.rng, 1/(a.spread*a.spread)) * a.spread * a.spread
	default:
		s := math.Sqrt(math.Log(1 + a.spread*a.spread))
		x = math.Exp(s*a.rng.NormFloat64() - s*s/2)
	}
	return max(time.Second, time.Duration(x*float64(a.every)))
}

// gamma draws by Marsaglia and Tsang; the shape is one at least.
func gamma(rng *rand.Rand, shape float64) float64 {
	d := shape - 1.0/3
	c := 1 / math.Sqrt(9*d)
	for {
		x := rng.NormFloat64()
		v := math.Pow(1+c*x, 3)
		if v > 0 && math.Log(1-rng.Float64()) < x*x/2+d-d*v+d*math.Log(v) {
			return d * v
		}
	}
}

// traceStart is how long a start takes.
const traceStart = 10 * time.Second

// traceKind is what happens to an application.
type traceKind int

const (
	traceRequest traceKind = iota
	traceStop
	traceAhead
)

// traceEvent is something that is due.
type traceEvent struct {
	at   time.Duration
	app  *traceState
	turn int // of the app; another: it is void
	kind traceKind
}

type traceQueue []traceEvent

func (q traceQueue) Len() int           { return len(q) }
func (q traceQueue) Less(i, j int) bool { return q[i].at < q[j].at }
func (q traceQueue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *traceQueue) Push(x any)        { *q = append(*q, x.(traceEvent)) }
func (q *traceQueue) Pop() any {
	last := len(*q) - 1
	e := (*q)[last]
	*q = (*q)[:last]
	return e
}

// traceState is an application in a replay.
type traceState struct {
	traceApp
	habit *cluster.Habit
	turn  int
	up    bool
	since time.Duration // when it came up
	last  time.Duration // its latest request
}

// traceWorld replays applications under one policy, within an amount of memory:
// where there is too little, who was idle for the longest time makes way for a
// request, and nothing is started ahead.
type traceWorld struct {
	queue traceQueue
	apps  []*traceState
	keep  func(*cluster.Habit) Keep
	limit float64 // MiB; zero: none

	now, counted       time.Duration
	peak, used, memory float64 // MiB, and MiB hours
	requests, cold     int
	displaced          int
}

// trace is of applications for some days.
type trace struct {
	seed       uint64
	apps, days int
}

// replay runs the applications within a limit of memory.
func (t trace) replay(limit float64, keep func(*cluster.Habit) Keep) *traceWorld {
	w := &traceWorld{keep: keep, limit: limit}
	rng := rand.New(rand.NewPCG(t.seed, 1))
	for i := range t.apps {
		a := &traceState{traceApp: newTraceApp(rng), habit: &cluster.Habit{}}
		a.rng = rand.New(rand.NewPCG(t.seed, uint64(i)+2)) // every policy sees the same
		w.apps = append(w.apps, a)
		if a.always() {
			a.up = true
			w.used += a.memory
			continue
		}
		a.last = -1
		w.queue = append(w.queue, traceEvent{at: a.idle(), app: a})
	}
	heap.Init(&w.queue)
	for end := time.Duration(t.days) * 24 * time.Hour; ; {
		e := heap.Pop(&w.queue).(traceEvent)
		if e.at > end {
			w.count(end)
			return w
		}
		if w.count(e.at); e.turn == e.app.turn || e.kind == traceRequest {
			w.happen(e)
		}
	}
}

func (w *traceWorld) count(now time.Duration) {
	w.memory += w.used * (now - w.counted).Hours()
	w.now, w.counted = now, now
}

func (w *traceWorld) happen(e traceEvent) {
	switch a := e.app; e.kind {
	case traceStop:
		w.down(a)
	case traceAhead:
		if !a.up && (w.limit == 0 || w.used+a.memory <= w.limit) {
			w.start(a)
		}
	case traceRequest:
		w.requests++
		if !a.up || w.now < a.since+traceStart && a.last < a.since {
			w.cold++
		}
		if !a.up {
			w.start(a)
			w.makeRoom(a)
		}
		if a.last >= 0 {
			a.habit = habitWith(a.habit, w.now-a.last, time.Unix(0, 0).Add(w.now))
		}
		a.last = w.now
		a.turn++
		w.plan(a)
		heap.Push(&w.queue, traceEvent{at: w.now + a.idle(), app: a})
	}
}

// plan lets a policy say what happens until the next request.
func (w *traceWorld) plan(a *traceState) {
	k := w.keep(a.habit)
	if k.Ahead > 0 {
		heap.Push(&w.queue, traceEvent{at: w.now + restTime, app: a, turn: a.turn, kind: traceStop})
		heap.Push(&w.queue, traceEvent{at: w.now + k.Ahead, app: a, turn: a.turn, kind: traceAhead})
	}
	heap.Push(&w.queue, traceEvent{at: w.now + k.Until, app: a, turn: a.turn, kind: traceStop})
}

func (w *traceWorld) start(a *traceState) {
	a.up, a.since = true, w.now
	w.used += a.memory
	w.peak = max(w.peak, w.used)
}

func (w *traceWorld) down(a *traceState) {
	if a.up {
		a.up = false
		w.used -= a.memory
	}
}

// makeRoom displaces others.
func (w *traceWorld) makeRoom(wanted *traceState) {
	for w.limit > 0 && w.used > w.limit {
		var victim *traceState
		for _, a := range w.apps {
			if a.up && a != wanted && !a.always() && (victim == nil || a.last < victim.last) {
				victim = a
			}
		}
		if victim == nil {
			return
		}
		w.down(victim)
		w.displaced++
	}
}

// traceComparison is what the learned policy comes to, against a fixed time of
// ten minutes.
type traceComparison struct {
	trace
	fixed, free, within *traceWorld
}

func fixedTen(*cluster.Habit) Keep { return Keep{By: KeepFixed, Until: 10 * time.Minute} }

func learnedTen(h *cluster.Habit) Keep { return keepBy(factsOf(h), 10*time.Minute, traceStart) }

// compareTrace runs both policies over the same requests, the learned one once
// with as much memory as it likes, and once with so little that on the average it
// takes no more than the fixed one.
func compareTrace(t trace, steps int) traceComparison {
	c := traceComparison{trace: t, fixed: t.replay(0, fixedTen)}
	c.free = t.replay(0, learnedTen)
	if c.free.memory <= c.fixed.memory {
		c.within = c.free
		return c
	}
	low, high := c.fixed.memory/24/float64(t.days), c.free.peak
	c.within = t.replay(low, learnedTen) // never more than what the fixed one takes on the average
	for range steps {
		limit := (low + high) / 2
		if w := t.replay(limit, learnedTen); w.memory <= c.fixed.memory {
			low, c.within = limit, w
		} else {
			high = limit
		}
	}
	return c
}

func (c *traceComparison) cold(w *traceWorld) float64 {
	return float64(w.cold) / float64(c.fixed.cold)
}

func (c *traceComparison) memory(w *traceWorld) float64 { return w.memory / c.fixed.memory }

func (c *traceComparison) String() string {
	return fmt.Sprintf("%d applications, %d days, %d requests: %d meet no instance with ten minutes; learned %.2f of that at %.2f of the memory, %.2f at %.3f (%d displaced)",
		c.apps, c.days, c.fixed.requests, c.fixed.cold, c.cold(c.free), c.memory(c.free), c.cold(c.within), c.memory(c.within), c.within.displaced)
}

// At equal memory the learned policy has at most half the cold starts of a fixed
// ten minutes.
func TestLearnedHasHalfTheColdStartsAtEqualMemory(t *testing.T) {
	t.Parallel()
	c := compareTrace(trace{seed: 1, apps: 60, days: 4}, 3)
	t.Log(c.String())
	if c.fixed.cold < 1000 || c.memory(c.within) > 1 || c.cold(c.within) > 0.5 {
		t.Error(c.String())
	}
}

// BenchmarkTrace is the same on more applications, over a week.
func BenchmarkTrace(b *testing.B) {
	for seed := range uint64(3) {
		b.Run(fmt.Sprintf("seed=%d", seed), func(b *testing.B) {
			var c traceComparison
			for b.Loop() {
				c = compareTrace(trace{seed: seed, apps: 150, days: 7}, 4)
			}
			b.Log(c.String())
			if c.cold(c.within) > 0.5 || c.memory(c.within) > 1 {
				b.Error("more than half the cold starts of a fixed ten minutes at equal memory")
			}
			b.ReportMetric(c.cold(c.within), "cold/fixed")
			b.ReportMetric(c.memory(c.within), "memory/fixed")
			b.ReportMetric(c.cold(c.free), "unlimited-cold/fixed")
			b.ReportMetric(c.memory(c.free), "unlimited-memory/fixed")
		})
	}
}
