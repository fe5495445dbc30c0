package runtime

import (
	"context"
	"time"

	"maelstrom/cluster"
)

// bury reads why the container exited, removes it, and tries again later.
func (u *unit) bury(ctx context.Context) phase {
	if u.endedByEngine() {
		u.log.Info("container ended with the engine; it is started again")
		return u.again
	}
	return u.discard(u.autopsy(ctx))
}

// again replaces a container that is not to blame for its end.
func (u *unit) again(ctx context.Context) phase {
	u.inst.State = cluster.InstanceStarting
	u.acquit()
	u.report()
	u.clear(ctx)
	u.inst.Restarts++
	return u.launch
}

// discard removes a container that failed. The failure is published first:
// those who wait should not wait for its removal as well.
func (u *unit) discard(f *cluster.Failure) phase {
	return func(ctx context.Context) phase {
		if ctx.Err() != nil {
			return nil
		}
		u.failed(f)
		u.clear(ctx)
		u.report()
		return u.backOff
	}
}

// unservedGrace is between SIGTERM and SIGKILL for what has failed before it
// was ready: it has nothing to finish, and the version that served before may
// be waiting for its place.
const unservedGrace = time.Second

// clear removes the container. One that can't be removed now is met again by
// the next start, or found by a later list.
func (u *unit) clear(ctx context.Context) {
	grace := u.agent.opt.StopGrace
	if !u.inst.WasReady {
		grace = min(grace, unservedGrace)
	}
	if err := u.remove(ctx, grace); err != nil && ctx.Err() == nil {
		u.log.Warn("container not removed", "container", u.inst.ContainerID, "error", err)
		u.agent.engine.ask()
	}
	if ctx.Err() == nil {
		u.release()
	}
}

// fail is the end of a try that has left no container.
func (u *unit) fail(f *cluster.Failure) phase {
	u.failed(f)
	return u.backOff
}

// failed publishes why the placement does not run, and when it is tried again.
func (u *unit) failed(f *cluster.Failure) {
	served := !u.ready.IsZero()
	if served && time.Since(u.ready) >= steadyAfter {
		u.crashes.reset()
	}
	u.ready = time.Time{}
	wait := u.crashes.next
	switch {
	case f.Reason == cluster.ReasonEngineDown:
		wait = u.waits.next
	case served && f.Reason == cluster.ReasonExited:
		wait = u.crashes.afterService
	}
	u.inst.State, u.inst.Holds = cluster.InstanceBackoff, false
	u.acquit()
	u.blame(f)
	u.inst.BackoffUntil = time.Now().Add(wait())
	u.report()
	u.log.Warn("instance failed", "reason", string(f.Reason), "message", f.Message, "retry_at", u.inst.BackoffUntil)
}

// blame notes what is wrong with the instance, and remembers it for when it
// is well again.
func (u *unit) blame(f *cluster.Failure) {
	u.inst.Reason, u.inst.Message = f.Reason, f.Message
	u.inst.LastFailure, u.inst.LastFailureAt = f.Reason, time.Now()
	u.inst.LastFailureDetail = detailOf(f.Message)
}

// backOff waits until the next try. One that failed for want of an engine is
// tried as soon as the engine answers.
func (u *unit) backOff(ctx context.Context) phase {
	u.agent.dismiss(u)
	conditions := []condition{stopWanted}
	if u.inst.Reason == cluster.ReasonEngineDown {
		conditions = append(conditions, engineBack(u.agent.engine.ends()))
		u.agent.engine.ask()
	}
	switch u.pause(ctx, time.Until(u.inst.BackoffUntil), conditions...) {
	case errStopWanted:
		return nil
	case errEngineBack:
		u.waits.reset()
	}
	u.inst.Restarts++
	return u.launch
}
