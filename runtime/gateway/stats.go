package gateway

import (
	"net/http"
	"time"

	"maelstrom/cluster"
)

// buckets are the upper bounds of the histograms, in seconds.
var buckets = [...]float64{.005, .025, .1, .25, .5, 1, 2.5, 10, 60, 300}

// histogram counts durations.
type histogram struct {
	counts [len(buckets) + 1]uint64 // not cumulative; the last is the rest
	sum    float64
}

func (h *histogram) add(d time.Duration) {
	s := d.Seconds()
	h.sum += s
	for i, bound := range buckets {
		if s <= bound {
			h.counts[i]++
			return
		}
	}
	h.counts[len(buckets)]++
}

// result is what a request came to, as metrics count it.
type result struct {
	code   int
	reason cluster.Reason
}

// stats is what one component's requests add up to. The dispatcher's lock
// guards it, so that counting shares nothing between components.
type stats struct {
	inFlight int
	total    int64
	last     time.Time     // end of the latest activity
	service  time.Duration // learned mean
	busy     time.Time     // since when somebody is in flight, streams not counted; stays when nobody is
	answered time.Time     // when a slot was last given back
	streams  int           // of inFlight
	leavings uint64        // of instances that were left out
	work     meter

	results  map[result]uint64
	duration histogram
	wait     histogram
}

func newStats() stats { return stats{results: map[result]uint64{}} }

// meter adds up what is in flight or queued, over time.
type meter struct {
	seconds float64
	level   int // since at
	at      time.Time
}

// turn takes in that from now on the level is another. Who read the clock before
// someone else, and comes after, does not turn it back: a meter that falls has
// begun again.
func (m *meter) turn(level int, now time.Time) {
	if now.After(m.at) {
		m.seconds += float64(m.level) * now.Sub(m.at).Seconds()
		m.at = now
	}
	m.level = level
}

// begins counts a request that has got a slot.
func (s *stats) begins(now time.Time) {
	if s.inFlight == s.streams {
		s.busy = now
	}
	s.inFlight++
}

// meter takes in a change of what is in flight or queued.
func (s *stats) meter(d *dispatcher, now time.Time) {
	s.work.turn(s.inFlight-s.streams+d.queue.active(), now)
}

// loaded notes a load that grew.
func (s *stats) loaded(d *dispatcher, now time.Time) {
	s.meter(d, now)
	if s.inFlight+d.queue.active() == 1 {
		d.g.load.lazy()
	}
}

// unloaded notes a load that shrank.
func (s *stats) unloaded(d *dispatcher) {
	s.last = time.Now()
	s.meter(d, s.last)
	if s.inFlight+d.queue.active() == 0 {
		d.g.load.lazy()
	}
}

// finished counts a request that has its answer.
func (d *dispatcher) finished(x *exchange, err error) {
	now := time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	s := &d.stats
	s.total++
	s.results[result{countedCode(x.status), x.reason}]++
	s.duration.add(now.Sub(x.start))
	if x.waited > 0 {
		s.wait.add(x.waited)
	}
	if x.passive == 0 && err == nil && x.reason == cluster.ReasonNone && x.status < 500 && x.status != statusClientGone && !x.endless() {
		s.learn(now.Sub(x.granted))
	}
}

// countedCode keeps the number of time series bounded, whatever a container
// makes up.
func countedCode(code int) int {
	if code == statusClientGone || http.StatusText(code) != "" {
		return code
	}
	return code / 100 * 100
}

// learn takes one service time into the mean.
func (s *stats) learn(took time.Duration) {
	if s.service == 0 {
		s.service = took
		return
	}
	s.service += (took - s.service) / 8
}

// report is the component's part of a load report.
func (d *dispatcher) report(now time.Time) cluster.ComponentLoad {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := &d.stats
	s.meter(d, now)
	l := cluster.ComponentLoad{
		InFlight: s.inFlight, Queued: d.queue.active(),
		ServiceTime: s.service, LastRequest: s.last, Total: s.total,
		Streams: s.streams, Work: s.work.seconds, Answered: s.answered,
	}
	if s.inFlight > s.streams {
		l.BusySince = s.busy
	}
	if d.queue.first != nil {
		l.OldestWait = now.Sub(d.queue.first.since)
	}
	if l.InFlight+l.Queued > 0 {
		l.LastRequest = now
	}
	return l
}

// Load reports what each component is asked to do. Asking changes nothing.
func (g *Gateway) Load() cluster.Load {
	now := time.Now()
	all := g.dispatchers.Load()
	m := cluster.Meter{Epoch: g.begun.UnixNano(), Clock: now.Sub(g.begun) + 1, At: now, Work: map[string]float64{}}
	load := cluster.Load{
		Node: g.opt.Node, Components: make(map[string]cluster.ComponentLoad, all.Len()),
		Meters: map[string]cluster.Meter{g.opt.Node: m}, Instances: map[string]int{},
	}
	for name, d := range all.All() {
		l := d.report(now)
		load.Components[name], m.Work[name] = l, l.Work
		d.fill(load.Instances)
	}
	return load
}

// fill tells what is in flight on each instance of this node, where there is a
// choice between them.
func (d *dispatcher) fill(inFlight map[string]int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.instances) < 2 {
		return
	}
	for id, i := range d.instances {
		if i.link == nil {
			inFlight[id] = i.inFlight
		}
	}
}

// LoadChanged sends when a queue has grown or a component's load came from or
// went to nothing. Sends coalesce.
func (g *Gateway) LoadChanged() <-chan struct{} { return g.load.out }

// InstanceLoads reports on every instance known here, by placement. What is in
// flight on one of another node is in that node's report.
func (g *Gateway) InstanceLoads() map[string]cluster.InstanceLoad {
	now := time.Now()
	loads := map[string]cluster.InstanceLoad{}
	for _, d := range g.dispatchers.Load().All() {
		d.mu.Lock()
		for id, i := range d.instances {
			l := cluster.InstanceLoad{Queued: d.queue.size, LastRequest: i.last}
			if i.link == nil {
				l.InFlight, l.Total = i.inFlight, i.total
			}
			if i.inFlight > i.passive {
				l.LastRequest = now
			}
			loads[id] = l
		}
		d.mu.Unlock()
	}
	return loads
}

// LastSuccess returns when an instance last answered a request with a status
// below 500; zero: never.
func (g *Gateway) LastSuccess(placement string) time.Time {
	p, ok := g.snapshots.Snapshot().Placements.Get(placement)
	if !ok {
		return time.Time{}
	}
	d, ok := g.dispatchers.Load().Get(p.Component)
	if !ok {
		return time.Time{}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if i := d.instances[placement]; i != nil {
		return i.success
	}
	return time.Time{}
}
