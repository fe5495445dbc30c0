package gateway

import (
	"math/rand/v2"
	"time"

	"maelstrom/cluster"
)

// How long an instance that was full is left alone before it is tried with one
// more request than it has taken.
const (
	firstRest = 10 * time.Millisecond
	lastRest  = 160 * time.Millisecond
)

// rest is what an instance of another node has shown of its room, which others
// share: after it was full it gets no more requests at a time than it has taken,
// until one of them ends well or a pause is over.
type rest struct {
	full  bool
	room  int       // that it has shown, if it was full
	fulls int       // how often it was, less how often requests ended well since
	until time.Time // then one more is tried
	tried bool      // one more than room was sent, and not yet answered
}

// allows tells whether one more may be sent.
func (r *rest) allows(inFlight int, now time.Time) bool {
	return !r.full || inFlight < r.room || !now.Before(r.until)
}

// sent notes one more; pause is when to try yet another, zero: as it is.
func (r *rest) sent(inFlight int, now time.Time) (pause time.Duration) {
	if !r.full || inFlight <= r.room {
		return 0
	}
	r.room, r.tried = inFlight, true
	return r.wait(now)
}

// refused notes that there was no room beside the others in flight; pause is
// when to try again, zero: when that was settled before.
func (r *rest) refused(others int, now time.Time) (pause time.Duration) {
	again := !r.full || r.tried
	r.full, r.tried = true, false
	r.room = min(others, max(r.room, others))
	if !again && now.Before(r.until) {
		return 0
	}
	r.fulls++
	return r.wait(now)
}

// served notes a request that ended well: its slot is free, and there may be more.
func (r *rest) served(limit int) {
	if !r.full {
		return
	}
	r.tried = false
	if r.fulls = max(0, r.fulls-1); r.fulls > 0 {
		return
	}
	if r.room++; limit == 0 || r.room >= limit {
		*r = rest{}
	}
}

func (r *rest) wait(now time.Time) time.Duration {
	pause := min(lastRest, firstRest<<min(max(0, r.fulls-1), 10))
	pause = pause/2 + rand.N(pause)
	r.until = now.Add(pause)
	return pause
}

// sentBack takes in why another node did not take a request for i.
func (d *dispatcher) sentBack(i *instance, reason cluster.Reason, now time.Time) {
	if reason == cluster.ReasonFull {
		d.lookIn(i.rest.refused(i.inFlight-1, now))
		return
	}
	i.away = i.seen
	d.suspect(i, now)
}

// suspect lets i rest for a while.
func (d *dispatcher) suspect(i *instance, now time.Time) {
	i.suspect = now.Add(suspicion)
	d.lookIn(suspicion)
}

// lookIn looks again after a pause, if there is one.
func (d *dispatcher) lookIn(pause time.Duration) {
	if pause > 0 {
		time.AfterFunc(pause, d.look)
	}
}

// news takes in what the snapshot says of i by now: an instance that was away
// may be back.
func (i *instance) news(in *cluster.Instance) {
	if i.seen = in; i.away != nil && i.away != in {
		i.away, i.suspect = nil, time.Time{}
	}
}
