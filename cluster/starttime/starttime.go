// Package starttime learns how long components take to start: from the moment
// that a node begins until the instance is ready, on whatever node. It keeps
// this in memory.
package starttime

import (
	"context"
	"slices"
	"sync"
	"time"

	"maelstrom/cluster"
)

// Feed is the view of the database, with the instances of all nodes.
type Feed interface {
	Snapshot() *cluster.Snapshot
	Subscribe() (changed <-chan struct{}, cancel func())
}

// kept is how many starts of a component count, the last ones.
const kept = 20

// longest is more than any start takes: what is longer was interrupted.
const longest = time.Hour

// Times are the start times of components. All methods are safe for concurrent
// use.
type Times struct {
	mu sync.Mutex
	by map[string]*starts
}

// starts are the last starts of one component.
type starts struct {
	took  [kept]time.Duration
	count int // of all, those that are forgotten too
}

// New returns Times that know nothing.
func New() *Times { return &Times{by: map[string]*starts{}} }

// Run learns from what a feed shows until ctx ends.
func (t *Times) Run(ctx context.Context, feed Feed) error {
	changed, cancel := feed.Subscribe()
	defer cancel()
	seen := &cluster.Snapshot{}
	for {
		s := feed.Snapshot()
		t.observe(seen, s)
		seen = s
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
	}
}

// P95 is what 95 of 100 of a component's last starts took at most; false if
// none is known.
func (t *Times) P95(component string) (time.Duration, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.by[component]
	if s == nil {
		return 0, false
	}
	took := slices.Sorted(slices.Values(s.took[:min(s.count, kept)]))
	return took[(len(took)*95+99)/100-1], true
}

// observe learns from the step from one snapshot to the next, and forgets what
// is not stored any more.
func (t *Times) observe(old, s *cluster.Snapshot) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for id := range s.Instances.Differing(old.Instances) {
		i, ok := s.Instances.Get(id)
		if !ok || i.State != cluster.InstanceReady {
			continue
		}
		if was, ok := old.Instances.Get(id); !ok || !was.ReadyAt.Equal(i.ReadyAt) {
			t.add(i)
		}
	}
	for name := range s.Components.Differing(old.Components) {
		if _, ok := s.Components.Get(name); !ok {
			delete(t.by, name)
		}
	}
}

func (t *Times) add(i *cluster.Instance) {
	took := i.ReadyAt.Sub(i.LaunchedAt)
	if i.LaunchedAt.IsZero() || took <= 0 || took > longest {
		return
	}
	s := t.by[i.Component]
	if s == nil {
		s = &starts{}
		t.by[i.Component] = s
	}
	s.took[s.count%kept] = took
	s.count++
}
