package gateway

import (
	"errors"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"maelstrom/cluster"
	"maelstrom/runtime/proxy"
)

// Requests that may have been served are sent again this often, and not more of
// them at a time than a share of all that are under way, and a few: a budget as
// Finagle's and Envoy's, so that what breaks is not broken further. Those beyond
// it wait until others are done.
const (
	maxRepeats  = 2
	repeatShare = 5 // one of so many
	repeatFew   = 3
)

// repeats is the budget of one gateway.
type repeats struct {
	active  atomic.Int64  // requests under way, waiting or not
	granted atomic.Uint64 // repeats
	waited  atomic.Uint64 // for the budget

	mu      sync.Mutex
	now     int64           // requests under way that were sent again
	waiting []chan struct{} // one each, closed when it may go; in the order they came
}

// grant lets x be sent again, if there is something left.
func (r *repeats) grant(x *exchange) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if x.repeats == 0 && !r.take() {
		return false
	}
	r.spend(x)
	return true
}

// take takes a part of the budget. The lock is held.
func (r *repeats) take() bool {
	if r.now >= r.active.Load()/repeatShare+repeatFew {
		return false
	}
	r.now++
	return true
}

func (r *repeats) spend(x *exchange) {
	x.repeats++
	r.granted.Add(1)
}

// wait waits until x may be sent again; false: its client is gone, or its time
// is over.
func (r *repeats) wait(x *exchange) bool {
	r.waited.Add(1)
	turn := make(chan struct{})
	r.mu.Lock()
	r.waiting = append(r.waiting, turn)
	r.next()
	r.mu.Unlock()
	timer := time.NewTimer(max(time.Until(x.deadline), time.Millisecond))
	defer timer.Stop()
	select {
	case <-turn:
	case <-x.r.Context().Done():
		return r.leave(turn)
	case <-timer.C:
		return r.leave(turn)
	}
	r.spend(x)
	return true
}

// leave ends a wait that came to nothing.
func (r *repeats) leave(turn chan struct{}) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if at := slices.Index(r.waiting, turn); at >= 0 {
		r.waiting = slices.Delete(r.waiting, at, at+1)
	} else { // its turn came as well
		r.now--
		r.next()
	}
	return false
}

// next lets those go for whom there is something left. The lock is held.
func (r *repeats) next() {
	for len(r.waiting) > 0 && r.take() {
		close(r.waiting[0])
		r.waiting = r.waiting[1:]
	}
}

// done gives back what x has taken.
func (r *repeats) done(x *exchange) {
	r.active.Add(-1)
	if x.repeats > 0 {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.now--
		r.next()
	}
}

// again tells whether x, whose last try failed without an answer, is to be tried
// again.
func (g *Gateway) again(x *exchange, err error) bool {
	if err == nil || x.status != 0 || x.asker != "" || x.r.Context().Err() != nil {
		return false
	}
	x.due = false
	refused, answered := errors.AsType[*proxy.Refused](err)
	switch {
	case answered:
		x.returned++
		return refused.Misdirected()
	case errors.Is(err, proxy.ErrDial):
		x.undelivered++
		return x.undelivered < maxTries
	case errors.Is(err, proxy.ErrLink):
		if !proxy.Repeatable(x.r) || x.repeats == maxRepeats {
			return false
		}
		granted := g.repeats.grant(x)
		x.due = !granted
		return granted
	}
	return false
}

// refuseFor is the answer that another node gives by itself, in its words.
func refuseFor(refused *proxy.Refused) *refusal {
	r := &refusal{
		status: refused.Status, reason: cluster.Reason(refused.Reason),
		text: refused.Text, retryAfter: refused.RetryAfter,
	}
	if r.status < 400 || r.status > 599 || r.status == http.StatusMisdirectedRequest {
		r.status = http.StatusBadGateway
	}
	return r
}
