package runtime

import (
	"math/rand/v2"
	"time"
)

const (
	backoffFirst = time.Second
	backoffMost  = 60 * time.Second

	// steadyAfter is how long an instance must have been ready until its next
	// failure counts as the first again.
	steadyAfter = 60 * time.Second
)

// backoff counts failures in a row. The zero value has seen none.
type backoff struct {
	failures int
	spared   bool // one crash had no wait
}

// next returns how long to wait now: 1, 2, 4.. 60 seconds, a tenth more or
// less, so that what failed together is not tried together.
func (b *backoff) next() time.Duration {
	d := min(backoffFirst<<min(b.failures, 6), backoffMost)
	b.failures++
	return time.Duration(float64(d) * (0.9 + 0.2*rand.Float64()))
}

// afterService is next for what has served before it failed: the first time it
// is started again at once, so that those who wait are served, not refused.
func (b *backoff) afterService() time.Duration {
	if b.failures > 0 || b.spared {
		return b.next()
	}
	b.spared = true
	return 0
}

func (b *backoff) reset() { *b = backoff{} }
