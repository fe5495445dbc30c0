package gateway

import (
	"sync"
	"time"

	"maelstrom/cluster"
)

// outagePatience is how old an outage of the engine may be for requests to wait
// for its end: a restart or an upgrade takes less.
const outagePatience = 30 * time.Second

// outage is that of the engines that a start waits for.
type outage struct {
	failure  cluster.Failure
	met      time.Time // when the dispatcher first heard of it
	nodes    []string  // whose engines; none: not known
	starting bool      // and a start is under way, which may be met by it or not
}

// engines is what the nodes' rows told of their engines, for those that were ever
// away.
type engines struct {
	mu     sync.Mutex
	seen   *cluster.Snapshot
	byNode map[string]engine
}

type engine struct {
	down time.Time // since when it is away; zero: it answers
	back time.Time // when it last answered again
}

// follow takes in the rows as they are now.
func (e *engines) follow(snapshots Snapshots, now time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	snap := snapshots.Snapshot() // never one that is older than the last
	if snap == e.seen {
		return
	}
	e.seen = snap
	for name := range e.byNode {
		if _, known := snap.Nodes.Get(name); !known {
			delete(e.byNode, name)
		}
	}
	for name, row := range snap.Nodes.All() {
		was := e.byNode[name]
		switch away := row.Engine != ""; {
		case away && was.down.IsZero():
			e.byNode[name] = engine{down: now, back: was.back}
		case !away && !was.down.IsZero():
			e.byNode[name] = engine{back: now}
		}
	}
}

// began is when o began: where several engines are away, when the last of them
// went. One that answered in between begins anew.
func (e *engines) began(o *outage, now time.Time) time.Time {
	if len(o.nodes) == 0 {
		return o.met
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	var last time.Time
	for _, name := range o.nodes {
		at, seen := o.met, e.byNode[name]
		switch {
		case !seen.down.IsZero() && seen.down.Before(at):
			at = seen.down
		case seen.down.IsZero() && o.starting:
			at = now // the engine answers, as far as is known
		}
		if seen.back.After(at) {
			at = seen.back
		}
		if at.After(last) {
			last = at
		}
	}
	return last
}

// meet notes an outage, nil that there is none: one that lasts began when it was
// first met.
func (d *dispatcher) meet(o *outage) {
	if o != nil && d.outage != nil {
		o.met = d.outage.met
	}
	d.outage = o
}

// awayFor is how much longer an outage is waited for; zero or less: no longer.
func (d *dispatcher) awayFor(now time.Time) time.Duration {
	return d.g.engines.began(d.outage, now).Add(outagePatience).Sub(now)
}

// tellOutage tells those who wait for an engine that it is away for too long, once
// it is.
func (d *dispatcher) tellOutage(now time.Time) {
	if d.outage == nil || d.telling || len(d.ready) > 0 || d.queue.active() == 0 {
		return
	}
	d.telling = true
	time.AfterFunc(max(time.Millisecond, d.awayFor(now)), func() {
		now := time.Now()
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.telling = false; d.dead || d.g.ended.Load() {
			return
		}
		d.sync(now)
		if f := d.fails(now); f != nil {
			d.refuseAll(refuseFailure(f))
		}
		d.tellOutage(now)
	})
}

// away is the outage as a client meets it now.
func (d *dispatcher) away(now time.Time) *cluster.Failure {
	if d.failure != nil {
		return d.failure.at(now)
	}
	return &d.outage.failure
}

// enginesDown are the nodes whose rows say that they have no engine.
func enginesDown(snap *cluster.Snapshot) (nodes []string) {
	for name, row := range snap.Nodes.All() {
		if row.Engine != "" {
			nodes = append(nodes, name)
		}
	}
	return nodes
}
