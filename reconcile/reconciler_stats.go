package reconcile

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"maelstrom/cluster"
)

// Stats is how a source fares, as this node knows it. The counters are of
// this node.
type Stats struct {
	Source   string
	Held     bool // by this node
	Ready    cluster.ConditionStatus
	Stale    bool // not reached for three intervals
	Projects int
	Failing  int
	SyncedAt time.Time // zero: never
	LookedAt time.Time // when a look last went well, here; zero: never
	Looks    int64
	Fetches  int64
	Fetching time.Duration // in all fetches
	Refused  int64         // writes, because the role was lost
}

// Stats returns the state of every source that is declared, by name.
func (r *Reconciler) Stats() []Stats {
	snap := r.feed.Snapshot()
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]Stats, 0, len(r.watches))
	for name, w := range r.watches {
		stats := w.read()
		if status, ok := snap.SourceStatuses.Get(name); ok {
			ready, _ := conditionOf(status.Conditions, cluster.ConditionReady)
			stats.Projects, stats.Failing, stats.SyncedAt = status.Projects, status.Failing, status.SyncedAt
			stats.Stale = ready.Reason == cluster.ReasonStale
			if !stats.Held || stats.Ready == "" {
				stats.Ready = ready.Status
			}
		}
		stats.Ready = cmp.Or(stats.Ready, cluster.StatusUnknown)
		list = append(list, stats)
	}
	slices.SortFunc(list, func(a, b Stats) int { return cmp.Compare(a.Source, b.Source) })
	return list
}

// sourceWatch is what there is to know of a source's loop from outside of it.
type sourceWatch struct {
	asked chan struct{} // somebody asks for a look

	mu    sync.Mutex // guards what follows
	stats Stats
	gave  int // terms given up in a row, for want of the directory
}

func newSourceWatch(name string) *sourceWatch {
	return &sourceWatch{asked: make(chan struct{}, 1), stats: Stats{Source: name}}
}

func (w *sourceWatch) change(step func(*Stats)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	step(&w.stats)
}

func (w *sourceWatch) read() Stats {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.stats
}

// poke asks the loop for a look; false: it does not run here.
func (w *sourceWatch) poke() bool {
	if !w.read().Held {
		return false
	}
	select {
	case w.asked <- struct{}{}:
	default: // one is due anyway
	}
	return true
}

func (w *sourceWatch) hold(held bool) {
	w.change(func(s *Stats) { s.Held, s.Ready = held, "" })
}

func (w *sourceWatch) count(err error) {
	w.change(func(s *Stats) {
		s.Looks++
		if err == nil {
			s.LookedAt = time.Now()
		}
	})
}

func (w *sourceWatch) fetched(took time.Duration) {
	w.change(func(s *Stats) { s.Fetches, s.Fetching = s.Fetches+1, s.Fetching+took })
}

// The patience with a directory that is away, the first time and at most.
const (
	firstPatience = 5 * time.Second
	lastPatience  = 10 * time.Minute
)

// patience is how long the directory of a source may be away before another
// node may try.
func (w *sourceWatch) patience() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return min(firstPatience<<min(w.gave, 10), lastPatience)
}

func (w *sourceWatch) missed() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.gave++
}

func (w *sourceWatch) found() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.gave = 0
}

func (w *sourceWatch) refused() { w.change(func(s *Stats) { s.Refused++ }) }

// ready keeps what the loop knows, even if the database can't be told.
func (w *sourceWatch) ready(status cluster.ConditionStatus) {
	w.change(func(s *Stats) { s.Ready = status })
}
