package webhook

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// The pace of pokes that fail. The loop's own timer is behind them.
const (
	pokeRetry = 2 * time.Second
	pokeLimit = 10 * time.Second
)

// pending are the sources that are to be poked, each once however often it
// was called for.
type pending struct {
	mu      sync.Mutex
	sources map[string]bool
	wake    chan struct{}
}

func (p *pending) add(source string) {
	p.mu.Lock()
	p.sources[source] = true
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

func (p *pending) take() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	names := slices.Sorted(maps.Keys(p.sources))
	clear(p.sources)
	return names
}

// Run pokes what calls have asked for until ctx ends.
func (h *Handler) Run(ctx context.Context) error {
	var retry <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-h.pending.wake:
		case <-retry:
		}
		retry = nil
		if h.pokeAll(ctx) {
			retry = time.After(pokeRetry + rand.N(pokeRetry))
		}
	}
}

// pokeAll pokes every pending source, and tells whether some are still pending.
func (h *Handler) pokeAll(ctx context.Context) (again bool) {
	for _, source := range h.pending.take() {
		if err := h.poke(ctx, source); err != nil && ctx.Err() == nil {
			h.log.Warn("source is not poked", "source", source, "error", err)
			if _, there := h.deps.Snapshots.Snapshot().Sources.Get(source); there {
				h.pending.mu.Lock()
				h.pending.sources[source] = true
				h.pending.mu.Unlock()
				again = true
			}
		}
	}
	return again
}

func (h *Handler) poke(ctx context.Context, source string) error {
	ctx, cancel := context.WithTimeout(ctx, pokeLimit)
	defer cancel()
	return h.deps.Poker.Poke(ctx, source)
}
