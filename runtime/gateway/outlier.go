package gateway

import (
	"errors"
	"net/http"
	"time"

	"maelstrom/runtime/proxy"
)

// An instance that fails while others of its component answer gets no requests
// for a while, then one, and all of its turns again if it answers that.
const (
	manyMisses   = 5 // in a row
	timeOut      = 30 * time.Second
	manyTimeOuts = 10 // of them at a time at most
)

// outlier is what the failures of an instance have come to.
type outlier struct {
	misses int       // in a row
	since  time.Time // the first of them
	count  int       // how often it was left out, each time soon after the last
	from   time.Time // when it was left out last
	until  time.Time // then one request tries it; zero: it is not left out
	back   time.Time // when it was taken in again last
}

func (o *outlier) out() bool { return !o.until.IsZero() }

// allows tells whether a request may be sent.
func (o *outlier) allows(now time.Time) bool { return !o.out() || !now.Before(o.until) }

// begin leaves it out; pause is for how long.
func (o *outlier) begin(now time.Time) (pause time.Duration) {
	if !o.out() && now.Sub(o.back) > time.Duration(o.count)*timeOut {
		o.count = 0
	}
	o.count = min(o.count+1, manyTimeOuts)
	pause = time.Duration(o.count) * timeOut
	o.from, o.until = now, now.Add(pause)
	return pause
}

// end takes it in again.
func (o *outlier) end(now time.Time) {
	if o.misses = 0; o.out() {
		o.until, o.back = time.Time{}, now
	}
}

// tried notes that a request is sent; pause is when another one may be if it is
// the one that tries, unless there is an answer first; zero: never mind.
func (o *outlier) tried(now time.Time) (pause time.Duration) {
	if !o.out() {
		return 0
	}
	o.until = now.Add(timeOut)
	return timeOut
}

// answers tells whether what became of a try speaks for its instance or against
// it. What a client or another node has brought about does neither.
func (x *exchange) answers(i *instance, err error) (well, ill bool) {
	refused, answered := errors.AsType[*proxy.Refused](err)
	switch {
	case err == nil && x.status >= http.StatusBadGateway && x.status <= http.StatusGatewayTimeout:
		return false, true
	case err == nil:
		return true, false
	case answered:
		return false, refused.Status == http.StatusBadGateway
	}
	return false, errors.Is(err, proxy.ErrDial) && i.link == nil || errors.Is(err, proxy.ErrBroke) && x.status == 0
}

// judge takes in what became of a try: after many failures in a row its instance
// is left out if another has answered meanwhile. If none has, it may be what the
// component has to say, and those that are left out may do no worse.
func (d *dispatcher) judge(i *instance, x *exchange, err error, now time.Time) {
	o := &i.outlier
	if o.out() && x.granted.Before(o.from) {
		return // sent before that
	}
	well, ill := x.answers(i, err)
	if well {
		o.end(now)
	}
	if !ill {
		return
	}
	if o.misses++; o.misses == 1 {
		o.since = now
	}
	if o.misses >= manyMisses {
		x.leftOut = d.leaveOut(i, now)
		d.lookIn(x.leftOut)
	}
}

// leaveOut leaves i out, if it may; it returns for how long.
func (d *dispatcher) leaveOut(i *instance, now time.Time) time.Duration {
	out, better := 1, false
	for _, other := range d.ready {
		switch {
		case other == i:
		case other.outlier.out():
			out++
		case other.success.After(i.outlier.since):
			better = true
		}
	}
	if better && 2*out <= len(d.ready) {
		d.stats.leavings++
		return i.outlier.begin(now)
	}
	if !better {
		for _, each := range d.ready {
			each.outlier.end(now)
		}
	}
	return 0
}

// leftOut counts the ready instances that are left out.
func (d *dispatcher) leftOut() (n int) {
	for _, i := range d.ready {
		if i.outlier.out() {
			n++
		}
	}
	return n
}

// takeIn ends what leaves out more than half of the ready instances, now that
// there are fewer: those first that would be tried first.
func (d *dispatcher) takeIn(now time.Time) {
	for {
		out, first := 0, (*outlier)(nil)
		for _, i := range d.ready {
			if o := &i.outlier; o.out() {
				if out++; first == nil || o.until.Before(first.until) {
					first = o
				}
			}
		}
		if 2*out <= len(d.ready) {
			return
		}
		first.end(now)
	}
}
