package scheduler

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

// crowd are clients of a component who ask again, of any gateway, as soon as
// they are answered. Gateways tell their loads in turn, and late, so that who
// asks again may be counted twice.
type crowd struct {
	*scaled
	random  *rand.Rand
	clients []client
	gates   map[string]*gate
	asked   int
}

// client has one request at a time.
type client struct {
	place int // of the request, as they came
	since time.Time
	ends  time.Time // zero: it waits
	node  string
}

// gate is what a gateway tells.
type gate struct {
	node string
	next time.Time // when it tells
	work float64
	sent []told
	told told // and has arrived
}

type told struct {
	at    time.Time
	load  cluster.ComponentLoad
	meter cluster.Meter
}

func newCrowd(t tester, spec project.Component, clients int, seed uint64) *crowd {
	nodes := []string{"n1", "n2", "n3"}
	c := &crowd{scaled: newScaled(t, spec, nodes...), random: rand.New(rand.NewPCG(seed, 1)), gates: map[string]*gate{}}
	c.took = 2 * time.Second
	for _, node := range nodes {
		c.gates[node] = &gate{node: node, next: c.now.Add(c.upTo(100 * time.Millisecond))}
	}
	for range clients {
		c.clients = append(c.clients, client{ends: c.now.Add(c.upTo(3 * time.Second))})
	}
	return c
}

func (c *crowd) upTo(d time.Duration) time.Duration { return time.Duration(c.random.Int64N(int64(d))) }

// ask lets time pass.
func (c *crowd) ask(d time.Duration) {
	const step = 10 * time.Millisecond
	for end := c.now.Add(d); c.now.Before(end); c.now = c.now.Add(step) {
		c.progress()
		c.answer()
		urgent := false
		for _, node := range slices.Sorted(maps.Keys(c.gates)) {
			urgent = c.gates[node].tell(c, step) || urgent
		}
		c.sum()
		if urgent || c.moved || !c.next.IsZero() && !c.next.After(c.now) {
			c.decide(c.t)
			c.moved = false
		}
		c.most = max(c.most, c.running("web"))
	}
}

// answer ends what is done, and gives slots to those who have waited longest.
func (c *crowd) answer() {
	busy := 0
	var waiting []*client
	for i := range c.clients {
		who := &c.clients[i]
		if !who.ends.IsZero() && !who.ends.After(c.now) {
			c.asked++
			*who = client{place: c.asked, since: c.now, node: fmt.Sprint("n", 1+c.random.IntN(len(c.gates)))}
			c.answered++
		}
		if who.ends.IsZero() {
			waiting = append(waiting, who)
		} else if who.place > 0 {
			busy++
		}
	}
	slices.SortFunc(waiting, func(a, b *client) int { return cmp.Compare(a.place, b.place) })
	for _, who := range waiting[:max(0, min(c.slots*c.ready()-busy, len(waiting)))] {
		who.ends = c.now.Add(c.took + c.upTo(20*time.Millisecond))
	}
}

// tell has a gateway tell its load, ten times a second and up to 20 ms late. It
// returns whether what has just arrived asks for a plan.
func (g *gate) tell(c *crowd, step time.Duration) (urgent bool) {
	l := g.load(c)
	g.work += float64(l.InFlight+l.Queued) * step.Seconds()
	if !c.now.Before(g.next) {
		g.next = c.now.Add(100 * time.Millisecond)
		meter := cluster.Meter{Epoch: 1, Clock: c.now.Sub(c.up), Work: map[string]float64{"web": g.work}}
		g.sent = append(g.sent, told{c.now.Add(c.upTo(20 * time.Millisecond)), l, meter})
	}
	for len(g.sent) > 0 && !g.sent[0].at.After(c.now) {
		before := g.told.load
		g.told, g.sent = g.sent[0], g.sent[1:]
		g.told.meter.At = c.now
		l := g.told.load
		urgent = urgent || l.Queued > before.Queued || (l.InFlight+l.Queued > 0) != (before.InFlight+before.Queued > 0)
	}
	return urgent
}

func (g *gate) load(c *crowd) cluster.ComponentLoad {
	l := cluster.ComponentLoad{LastRequest: c.now, Total: int64(c.answered) / int64(len(c.gates))}
	if c.answered > 0 {
		l.ServiceTime = c.took
	}
	for _, who := range c.clients {
		switch {
		case who.node != g.node:
		case who.ends.IsZero():
			l.Queued++
			l.OldestWait = max(l.OldestWait, c.now.Sub(who.since))
		default:
			l.InFlight++
		}
	}
	return l
}

// sum is what the holder knows.
func (c *crowd) sum() {
	var sum cluster.ComponentLoad
	for node, g := range c.gates {
		l := g.told.load
		sum.InFlight, sum.Queued, sum.Total = sum.InFlight+l.InFlight, sum.Queued+l.Queued, sum.Total+l.Total
		sum.OldestWait, sum.ServiceTime = max(sum.OldestWait, l.OldestWait), max(sum.ServiceTime, l.ServiceTime)
		if sum.LastRequest.Before(l.LastRequest) {
			sum.LastRequest = l.LastRequest
		}
		if !g.told.at.IsZero() {
			c.load.Meters[node] = g.told.meter
		}
	}
	c.load.Components["web"] = sum
	if sum.Queued > 0 && c.running("web") == 0 {
		c.wake("web")
	}
}

// Nine clients have three instances, although loads that are told in turn add
// up to ten or twelve requests at times, and on average to a little more than nine.
func TestLoadsToldInTurnStartNoMore(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		c := newCrowd(t, project.Component{MaxConcurrency: 4}, 9, seed)
		c.ask(2 * time.Minute)
		if n := c.running("web"); n != 3 || c.most != 3 {
			t.Errorf("seed %d: %d instances, at most %d, want 3: %+v", seed, n, c.most, c.memory.Scale("web").Auto.Why)
		}
	}
}
