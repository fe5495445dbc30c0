package gateway

import (
	"context"
	"sync/atomic"
	"time"
)

// pulse tells one listener that something changed, not more often than is of
// use: at once after a pause, later at the end of the pace.
type pulse struct {
	out   chan struct{}
	kick  chan struct{}
	soon  *atomic.Bool
	later *atomic.Bool
}

// The paces: a grown queue may need an instance now, a load that came from or
// went to nothing only moves the time of going to sleep.
const (
	soonPace  = 20 * time.Millisecond
	laterPace = 250 * time.Millisecond
)

func newPulse() pulse {
	return pulse{
		out: make(chan struct{}, 1), kick: make(chan struct{}, 1),
		soon: new(atomic.Bool), later: new(atomic.Bool),
	}
}

// urgent announces a change that matters at once.
func (p pulse) urgent() { p.announce(p.soon) }

// lazy announces a change that can wait. Mostly it is one atomic read.
func (p pulse) lazy() { p.announce(p.later) }

func (p pulse) announce(flag *atomic.Bool) {
	if flag.Load() || !flag.CompareAndSwap(false, true) {
		return
	}
	select {
	case p.kick <- struct{}{}:
	default:
	}
}

// run passes announcements on until ctx ends.
func (p pulse) run(ctx context.Context) {
	pace := time.NewTimer(laterPace)
	pace.Stop() // until it is set
	defer pace.Stop()
	var sent time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.kick:
		case <-pace.C:
		}
		wait := time.Duration(-1)
		switch {
		case p.soon.Load():
			wait = soonPace - time.Since(sent)
		case p.later.Load():
			wait = laterPace - time.Since(sent)
		default:
			continue
		}
		if wait > 0 {
			pace.Reset(wait)
			continue
		}
		p.soon.Store(false)
		p.later.Store(false)
		sent = time.Now()
		select {
		case p.out <- struct{}{}:
		default:
		}
	}
}
