package gateway

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"time"

	"maelstrom/cluster"
	"maelstrom/project/route"
	"maelstrom/runtime/proxy"
)

// refusal is an answer of our own. It tells nothing about the inside.
type refusal struct {
	status     int
	reason     cluster.Reason
	text       string
	retryAfter time.Duration // for 503; zero: soon
}

var (
	refuseUnknown = &refusal{status: http.StatusNotFound, reason: cluster.ReasonNotFound, text: noMatch}
	refuseGone    = &refusal{status: http.StatusNotFound, reason: cluster.ReasonGone, text: noMatch}
	refuseStopped = &refusal{status: http.StatusServiceUnavailable, reason: cluster.ReasonStopped,
		text: route.DisabledBody}
	refuseFull = &refusal{status: http.StatusServiceUnavailable, reason: cluster.ReasonQueueFull,
		text: "Too many requests are waiting"}
	refuseLeaving = &refusal{status: http.StatusServiceUnavailable, reason: cluster.ReasonDraining,
		text: "The node is shutting down"}
	refuseBroken = &refusal{status: http.StatusBadGateway, reason: cluster.ReasonExited,
		text: "The component broke off before it answered"}
	refuseUnreachable = &refusal{status: http.StatusBadGateway, reason: cluster.ReasonGone,
		text: "The component cannot be reached"}
	refuseLost = &refusal{status: http.StatusBadGateway, reason: cluster.ReasonNodeLost,
		text: "The component was lost before it answered"}
	refuseMalformed = &refusal{status: http.StatusBadRequest, text: http.StatusText(http.StatusBadRequest)}
	refuseConnect   = &refusal{status: http.StatusBadRequest, text: "CONNECT is not served here"}
	refuseBody      = &refusal{status: http.StatusBadRequest, text: "The request's body cannot be read"}
	refuseAbsent    = &refusal{status: statusClientGone, text: "The client hung up"} // nobody reads it
)

const (
	noMatch = route.NotFoundBody

	// statusClientGone stands in metrics and logs for a client that hung up
	// before its answer.
	statusClientGone = 499
)

// refuseFull tells who finds no place in the queue when to come back: where the
// first instance is still starting, not before it is likely to be ready.
func (d *dispatcher) refuseFull(now time.Time) *refusal {
	r := *refuseFull
	if len(d.ready) == 0 && d.queue.first != nil && d.g.opt.StartTime != nil {
		if took, known := d.g.opt.StartTime(d.name); known {
			left := max(took-now.Sub(d.queue.first.since), 0).Round(time.Second)
			r.retryAfter = left + time.Duration(1+rand.IntN(3))*time.Second
		}
	}
	return &r
}

func refuseFailure(f *cluster.Failure) *refusal {
	return &refusal{status: http.StatusServiceUnavailable, reason: f.Reason,
		text: "The component cannot run now", retryAfter: f.RetryAfter}
}

// refuseLate is the answer at the deadline, waiting or being served.
func refuseLate(component string, reason cluster.Reason) *refusal {
	return &refusal{status: http.StatusGatewayTimeout, reason: reason,
		text: "gateway: Timeout proxying component: " + component}
}

// refuseError is the answer for a request that the proxy could not carry;
// gone is the error of the request's context.
func refuseError(err error, component string, gone error) *refusal {
	switch {
	case errors.Is(err, proxy.ErrDeadline), gone == context.DeadlineExceeded:
		return refuseLate(component, cluster.ReasonUnhealthy)
	case errors.Is(err, proxy.ErrClientGone), gone != nil:
		if gone == nil {
			return refuseBody
		}
		return refuseAbsent
	case errors.Is(err, proxy.ErrDial):
		return refuseUnreachable
	case errors.Is(err, proxy.ErrLink):
		return refuseLost
	}
	if refused, ok := errors.AsType[*proxy.Refused](err); ok {
		return refuseFor(refused)
	}
	return refuseBroken
}

// retrySeconds is the Retry-After of a 503. Where there is no better reason,
// a little chance keeps clients from coming back all at once.
func (r *refusal) retrySeconds() int {
	if r.retryAfter > 0 {
		return int((r.retryAfter + time.Second - 1) / time.Second)
	}
	return 1 + rand.IntN(3)
}
