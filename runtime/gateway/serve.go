package gateway

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"maelstrom/cluster"
	"maelstrom/project/route"
	"maelstrom/runtime/proxy"
)

// The fields that the private handler believes.
const (
	fieldComponent = route.ComponentHeader
	fieldDeadline  = "Maelstrom-Deadline-Nano"
)

// maxTries bounds how often a request is sent whose instance did not take it:
// nine seconds to hear from the engine that a container died, and no end for
// one that runs and takes no connection.
const maxTries = 10

// Public is the handler for the world.
func (g *Gateway) Public() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.handle(w, r, true)
	})
}

// Private is the handler for components on this host: it honours
// MAELSTROM-COMPONENT before every route.
func (g *Gateway) Private() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.handle(w, r, false)
	})
}

// ServeComponent answers r by a component, as the private handler does if r
// names it; no wake rule holds. Like any handler it panics with http.ErrAbortHandler if the answer
// began and broke off.
func (g *Gateway) ServeComponent(w http.ResponseWriter, r *http.Request, component string) {
	x := g.newExchange(w, r, false)
	x.component, x.internal = component, true
	x.target, x.malformed = requestTarget(r)
	g.serveOrAbort(x)
}

func (g *Gateway) handle(w http.ResponseWriter, r *http.Request, public bool) {
	target, malformed := requestTarget(r)
	malformed = malformed || !route.ValidHost(r.Host)
	if target == route.HealthCheckTarget && !malformed {
		g.health(w)
		return
	}
	x := g.newExchange(w, r, public)
	x.target, x.malformed = target, malformed
	if names := r.Header[fieldComponent]; len(names) > 0 && !public {
		x.component = names[0]
	} else {
		x.follow(g.snapshots.Snapshot())
	}
	g.serveOrAbort(x)
}

// follow finds the component by the routes that there are.
func (x *exchange) follow(snap *cluster.Snapshot) {
	host, path := x.r.Host, route.Path(x.target)
	if m, ok := snap.Routes.Match(host, path); ok {
		x.component, x.eventSource = m.Rule.Component, m.Rule.EventSource
		x.target = m.Target(x.target)
	} else if m, ok := snap.Disabled.Match(host, path); ok {
		x.eventSource, x.disabled = m.Rule.EventSource, true
	}
}

// serveOrAbort keeps a client from taking a part of an answer for the whole.
func (g *Gateway) serveOrAbort(x *exchange) {
	if err := g.serve(x); err != nil {
		panic(http.ErrAbortHandler)
	}
}

