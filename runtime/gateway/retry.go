package gateway

import (
	"errors"
	"net/http"
	"sync/atomic"

	"maelstrom/cluster"
	"maelstrom/runtime/proxy"
)

// Requests that may have been served are sent again this often, and not more of
// them at a time than a share of all that are under way, and a few: a budget as
// Finagle's and Envoy's, so that what breaks is not broken further.
const (
	maxRepeats  = 2
	repeatShare = 5 // one of so many
	repeatFew   = 3
)

// repeats is the budget of one gateway.
type repeats struct {
	active  atomic.Int64 // requests under way, waiting or not
	now     atomic.Int64 // of them, those that were sent again
	granted atomic.Uint64
	denied  atomic.Uint64
}

// grant lets x be sent again, if there is something left.
func (r *repeats) grant(x *exchange) bool {
	if x.repeats == 0 && r.now.Add(1) > r.active.Load()/repeatShare+repeatFew {
		r.now.Add(-1)
		r.denied.Add(1)
		return false
	}
	x.repeats++
	r.granted.Add(1)
	return true
}

// done gives back what x has taken.
func (r *repeats) done(x *exchange) {
	r.active.Add(-1)
	if x.repeats > 0 {
		r.now.Add(-1)
	}
}

// again tells whether x, whose last try failed without an answer, is to be tried
// again.
func (g *Gateway) again(x *exchange, err error) bool {
	if err == nil || x.status != 0 || x.asker != "" || x.r.Context().Err() != nil {
		return false
	}
	refused, answered := errors.AsType[*proxy.Refused](err)
	switch {
	case answered:
		x.returned++
		return refused.Misdirected()
	case errors.Is(err, proxy.ErrDial):
		x.undelivered++
		return x.undelivered < maxTries
	case errors.Is(err, proxy.ErrLink):
		return proxy.Repeatable(x.r) && x.repeats < maxRepeats && g.repeats.grant(x)
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
