package scheduler

import (
	"slices"
	"time"

	"maelstrom/cluster"
)

const (
	// triesBeside is how often a version may fail while the one before serves
	// on beside it. In its place it may fail once.
	triesBeside = 3

	// trialTime is how long an instance must be ready to prove its version if
	// nothing checks its start.
	trialTime = 5 * time.Second

	// The pauses before a version is tried again that is not to blame for its
	// failure.
	retryFirst = 30 * time.Second
	retryMost  = 10 * time.Minute
)

// judge finds out what has become of the declared version. The rest of the
// plan goes by that already.
func (p *planner) judge(c *component) {
	switch d := c.declared; {
	case d == nil || !d.Unproven() && d.Failed == nil:
	case d.Failed != nil:
		p.retry(c)
	case p.proves(c):
		p.tell(c, cluster.RolloutProven, nil)
		proven := *d
		proven.Proven, proven.Kept, proven.Tries = d.RestartVersion, nil, 0
		c.turn(&proven)
	}
}

// settle plans how many instances there are of a component, and which.
func (p *planner) settle(c *component) {
	p.current = c
	p.scale(c)
	if f := p.gateFailure(c); f != nil {
		p.fail(c, f)
		p.scale(c)
	}
	p.reconcile(c)
}

// proves tells whether an instance of the declared version works, be it one
// that is about to leave.
func (p *planner) proves(c *component) bool {
	if c.row != c.declared {
		return false
	}
	return slices.ContainsFunc(slices.Concat(c.running, c.outdated, c.leaving), func(pl *cluster.Placement) bool {
		i, ok := p.in.Snapshot.Instances.Get(pl.ID)
		return ok && runs(c.row, pl) && i.State == cluster.InstanceReady && !i.Suspect && p.tried(c, pl)
	})
}

// tried tells whether a ready instance proves anything yet. This holder counts
// from when it saw it first: clocks of nodes differ.
func (p *planner) tried(c *component, pl *cluster.Placement) bool {
	if c.spec.StartCheckTimeout() > 0 {
		return true
	}
	since, known := p.in.Memory.Trials[pl.ID]
	if !known {
		since = p.in.Now
	}
	if until := since.Add(trialTime); until.After(p.in.Now) {
		p.memory.Trials[pl.ID] = since
		p.look(until)
		return false
	}
	return true
}

// gateFailure tells why the version that has to prove itself does not; nil: it
// may still.
func (p *planner) gateFailure(c *component) *cluster.Failure {
	if c.kept == nil {
		return nil
	}
	if p.keepsWaiting(c) {
		return inTheWay()
	}
	for _, pl := range c.running {
		i, ok := p.in.Snapshot.Instances.Get(pl.ID)
		if !ok || i.Reason == cluster.ReasonNone || i.State == cluster.InstanceReady {
			continue
		}
		tries := i.Restarts
		if i.State == cluster.InstanceBackoff {
			tries++
		}
		if tries > 0 && (tries >= triesBeside || !ownFault(i.Reason) || !p.beside(c)) {
			return &cluster.Failure{Reason: i.Reason, Message: i.Message}
		}
	}
	return p.hindered(c)
}

// keepsWaiting tells whether somebody waits for what the version before could
// do by now, if its place were not taken. Where an image is pulled before each
// start, that it is being pulled tells nothing.
func (p *planner) keepsWaiting(c *component) bool {
	return c.memory.Target > 0 && len(c.outdated) == 0 && (c.stopFirst() || c.full()) && !c.spec.PullImageOnStart && p.pulls(c) > 0
}

// inTheWay is why a version that is still being pulled is put off.
func inTheWay() *cluster.Failure {
	return &cluster.Failure{
		Reason: cluster.ReasonNoCapacity, Message: "its image was still being pulled when the version before was asked for, which can't run beside it",
	}
}

// hindered tells why an instance can't make way for the version that is to
// come: its node has no image of that. What a suspect suffers from is no reason.
func (p *planner) hindered(c *component) *cluster.Failure {
	for _, pl := range c.leaving {
		i, ok := p.in.Snapshot.Instances.Get(pl.ID)
		if !ok || !i.Holds || i.HeldFor != 0 && i.HeldFor != c.declared.Version {
			continue // what an earlier version lacked is not for this one to answer for
		}
		if runs(c.kept, pl) && i.Reason != cluster.ReasonNone && !(i.Suspect && i.Reason == i.LastFailure) {
			return &cluster.Failure{Reason: i.Reason, Message: i.Message}
		}
	}
	return nil
}

// beside tells whether the version before serves as if there were no other.
func (p *planner) beside(c *component) bool {
	serving := 0
	for _, pl := range c.outdated {
		if !p.stale(c, pl) {
			serving++
		}
	}
	return !c.stopFirst() && serving >= c.memory.Target
}

// ownFault tells whether a failure is for a reason that only a change of the
// version does away with.
func ownFault(r cluster.Reason) bool {
	switch r {
	case cluster.ReasonImageMissing, cluster.ReasonPullFailed, cluster.ReasonEngineDown, cluster.ReasonNoCapacity:
		return false
	}
	return true
}

// fail ends the roll-out of the declared version: what is kept runs on, or
// again.
func (p *planner) fail(c *component, why *cluster.Failure) {
	failed := *c.declared
	failed.Tries++
	f := &cluster.RolloutFailure{Reason: why.Reason, Message: why.Message, At: p.in.Now, Tries: failed.Tries}
	if !ownFault(why.Reason) {
		f.RetryAt = p.in.Now.Add(retryPause(f.Tries))
		p.look(f.RetryAt)
	}
	failed.Failed = f
	p.tell(c, cluster.RolloutFailed, f)
	c.turn(&failed)
}

func retryPause(tries int) time.Duration {
	return min(retryFirst<<min(max(tries-1, 0), 10), retryMost)
}

// retryDue tells whether it is time to try a version again. A time that is too
// far away is by the clock of another holder.
func (p *planner) retryDue(f *cluster.RolloutFailure) bool {
	return !f.RetryAt.After(p.in.Now) || f.RetryAt.After(p.in.Now.Add(2*retryMost))
}

// retry takes a failure back when its time has come.
func (p *planner) retry(c *component) {
	f := c.declared.Failed
	switch {
	case f.RetryAt.IsZero():
	case !p.retryDue(f):
		p.look(f.RetryAt)
	default:
		p.tell(c, cluster.RolloutRetry, nil)
		again := *c.declared
		again.Failed = nil
		c.turn(&again)
	}
}

// tell writes what has become of the declared version; the last word counts.
func (p *planner) tell(c *component, state cluster.RolloutState, f *cluster.RolloutFailure) {
	p.rollouts[c.name] = &cluster.RolloutWrite{
		Component: c.name, Version: c.declared.RestartVersion, State: state, Failure: f,
	}
}
