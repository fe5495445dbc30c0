package runtime

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

// successor returns the component whose newer version a container makes way
// for, if that one needs another image than it runs itself; else nil.
func (t *target) successor(image string) *project.Component {
	if t.row == nil || t.restored || t.cut || t.current == nil || t.want != cluster.WantStop {
		return nil
	}
	if t.row.PlacedVersion >= cmp.Or(t.current.RestartVersion, t.current.Version) || t.current.Effective.Image == image {
		return nil
	}
	return t.current.Effective
}

// makeWay lets a ready container serve on until the image of the version that
// replaces it is here: a version that can't come is no reason to stop.
func (u *unit) makeWay(ctx context.Context) phase {
	t := u.asked()
	next := t.successor(u.inst.Image)
	if next == nil {
		u.inst.Holds = false
		return u.drain
	}
	u.inst.Holds = true
	u.report()
	work, done := u.during(ctx, runWanted, died, movedOn(u.inst.Image, next.Image))
	err := u.agent.deps.Images.Ready(work, PullOrder{Component: next, Version: t.current.Version})
	cause := context.Cause(work)
	done()
	switch {
	case ctx.Err() != nil:
		return nil
	case errors.Is(cause, errDied):
		return u.bury
	case errors.Is(cause, errRunWanted):
		return u.stay
	case errors.Is(cause, errMovedOn):
		return u.makeWay
	case err != nil:
		u.hinder(startFailure(err, next), t.current.Version)
		return u.serve
	}
	u.holds.reset()
	u.inst.Holds, u.inst.Reason, u.inst.Message = false, cluster.ReasonNone, ""
	return u.drain
}

// movedOn: what a container of one image makes way for is not of another any more.
func movedOn(own, next string) condition {
	return func(u *unit) error {
		if s := u.target.successor(own); s == nil || s.Image != next {
			return errMovedOn
		}
		return nil
	}
}

// stay goes on as if the container had never been asked to make way.
func (u *unit) stay(context.Context) phase {
	u.holds.reset()
	u.inst.Holds, u.inst.Reason, u.inst.Message = false, cluster.ReasonNone, ""
	if u.inst.Suspect {
		u.inst.Reason, u.inst.Message = u.inst.LastFailure, u.inst.LastFailureDetail
	}
	u.report()
	return u.serve
}

// hinder says why the container serves on, and has it make way again later, or
// as soon as the component changes.
func (u *unit) hinder(failure *cluster.Failure, version int64) {
	wait := u.holds.next()
	u.inst.Reason, u.inst.HeldFor = failure.Reason, version
	u.inst.Message = fmt.Sprintf("version %d can't replace it yet: %s", version, failure.Message)
	u.report()
	u.log.Warn("instance serves on; what replaces it has no image", "version", version,
		"reason", string(failure.Reason), "message", failure.Message, "retry_in", wait)
	u.mu.Lock()
	defer u.mu.Unlock()
	u.blocked = version
	u.retry = time.AfterFunc(wait, u.unblock)
}

// unblock lets the container make way again.
func (u *unit) unblock() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.blocked = 0
	if u.retry != nil {
		u.retry.Stop()
		u.retry = nil
	}
	u.guard.check(u)
}
