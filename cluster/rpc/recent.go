package rpc

import (
	"context"
	"sync"
	"time"

	"maelstrom/cluster"
)

// Recent is what this node keeps of what the database alone has, for answers
// while that is away.
type Recent interface {
	Recent() *cluster.Recent
	AsOf() time.Time // when the database was so
}

// recalled notes what is older or shorter than the rest of an answer.
type recalled struct {
	mu   sync.Mutex
	asOf time.Time
	cut  bool
}

func (r *recalled) note(asOf time.Time, cut bool) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.asOf.IsZero() || asOf.Before(r.asOf) {
		r.asOf = asOf
	}
	r.cut = r.cut || cut
}

// tell adds what was noted.
func (r *recalled) tell(away *Away) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.asOf.IsZero() && r.asOf.Before(away.AsOf) {
		away.AsOf = r.asOf.UTC()
	}
	away.Cut = r.cut
}

// recall is what is kept of the database while that is away; nil: it is not, or
// nothing is.
func (s *Server) recall() *cluster.Recent {
	if s.away() == nil || s.deps.Recent == nil {
		return nil
	}
	if r := s.deps.Recent.Recent(); r.Number > 0 {
		return r
	}
	return nil
}

// kept is what the database has and the node keeps the newest of.
type kept[T any] struct {
	what   string // it is, as "events are"
	read   func(context.Context) (T, error)
	recall func(*cluster.Recent) (value T, cut bool) // cut: the database may have more
}

// fromRecent reads the database or, while that is away, what is kept of it.
func fromRecent[T any](ctx context.Context, s *Server, k kept[T]) (T, error) {
	recent := s.recall()
	if recent == nil {
		value, err := fromDatabase(ctx, s, k.what, k.read)
		if err == nil {
			return value, nil
		}
		if recent = s.recall(); recent == nil { // else it went away meanwhile
			return value, err
		}
	}
	value, cut := k.recall(recent)
	callerOf(ctx).recalled.note(s.deps.Recent.AsOf(), cut)
	return value, nil
}
