package gateway

import "time"

// An instance that is new beside others that are not begins with firstShare of
// its turns, and has all of them after slowStart: caches fill, code gets
// compiled, pools connect.
const (
	slowStart  = 10 * time.Second
	firstShare = 0.1
)

// share is the part of its turns that an instance takes at an age. One that is
// younger than nothing had its clock set back.
func share(age time.Duration) float64 {
	if age < 0 || age >= slowStart {
		return 1
	}
	return max(firstShare, float64(age)/float64(slowStart))
}

// warming is the time in which some ready instances are new and others are
// not: from when the first has its full share until the last has it.
type warming struct{ from, until time.Time }

func newWarming(ready []*instance) (w warming) {
	for n, i := range ready {
		full := i.readyAt.Add(slowStart)
		if n == 0 || full.Before(w.from) {
			w.from = full
		}
		if n == 0 || full.After(w.until) {
			w.until = full
		}
	}
	return w
}

// at tells whether to be gentle with new instances now.
func (w warming) at(now time.Time) bool { return now.Before(w.until) && !now.Before(w.from) }

// turn tells whether i takes the turn that it has in the round.
func (i *instance) turn(now time.Time) bool {
	i.credit += share(now.Sub(i.readyAt))
	if i.credit < 1 {
		return false
	}
	i.credit = min(i.credit-1, 1)
	return true
}
