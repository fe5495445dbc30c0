package scheduler

import (
	"math"
	"slices"
	"time"

	"maelstrom/cluster"
)

// windowSize is how many seconds a Window has room for: the stable window, the
// second that has just begun, and what is told late.
const windowSize = 64

// Window is the work that a component was given lately, second by second:
// requests in flight or queued, integrated over time.
type Window struct {
	Base   time.Time // its seconds are counted from here; zero: nothing is known
	Last   int       // the newest second that Work is of
	Work   [windowSize]float64
	Before []Reading // of each node's meter
}

// Reading is what the meter of a node has told of a component.
type Reading struct {
	Node  string
	Epoch int64
	Clock time.Duration
	Work  float64
}

// Begin starts a window without any work.
func (w *Window) Begin(now time.Time) { *w = Window{Base: now, Before: w.Before} }

// Add spreads work evenly over the time in which it was done.
func (w *Window) Add(from, to time.Time, work float64) {
	a, b := from.Sub(w.Base).Seconds(), to.Sub(w.Base).Seconds()
	last := int(b)
	if work <= 0 || b <= a || b < 0 || last <= w.Last-windowSize {
		return
	}
	w.advance(last)
	each := work / (b - a)
	for s := max(0, int(math.Floor(a)), w.Last-windowSize+1); s <= last; s++ {
		if part := min(b, float64(s+1)) - max(a, float64(s)); part > 0 {
			w.Work[s%windowSize] += each * part
		}
	}
}

// advance makes room up to a second.
func (w *Window) advance(second int) {
	for s := max(w.Last+1, second-windowSize+1); s <= second; s++ {
		w.Work[s%windowSize] = 0
	}
	w.Last = max(w.Last, second)
}

// Average is the mean of the whole seconds within a time before now, and how
// many those are. The second that has begun is not counted: it may be told in
// part.
func (w *Window) Average(now time.Time, within time.Duration) (mean float64, seconds int) {
	if w.Base.IsZero() {
		return 0, 0
	}
	end := int(math.Floor(now.Sub(w.Base).Seconds()))
	first := max(0, end-int(within/time.Second))
	for s := max(first, w.Last-windowSize+1); s < end && s <= w.Last; s++ {
		mean += w.Work[s%windowSize]
	}
	if seconds = end - first; seconds <= 0 {
		return 0, 0
	}
	return math.Round(mean/float64(seconds)*1e6) / 1e6, seconds // what is exact stays so
}

// take takes in what the meters of nodes have counted of a component since they
// were read before, by what is told of it now.
func (w *Window) take(meters map[string]cluster.Meter, told []Reading, now time.Time) {
	next := make([]Reading, 0, len(w.Before)+1)
	for _, r := range told {
		next = append(next, r)
		before, known := w.before(r.Node)
		at := meters[r.Node].At
		switch {
		case !known:
		case before.Epoch != r.Epoch || r.Work < before.Work:
			w.Add(at.Add(-r.Clock), at, r.Work)
		default:
			w.Add(at.Add(before.Clock-r.Clock), at, r.Work-before.Work)
		}
	}
	for _, before := range w.Before {
		m, is := meters[before.Node]
		if is && !slices.ContainsFunc(told, func(r Reading) bool { return r.Node == before.Node }) {
			before.Clock = max(before.Clock, m.Clock)
			next = append(next, before)
		}
	}
	w.Before = next
	if !w.Base.IsZero() {
		w.advance(max(0, int(now.Sub(w.Base).Seconds())))
	}
}

func (w *Window) before(node string) (Reading, bool) {
	for _, r := range w.Before {
		if r.Node == node {
			return r, true
		}
	}
	return Reading{}, false
}

// told is what the meters of nodes tell of a component.
func (p *planner) told(component string) []Reading {
	if p.readings == nil {
		p.readings = p.readMeters()
	}
	if list, read := p.readings[component]; read {
		return list
	}
	var list []Reading
	for node, m := range p.in.Load.Meters {
		if work, told := m.Work[component]; told {
			list = append(list, Reading{Node: node, Epoch: m.Epoch, Clock: m.Clock, Work: work})
		}
	}
	return list
}

// readMeters reads what all meters tell of what this plan looks at, where that is
// less to do than to ask each of them for each component.
func (p *planner) readMeters() map[string][]Reading {
	all := 0
	for _, m := range p.in.Load.Meters {
		all += len(m.Work)
	}
	if all > len(p.looked)*len(p.in.Load.Meters) {
		return map[string][]Reading{}
	}
	readings := make(map[string][]Reading, len(p.looked))
	for _, c := range p.looked {
		readings[c.name] = nil
	}
	for node, m := range p.in.Load.Meters {
		for component, work := range m.Work {
			if list, looked := readings[component]; looked {
				readings[component] = append(list, Reading{Node: node, Epoch: m.Epoch, Clock: m.Clock, Work: work})
			}
		}
	}
	return readings
}
