package reconcile

import (
	"math/rand/v2"
	"time"
)

// The pace of a loop.
const (
	backoffFirst = time.Second
	backoffLast  = 5 * time.Minute

	defaultInterval = 60 * time.Second
	webhookInterval = 5 * time.Minute // while a webhook tells us earlier
	webhookTrust    = time.Hour       // how long one delivery counts as that

	quietWindow = 200 * time.Millisecond // without a trigger before a look
	quietCap    = 2 * time.Second        // a look is due however many come

	reminderPeriod = 6 * time.Hour
	staleIntervals = 3
	youngFile      = 2 * time.Second // may not be whole yet
)

// backoffCeiling is the longest pause before the attempt after so many that
// failed.
func backoffCeiling(failed int) time.Duration {
	if failed < 1 {
		return 0
	}
	if failed > 16 { // far beyond the cap; the shift would overflow
		return backoffLast
	}
	return min(backoffFirst<<(failed-1), backoffLast)
}

// backoffPause is the pause before the next attempt, with full jitter: at
// least what the other side has asked for.
func backoffPause(failed int, asked time.Duration) time.Duration {
	ceiling := backoffCeiling(failed)
	if ceiling <= 0 {
		return asked
	}
	return max(asked, rand.N(ceiling)+1)
}

// intervalOf is the time between two looks at a source without any trigger.
// heard is when a webhook was last heard of.
func intervalOf(seconds int, heard, now time.Time) time.Duration {
	switch {
	case seconds > 0:
		return time.Duration(seconds) * time.Second
	case !heard.IsZero() && now.Sub(heard) < webhookTrust:
		return webhookInterval
	}
	return defaultInterval
}

// jittered spreads an interval by a fifth either way, so that many sources
// don't ask at once.
func jittered(interval time.Duration) time.Duration {
	return interval - interval/5 + rand.N(2*interval/5+1)
}
