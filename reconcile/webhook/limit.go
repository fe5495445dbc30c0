package webhook

import (
	"sync"
	"time"
)

// The pace of calls. What was signed has a bucket of its own for each source,
// so that garbage can't use up what the git server needs.
const (
	acceptRate   = 5 // a second
	acceptBurst  = 60
	refuseRate   = 2
	refuseBurst  = 30
	unknownRate  = 10 // of all names that are no source
	unknownBurst = 50
)

// limits are the token buckets of a Handler.
type limits struct {
	mu      sync.Mutex
	signed  map[string]*bucket // by source
	wrong   map[string]*bucket // by source
	unknown bucket
}

// accept takes a token for a signed call of a source, or tells when there is one.
func (l *limits) accept(source string, now time.Time) (wait time.Duration, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return take(&l.signed, source).take(now, acceptRate, acceptBurst)
}

// refuse takes a token for a refused call. Known tells whether the source is
// one of ours; all other names share a bucket, so that they take no memory.
func (l *limits) refuse(source string, known bool, now time.Time) (wait time.Duration, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !known {
		return l.unknown.take(now, unknownRate, unknownBurst)
	}
	return take(&l.wrong, source).take(now, refuseRate, refuseBurst)
}

func take(buckets *map[string]*bucket, source string) *bucket {
	if *buckets == nil {
		*buckets = map[string]*bucket{}
	}
	b, ok := (*buckets)[source]
	if !ok {
		b = &bucket{}
		(*buckets)[source] = b
	}
	return b
}

// bucket is a token bucket; the zero value is full.
type bucket struct {
	used float64 // tokens that are gone
	at   time.Time
}

func (b *bucket) take(now time.Time, rate, burst float64) (wait time.Duration, ok bool) {
	if passed := now.Sub(b.at).Seconds(); passed > 0 {
		b.used = max(0, b.used-passed*rate)
		b.at = now
	}
	if b.used+1 > burst {
		return time.Duration((b.used + 1 - burst) / rate * float64(time.Second)), false
	}
	b.used++
	return 0, true
}
