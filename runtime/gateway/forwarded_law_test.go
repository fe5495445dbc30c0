package gateway

import (
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"maelstrom/project"
	"maelstrom/runtime/proxy"
)

// asked is a request of the law below: in the queue, or with a slot.
type asked struct {
	x     *exchange
	from  bool // another node
	since time.Time
	i     *instance
	w     *waiter
}

// Whatever comes and goes, a slot is used once and is not left unused while
// somebody waits for it, those from other nodes are not more than may wait, and
// of two that wait the elder is served first.
func TestSlotsAreSharedByAge(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		limit := rapid.IntRange(1, 4).Draw(rt, "limit")
		steps := rapid.SliceOfN(rapid.IntRange(0, 99), 1, 60).Draw(rt, "steps")
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, Options{})
			defer w.end()
			w.component("shop_web", func(c *project.Component) { c.MaxConcurrency = limit })
			w.serving("p", "shop_web", 0, ok)
			l := &law{t: rt, d: w.g.dispatcher("shop_web"), limit: limit}
			for _, step := range steps {
				l.step(step)
				<-time.After(time.Millisecond)
				l.check()
			}
			for len(l.served)+len(l.waiting) > 0 {
				l.finish(0)
				l.check()
			}
		})
	})
}

type law struct {
	t               *rapid.T
	d               *dispatcher
	limit           int
	served, waiting []*asked
}

func (l *law) step(n int) {
	switch {
	case n < 35:
		l.enter(false)
	case n < 70:
		l.enter(true)
	case n < 80 && len(l.waiting) > 0:
		l.leave(n)
	default:
		l.finish(n)
	}
}

func (l *law) enter(other bool) {
	a := &asked{x: &exchange{r: &http.Request{}, start: time.Now()}, from: other, since: time.Now()}
	var r *refusal
	if other {
		a.x.asker, a.x.passive = "another node", aside
		a.i, a.w, r = l.d.enterForwarded("p")
	} else {
		a.i, a.w, r = l.d.enter(a.x)
	}
	switch {
	case r == forwardedFull:
		if got := l.count(true); got < max(fewForwarded, l.limit) {
			l.t.Fatalf("refused while %d wait", got)
		}
	case r != nil:
		l.t.Fatalf("refused: %v", r)
	case a.w == nil:
		l.served = append(l.served, a)
	default:
		l.waiting = append(l.waiting, a)
	}
}

func (l *law) leave(n int) {
	at := n % len(l.waiting)
	a := l.waiting[at]
	l.waiting = slices.Delete(l.waiting, at, at+1)
	if a.from {
		l.d.leaveForwarded(a.i, a.w)
	} else {
		l.d.leave(a.w)
	}
}

func (l *law) finish(n int) {
	if len(l.served) == 0 {
		return
	}
	at := n % len(l.served)
	a := l.served[at]
	l.served = slices.Delete(l.served, at, at+1)
	var err error
	if n%7 == 6 {
		err = proxy.ErrBroke
	}
	l.d.release(a.i, a.x, err)
}

// check takes in what was granted, in the order in which they came.
func (l *law) check() {
	var eldest time.Time // of those that still wait
	for _, a := range slices.Clone(l.waiting) {
		select {
		case o := <-a.w.outcome:
			if o.instance == nil {
				l.t.Fatalf("refused in the queue: %v", o.refusal)
			}
			if !eldest.IsZero() && eldest.Before(a.since) {
				l.t.Fatal("one is served that waits less long")
			}
			a.i = o.instance
			l.waiting = slices.DeleteFunc(l.waiting, func(b *asked) bool { return a == b })
			l.served = append(l.served, a)
		default:
			if eldest.IsZero() {
				eldest = a.since
			}
		}
	}
	if len(l.served) > l.limit || len(l.served) < l.limit && len(l.waiting) > 0 {
		l.t.Fatalf("%d of %d slots are used while %d wait", len(l.served), l.limit, len(l.waiting))
	}
	if got := l.count(true); got > max(fewForwarded, l.limit) {
		l.t.Fatalf("%d from other nodes wait", got)
	}
	if got := l.d.stats.inFlight; got != len(l.served)-l.servedFor(true) {
		l.t.Fatalf("a load of %d, of %d", got, len(l.served))
	}
}

func (l *law) count(other bool) (n int) {
	for _, a := range l.waiting {
		if a.from == other {
			n++
		}
	}
	return n
}

func (l *law) servedFor(other bool) (n int) {
	for _, a := range l.served {
		if a.from == other {
			n++
		}
	}
	return n
}
