package webhook

import (
	"net/http"
	"slices"
	"sync"
	"time"

	"maelstrom/cluster"
)

// refusedShown is how many refused calls of a source are remembered.
const refusedShown = 10

// refused counts and remembers the calls that were refused. They are kept in
// memory alone: whoever can't sign must not write into the database.
type refused struct {
	mu      sync.Mutex
	sources map[string]*refusals
	unknown int64
}

type refusals struct {
	count int64
	last  []cluster.Delivery // oldest first
}

// refuse answers a call without a proof, slower when there are too many.
func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, refusal *refusal) {
	now := time.Now()
	limited := refusal.status != http.StatusTooManyRequests && refusal.status != http.StatusServiceUnavailable
	if wait, ok := h.limits.refuse(refusal.source, refusal.known, now); limited && !ok {
		h.refused.count(refusal)
		answer(w, verdictOf(http.StatusTooManyRequests, "too many calls that are refused: "+refusal.message).after(wait))
		return
	}
	h.refused.note(refusal, cluster.Delivery{
		Source: refusal.source, Time: now, Provider: recognise(r.Header).name, Event: event(r.Header),
		Status: refusal.status, Message: refusal.message, Remote: peer(r),
	})
	answer(w, refusal.verdict)
}

func (s *refused) of(r *refusal) *refusals {
	if !r.known {
		s.unknown++
		return nil
	}
	if s.sources == nil {
		s.sources = map[string]*refusals{}
	}
	of := s.source(r.source)
	of.count++
	return of
}

func (s *refused) source(name string) *refusals {
	of, ok := s.sources[name]
	if !ok {
		of = &refusals{}
		s.sources[name] = of
	}
	return of
}

// again remembers a call that was answered before, which is no refusal.
func (s *refused) again(delivery cluster.Delivery) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sources == nil {
		s.sources = map[string]*refusals{}
	}
	s.source(delivery.Source).remember(delivery)
}

func (r *refusals) remember(delivery cluster.Delivery) {
	r.last = append(r.last, delivery)
	r.last = r.last[max(0, len(r.last)-refusedShown):]
}

func (s *refused) count(r *refusal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.of(r)
}

func (s *refused) note(r *refusal, delivery cluster.Delivery) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if of := s.of(r); of != nil {
		of.remember(delivery)
	}
}

// Refused returns how many calls for a source this node has refused since it
// started, and the latest of them and of those that it had had before, newest
// first.
func (h *Handler) Refused(source string) (count int64, last []cluster.Delivery) {
	h.refused.mu.Lock()
	defer h.refused.mu.Unlock()
	of, ok := h.refused.sources[source]
	if !ok {
		return 0, nil
	}
	last = slices.Clone(of.last)
	slices.Reverse(last)
	return of.count, last
}
