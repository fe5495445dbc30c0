package gateway

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"maelstrom/cluster"
	"maelstrom/runtime/proxy"
)

// The answers of our own by which another node has its request back: not a byte
// of the body was read.
var (
	forwardedFull = &refusal{status: http.StatusMisdirectedRequest, reason: cluster.ReasonFull,
		text: "No slot of the instance is free"}
	forwardedGone = &refusal{status: http.StatusMisdirectedRequest, reason: cluster.ReasonGone,
		text: "The instance is not here"}
	forwardedDraining = &refusal{status: http.StatusMisdirectedRequest, reason: cluster.ReasonDraining,
		text: "The instance takes no more requests"}
)

// ServeForwarded answers a request that another node sends to an instance of
// this one, named by proxy.FieldForward: with the instance's answer, or with
// 421 before anything of its body was read if the instance can't have it. It
// wakes nothing and asks no other node. The caller has made sure that a node
// asks.
func (g *Gateway) ServeForwarded(w http.ResponseWriter, r *http.Request) {
	x := g.newExchange(w, r, true)
	x.client, x.asker, x.passive = g.opt.TrustedProxies.Origin(r), askerOf(r), aside
	x.target, x.malformed = requestTarget(r)
	err := g.serveForwarded(x)
	g.received.count(x, err)
	g.logAccess(x, err)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
}

// RefuseForwarded ends the intake of requests from other nodes, which send them
// elsewhere then. Those that have a slot go on.
func (g *Gateway) RefuseForwarded() {
	g.received.over.Store(true)
	for _, d := range g.dispatchers.Load().All() {
		d.mu.Lock()
		d.dismissForwarded(time.Now())
		d.mu.Unlock()
	}
}

// askerOf is the node that sends r, as its certificate says.
func askerOf(r *http.Request) string {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return r.RemoteAddr
	}
	return r.TLS.PeerCertificates[0].Subject.CommonName
}

func (g *Gateway) serveForwarded(x *exchange) error {
	component, placement, ok := strings.Cut(x.r.Header.Get(proxy.FieldForward), " ")
	if !ok || x.malformed {
		x.refuseForwarded(refuseMalformed)
		return nil
	}
	x.component, x.instance = component, placement
	d := g.dispatcher(component)
	if d == nil {
		x.refuseForwarded(forwardedGone)
		return nil
	}
	x.deadline = d.forwardedDeadline(x)
	i, refusal := d.acquireForwarded(x)
	if refusal != nil {
		x.refuseForwarded(refusal)
		return nil
	}
	err := g.forward(x, d, i)
	if err == nil {
		return nil
	}
	if x.status == 0 {
		x.refuseForwarded(forwardedError(err, x))
		if x.status != statusClientGone {
			d.warn("request not served", "placement", x.instance, "request_id", x.requestID, "reason", x.reason, "error", err)
		}
		return nil
	}
	if errors.Is(err, proxy.ErrCut) && !x.endless() {
		d.warn("answer broke off", "placement", x.instance, "request_id", x.requestID, "status", x.status, "bytes", x.bytes, "error", err)
	}
	return err
}

func (x *exchange) refuseForwarded(r *refusal) {
	x.own = true
	x.Header().Set(proxy.FieldForward, proxy.ForwardRefused)
	x.refuse(r)
}

// forwardedError is the answer for a request that the proxy could not carry.
func forwardedError(err error, x *exchange) *refusal {
	r := refuseError(err, x.component, x.r.Context().Err())
	if r == refuseUnreachable {
		return forwardedGone // the asker has it as it was
	}
	return r
}

// forwardedDeadline is when the answer's header must be there: the asker says
// how long it waits.
func (d *dispatcher) forwardedDeadline(x *exchange) time.Time {
	left, err := strconv.ParseInt(x.r.Header.Get(proxy.FieldDeadlineMs), 10, 32)
	if err != nil {
		return d.deadline(x)
	}
	return x.start.Add(max(1, time.Duration(left)) * time.Millisecond)
}

// acquireForwarded waits for a slot of the instance that the asker has chosen.
func (d *dispatcher) acquireForwarded(x *exchange) (*instance, *refusal) {
	i, w, refusal := d.enterForwarded(x.instance)
	if w == nil {
		return i, refusal
	}
	d.g.received.waiting.Add(1)
	defer func() {
		d.g.received.waiting.Add(-1)
		x.waited += time.Since(w.since)
	}()
	gone, stop := watchHangup(x.r)
	defer stop()
	timer := time.NewTimer(max(1, time.Until(x.deadline)))
	defer timer.Stop()
	select {
	case o := <-w.outcome:
		return o.instance, o.refusal
	case <-x.r.Context().Done():
		refusal = refuseAbsent
		if x.r.Context().Err() == context.DeadlineExceeded {
			refusal = refuseLate(d.name, cluster.ReasonQueueTimeout)
		}
	case <-gone:
		refusal = refuseAbsent
	case <-timer.C:
		refusal = refuseLate(d.name, cluster.ReasonQueueTimeout)
	}
	d.leaveForwarded(i, w)
	return nil, refusal
}
