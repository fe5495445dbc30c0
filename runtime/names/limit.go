package names

import (
	"net/netip"
	"sync"
	"time"
)

// What containers may ask of others through us. Beyond it they are told at
// once that we can't, and ask the next of their name servers.
const (
	mostUnderWay = 1024 // of all containers
	mostOfOne    = 128  // of one of them
	rateOfOne    = 500  // questions a second, in the long run
	burstOfOne   = 2000
	mostSources  = 4096 // remembered
)

// limiter bounds what is under way, and how often a source may ask.
type limiter struct {
	mu       sync.Mutex
	underWay int
	sources  map[netip.Addr]*source
}

type source struct {
	underWay int
	left     float64 // of the burst
	at       time.Time
}

func newLimiter() *limiter { return &limiter{sources: map[netip.Addr]*source{}} }

// enter lets a question through, until leave is called; false: not now.
func (l *limiter) enter(from netip.Addr) (leave func(), ok bool) {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.sources[from]
	if s == nil {
		if len(l.sources) >= mostSources {
			l.forgetLocked(now)
		}
		if len(l.sources) >= mostSources {
			return nil, false
		}
		s = &source{left: burstOfOne, at: now}
		l.sources[from] = s
	}
	s.left = min(burstOfOne, s.left+now.Sub(s.at).Seconds()*rateOfOne)
	s.at = now
	if l.underWay >= mostUnderWay || s.underWay >= mostOfOne || s.left < 1 {
		return nil, false
	}
	s.left--
	s.underWay++
	l.underWay++
	return func() { l.leave(s) }, true
}

func (l *limiter) leave(s *source) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s.underWay--
	l.underWay--
}

// forgetLocked drops sources whose burst has come back.
func (l *limiter) forgetLocked(now time.Time) {
	const idle = burstOfOne / rateOfOne * time.Second
	for address, s := range l.sources {
		if s.underWay == 0 && now.Sub(s.at) >= idle {
			delete(l.sources, address)
		}
	}
}
