// Package starttime learns how long components take to start: from the moment
// that a node begins until the instance is ready, on whatever node. It keeps
// this in memory.
package starttime

import (
	"context"
	"sync"
	"time"

	"maelstrom/cluster"
)

// Feed is the view of the database, with the instances of all nodes.
type Feed interface {
	Snapshot() *cluster.Snapshot
	Subscribe() (changed <-chan struct{}, cancel func())
}

// Times are the start times of components. All methods are safe for concurrent
// use.
type Times struct {
	mu sync.Mutex
	by map[string]cluster.Starts
}

// New returns Times that know nothing.
func New() *Times { return &Times{by: map[string]cluster.Starts{}} }

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
	return t.by[component].P95()
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
			t.by[i.Component] = t.by[i.Component].Add(i)
		}
	}
	for name := range s.Components.Differing(old.Components) {
		if _, ok := s.Components.Get(name); !ok {
			delete(t.by, name)
		}
	}
}