func (g *Gateway) health(w http.ResponseWriter) {
	status, text := http.StatusOK, route.HealthCheckBody
	if g.leaving.Load() {
		status, text = http.StatusServiceUnavailable, "leaving"
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	w.Write([]byte(text))
}

// requestTarget is the origin form of what stood in the request line;
// malformed if that is nothing a component could be sent.
func requestTarget(r *http.Request) (target string, malformed bool) {
	uri := r.RequestURI
	if uri == "" {
		uri = r.URL.RequestURI() // made here, not received
	}
	_, target, ok := route.SplitTarget(uri)
	return target, !ok || !route.ValidTarget(target)
}

// serve sends a request to its component and sees to the answer. It returns
// an error if the answer began and broke off.
func (g *Gateway) serve(x *exchange) error {
	d := (*dispatcher)(nil)
	switch {
	case x.r.Method == http.MethodConnect:
		x.refuse(refuseConnect)
	case x.malformed:
		x.refuse(refuseMalformed)
	case x.disabled:
		x.refuse(refuseStopped)
	case x.component == "":
		x.refuse(refuseUnknown)
	default:
		if d = g.dispatcher(x.component); d == nil {
			x.refuse(refuseUnknown)
		}
	}
	if d == nil {
		g.unmatched[result{x.status, x.reason}].Add(1)
		g.logAccess(x, nil)
		return nil
	}
	x.judge(d.rules.Load())
	err := g.try(x, d)
	d.finished(x, err)
	g.logAccess(x, err)
	return err
}

// try dispatches and forwards until the request was taken or refused.
func (g *Gateway) try(x *exchange, d *dispatcher) error {
	g.repeats.active.Add(1)
	defer g.repeats.done(x)
	for {
		i, refusal := d.acquire(x)
		if refusal != nil {
			x.refuse(refusal)
			if x.reason == cluster.ReasonQueueFull || x.reason == cluster.ReasonQueueTimeout {
				d.warn("request not served", "request_id", x.requestID, "reason", x.reason, "waited", x.waited)
			} // others are told where they arise
			return nil
		}
		err := g.forward(x, d, i)
		switch {
		case err == nil:
			return nil
		case x.again, x.due && g.repeats.wait(x):
			continue
		case x.status != 0:
			if errors.Is(err, proxy.ErrCut) && !x.endless() {
				d.warn("answer broke off", "placement", x.instance, "request_id", x.requestID, "status", x.status, "bytes", x.bytes, "error", err)
			}
			return err
		}
		x.refuse(refuseError(err, x.component, x.r.Context().Err()))
		if x.reason != cluster.ReasonNone {
			d.warn("request not served", "placement", x.instance,
				"request_id", x.requestID, "reason", x.reason, "error", err)
		}
		return nil
	}
}

// forward sends a request to an instance, once.
func (g *Gateway) forward(x *exchange, d *dispatcher, i *instance) (err error) {
	defer func() {
		x.again, x.at = g.again(x, err), nil
		d.release(i, x, err)
		if i.link != nil {
			i.link.count(x, err)
		}
		if x.leftOut > 0 {
			d.warn("failing instance is left out", "placement", i.placement, "node", i.node, "status", x.status, "for", x.leftOut, "error", err)
			x.leftOut = 0
		}
	}()
	x.tries++
	x.at = d
	x.granted, x.instance, x.node = time.Now(), i.placement, ""
	if i.link != nil {
		x.node = i.node
	}
	return g.engine.Forward(x, x.r, proxy.Upstream{
		Conns:     i.conns,
		Target:    x.target,
		RequestID: x.requestID,
		Public:    x.public,
		Forwarded: x.asker != "",
		Start:     x.start,
		Deadline:  x.deadline,
	})
}

// acquire waits for a slot. The time that a request may take, waiting
// included, starts when it comes in.
func (d *dispatcher) acquire(x *exchange) (*instance, *refusal) {
	w := x.waiter
	if x.waiter = nil; w == nil {
		i, waiter, refusal := d.enter(x)
		if x.deadline.IsZero() {
			x.deadline = d.deadline(x)
		}
		if w = waiter; w == nil {
			return i, refusal
		}
	}
	x.cold = x.cold || w.cold
	defer func() { x.waited += time.Since(w.since) }()
	return d.await(x, w)
}

func (d *dispatcher) await(x *exchange, w *waiter) (*instance, *refusal) {
	gone, stop := watchHangup(x.r)
	defer stop()
	until := x.deadline
	if limit := d.g.opt.QueueTimeout; limit > 0 && x.start.Add(limit).Before(until) {
		until = x.start.Add(limit)
	}
	timer := time.NewTimer(max(1, time.Until(until)))
	defer timer.Stop()
	select {
	case o := <-w.outcome:
		return o.instance, o.refusal
	case <-x.r.Context().Done():
		d.leave(w)
		if x.r.Context().Err() == context.DeadlineExceeded {
			return nil, d.late()
		}
		return nil, refuseAbsent
	case <-gone:
		d.leave(w)
		return nil, refuseAbsent
	case <-timer.C:
		d.leave(w)
		return nil, d.late()
	}
}

// late is the answer for who has waited until the deadline.
func (d *dispatcher) late() *refusal {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.ready) > 0 || d.outage == nil {
		return refuseLate(d.name, cluster.ReasonQueueTimeout)
	}
	return refuseFailure(d.away(time.Now()))
}

// deadline is when the answer's header must be there.
func (d *dispatcher) deadline(x *exchange) time.Time {
	d.mu.Lock()
	limit := time.Duration(0)
	if d.row != nil {
		limit = d.row.Effective.MaxDuration()
	}
	d.mu.Unlock()
	if limit <= 0 {
		limit = proxy.DefaultStall
	}
	if timeout, ok := proxy.GRPCTimeout(x.r.Header); ok {
		limit = min(limit, timeout)
	}
	at := x.start.Add(limit)
	if x.public {
		return at
	}
	if text := x.r.Header.Get(fieldDeadline); text != "" {
		nanos, err := strconv.ParseInt(text, 10, 64)
		if told := time.Unix(0, nanos); err == nil && nanos > 0 && told.Before(at) {
			at = told
		}
	}
	return at
}
