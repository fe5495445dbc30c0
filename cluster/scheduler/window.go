package scheduler

import (
	"math"
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

// read takes in what the meters of nodes have counted of a component since they
// were read before.
func (w *Window) read(meters map[string]cluster.Meter, component string, now time.Time) {
	next := make([]Reading, 0, len(w.Before)+1)
	for node, m := range meters {
		before, known := w.before(node)
		work, told := m.Work[component]
		if !told {
			if known {
				before.Clock = max(before.Clock, m.Clock)
				next = append(next, before)
			}
			continue
		}
		next = append(next, Reading{Node: node, Epoch: m.Epoch, Clock: m.Clock, Work: work})
		switch {
		case !known:
		case before.Epoch != m.Epoch || work < before.Work:
			w.Add(m.At.Add(-m.Clock), m.At, work)
		default:
			w.Add(m.At.Add(before.Clock-m.Clock), m.At, work-before.Work)
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
