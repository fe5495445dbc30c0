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
// share: after it was full it gets no more requests at a time than it has taken.
// When a pause is over it is tried with one more, and when that was not refused,
// with two, four, eight.
type rest struct {
	full  bool
	room  int       // that it has shown, if it was full
	fulls int       // how often it was lately
	until time.Time // then more are tried
	step  int       // how many more were tried last; 0: they were refused
}

// allows tells whether one more may be sent.
func (r *rest) allows(inFlight int, now time.Time) bool {
	return !r.full || inFlight < r.room || !now.Before(r.until)
}

// sent notes that so many are in flight by now, of limit; pause is when to look
// whether more may be sent, zero: never mind.
func (r *rest) sent(inFlight, limit int, now time.Time) (pause time.Duration) {
	if !r.full || inFlight <= r.room {
		return 0
	}
	if r.step > 0 {
		r.fulls = max(1, r.fulls-1)
	}
	r.step = max(1, 2*r.step)
	if r.room += r.step; limit > 0 && r.room >= limit || r.step > manySteps {
		*r = rest{} // there is room again
		return 0
	}
	return r.wait(now)
}

// manySteps is from when on an instance without a limit counts as it was before.
const manySteps = 64

// refused notes that there was no room beside the others in flight; pause is
// when to try again, zero: that was settled before.
func (r *rest) refused(others int, now time.Time) (pause time.Duration) {
	news := !r.full || r.step > 0
	r.full, r.step, r.room = true, 0, others
	if !news {
		return 0
	}
	r.fulls++
	return r.wait(now)
}

func (r *rest) wait(now time.Time) time.Duration {
	pause := min(lastRest, firstRest<<min(r.fulls-1, 10))
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
