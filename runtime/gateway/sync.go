package gateway

import (
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

// sync follows the snapshot: what there is to route to, what fails, and what
// that means for those who wait. It costs one comparison if nothing changed.
func (d *dispatcher) sync(now time.Time) {
	snap := d.g.snapshots.Snapshot()
	if snap == d.snapshot {
		return
	}
	d.snapshot = snap
	d.g.engines.follow(d.g.snapshots, now)
	d.round++
	row, ok := snap.Components.Get(d.name)
	d.declared = row
	if ok {
		d.gated = row.Gated()
		row = row.Current()
	}
	if row != d.row {
		d.declare(row)
	}
	if row == nil {
		d.ready, d.placed, d.failure, d.outage = d.ready[:0], false, nil, nil
		d.dropUnseen()
		d.dismissForwarded(now)
		d.refuseAll(refuseGone)
		return
	}
	d.survey(snap, now)
	d.dismissForwarded(now)
	if len(d.ready) == 0 && d.queue.passive > 0 {
		d.dismissPassive(now)
	}
	if f := d.fails(now); f != nil {
		d.refuseAll(refuseFailure(f))
	}
	d.grant(now)
	d.wakeIfNeeded()
	d.settle()
}

// declare takes over what the component says of itself; nil: it is gone.
func (d *dispatcher) declare(row *cluster.ComponentRow) {
	d.row = row
	if row == nil {
		d.rules.Store(nil)
		return
	}
	d.rules.Store(row.Effective.WakeRules())
	d.limit = max(1, row.Effective.MaxConcurrency)
	if row.Effective.SoftConcurrencyLimit {
		d.limit = 0
	}
	d.byLoad = row.Effective.Balance == project.BalanceLeastLoaded
}

// survey reads the component's placements and instances.
func (d *dispatcher) survey(snap *cluster.Snapshot, now time.Time) {
	placements := snap.Placed(d.name)
	d.ready, d.placed, d.failure = d.ready[:0], false, nil
	var failed *failing
	away := &outage{met: now}
	hope, other := false, false // something runs, or is about to; and not only once an engine answers
	for _, p := range placements {
		in, known := snap.Instances.Get(p.ID)
		d.seeInstance(p, in, known)
		if p.Want != cluster.WantRun {
			continue
		}
		d.placed = true
		down := known && in.Reason == cluster.ReasonEngineDown
		if down {
			away.failure, away.nodes = failureOf(in).failure, append(away.nodes, in.Node)
			away.starting = away.starting || in.State != cluster.InstanceBackoff
		}
		if known && in.State == cluster.InstanceBackoff && now.Before(in.BackoffUntil) && d.lastWord(p) && !movesOn(in) {
			failed = soonest(failed, failureOf(in))
		} else {
			hope, other = true, other || !down
		}
	}
	if !hope {
		d.failure = failed
	}
	switch {
	case d.placed && len(away.nodes) > 0 && !other:
		d.meet(away)
	case d.placed, d.queue.active() == 0:
		d.meet(nil)
	}
	d.takeIn(now)
	d.warming = newWarming(d.ready)
	d.dropUnseen()
}

// lastWord tells whether a failure of p is the component's: p is of the version
// that is to run, and that has not to prove itself first. Otherwise another one
// comes for it.
func (d *dispatcher) lastWord(p *cluster.Placement) bool {
	return !d.gated && d.declared.Placed(p.PlacedVersion) == d.row
}

// movesOn tells whether a node has just refused a start: another one is looked
// for.
func movesOn(in *cluster.Instance) bool {
	return in.Reason == cluster.ReasonNoCapacity && in.Restarts == 0
}

// versionOf is what the version of p says of its containers: the declared one or
// the one that is kept beside it.
func (d *dispatcher) versionOf(p *cluster.Placement) *project.Component {
	if row := d.declared.Placed(p.PlacedVersion); row != nil {
		return row.Effective
	}
	return d.row.Effective
}

// seeInstance takes in what the snapshot says of one placement.
func (d *dispatcher) seeInstance(p *cluster.Placement, in *cluster.Instance, known bool) {
	runs := known && in.Serves(p.Want) && d.g.reaches(d.snapshot, in.Node)
	i, r := d.instances[p.ID], d.retreats[p.ID]
	if r != nil {
		r.round = d.round
		if runs && (r.left || i != nil && !i.is(in)) {
			delete(d.retreats, p.ID)
			r = nil
		} else if !runs {
			r.left = true
		}
	}
	if runs && (i == nil || !i.is(in)) {
		i = d.newInstance(in, d.versionOf(p))
		d.instances[p.ID] = i
	}
	if i != nil {
		i.round = d.round
		if known {
			i.begins(in.ReadyAt)
			i.news(in)
		}
	}
	if runs && r == nil {
		d.ready = append(d.ready, i)
	}
}

// dropUnseen forgets those whose placement is gone. A request that is still
// on one keeps it until its end.
func (d *dispatcher) dropUnseen() {
	for id, i := range d.instances {
		if i.round == d.round {
			continue
		}
		if i.orphan = true; i.inFlight == 0 {
			d.drop(i)
		}
		delete(d.retreats, id)
	}
	for id, r := range d.retreats {
		if r.round != d.round {
			delete(d.retreats, id)
		}
	}
}

func (d *dispatcher) drop(i *instance) {
	i.conns.Close()
	if d.instances[i.placement] == i {
		delete(d.instances, i.placement)
	}
}

// failureOf is what clients are told while in is in back-off: the cause, or
// that something which did run keeps crashing.
func failureOf(in *cluster.Instance) *failing {
	reason := in.Reason
	crashed := reason == cluster.ReasonExited || reason == cluster.ReasonUnhealthy
	if in.WasReady && crashed || reason == cluster.ReasonNone {
		reason = cluster.ReasonBackoff
	}
	return &failing{
		failure: cluster.Failure{Reason: reason, Message: in.Message},
		until:   in.BackoffUntil,
	}
}

// soonest is the failure that ends first: the next try may help.
func soonest(a, b *failing) *failing {
	if a == nil || b.until.Before(a.until) {
		return b
	}
	return a
}
