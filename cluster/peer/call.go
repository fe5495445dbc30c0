package peer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"maelstrom/cluster"
)

// callLimit bounds a call, whatever its asker says.
const callLimit = time.Minute

var errBusy = errors.New("the node has too many calls under way")

// Wake asks a node, which should hold the role placement, to wake a component.
// Its answer is what the placer there says; ErrNoStream where it can't be asked.
func (h *Hub) Wake(ctx context.Context, node, component string) error {
	return h.ask(ctx, node, call{Wake: component})
}

// Sleep is Wake for a component that is to be put to sleep.
func (h *Hub) Sleep(ctx context.Context, node, component string) error {
	return h.ask(ctx, node, call{Sleep: component})
}

// Reserve is Wake for a run that is to have its memory set aside.
func (h *Hub) Reserve(ctx context.Context, node string, run cluster.Run) error {
	return h.ask(ctx, node, call{Reserve: &run})
}

func (h *Hub) ask(ctx context.Context, node string, c call) error {
	h.mu.Lock()
	var s *stream
	if r := h.remotes[node]; r != nil {
		s = r.stream
	}
	h.mu.Unlock()
	if s == nil {
		return fmt.Errorf("ask node %s: %w", node, ErrNoStream)
	}
	return s.ask(ctx, c)
}

// decide answers a call of another node in its own time.
func (h *Hub) decide(ctx context.Context, s *stream, c call, tasks *sync.WaitGroup) {
	within := callLimit
	if c.WithinMic > 0 {
		within = min(within, time.Duration(c.WithinMic)*time.Microsecond)
	}
	work, cancel := context.WithTimeout(ctx, within)
	if !s.begin(c.ID, cancel) {
		cancel()
		_ = s.send(&frame{Answer: answerTo(c.ID, errBusy)}) // who can't be told has left
		return
	}
	tasks.Go(func() {
		defer s.finish(c.ID)
		_ = s.send(&frame{Answer: answerTo(c.ID, h.decision(work, s.node, c))}) // the same
	})
}

func (h *Hub) decision(ctx context.Context, node string, c call) error {
	switch {
	case c.Wake != "":
		return h.deps.Decider.WakeFor(ctx, node, c.Wake)
	case c.Sleep != "":
		return h.deps.Decider.Sleep(ctx, c.Sleep)
	case c.Reserve != nil && c.Reserve.Node == node:
		return h.deps.Decider.Reserve(ctx, *c.Reserve)
	}
	return errors.New("a call that this release does not know")
}
