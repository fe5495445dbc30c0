package runtime

import (
	"context"
	"time"

	"maelstrom/cluster"
)

// confirmAfter is how soon a new suspect is asked again. By then it is known
// everywhere which others of its component fail with it.
const confirmAfter = 2 * time.Second

// doubt counts a failed health check. An instance with too many of them in a
// row is a suspect: it serves on, and the scheduler may put another beside it.
func (u *unit) doubt(ctx context.Context, err error) {
	if u.inst.FailedChecks == 0 || u.failing.IsZero() {
		u.failing = time.Now()
	}
	u.inst.FailedChecks++
	u.log.Warn("health check failed", "failures", u.inst.FailedChecks, "error", err)
	if !u.inst.Suspect && u.inst.FailedChecks >= u.spec.HTTPHealthCheckMaxFailures {
		u.inst.Suspect = true
		u.blame(u.probeFailure(ctx, err))
		u.log.Warn("instance is suspect", "reason", string(u.inst.Reason), "message", u.inst.Message)
	}
	u.report()
}

// trust takes the failures back: a check passed, or a request succeeded.
func (u *unit) trust() {
	if u.inst.FailedChecks == 0 && !u.inst.Suspect {
		return
	}
	if u.inst.Suspect {
		u.log.Info("instance is well again", "failures", u.inst.FailedChecks)
	}
	u.acquit()
	if !u.inst.Holds {
		u.inst.Reason, u.inst.Message = cluster.ReasonNone, ""
	}
	u.report()
}

// acquit forgets the failed checks.
func (u *unit) acquit() {
	u.inst.Suspect, u.inst.FailedChecks, u.failing = false, 0, time.Time{}
}

// incurable tells whether a suspect is to be restarted.
func (u *unit) incurable() bool {
	most := u.spec.HTTPHealthCheckMaxFailures
	if u.inst.FailedChecks <= most {
		return false // it is not known everywhere yet
	}
	switch remedyOf(u.agent.deps.Feed.Snapshot(), u.id) {
	case remedyNow:
		return true
	case remedyIfDead:
		return u.inst.FailedChecks > deadAfter*most && // one was to make sure
			!u.succeededSince(u.failing)
	}
	return false
}

// untilCheck is the time to the next health check.
func (u *unit) untilCheck() time.Duration {
	period := u.spec.HealthCheckPeriod()
	if u.inst.Suspect && u.inst.FailedChecks == u.spec.HTTPHealthCheckMaxFailures {
		return min(period, confirmAfter)
	}
	return period
}

func (u *unit) recentSuccess(period time.Duration) bool {
	return u.succeededSince(time.Now().Add(-period))
}

// succeededSince tells whether a request of the instance has succeeded since.
func (u *unit) succeededSince(since time.Time) bool {
	if u.agent.deps.Activity == nil {
		return false
	}
	last := u.agent.deps.Activity.LastSuccess(u.id)
	return !last.IsZero() && !last.Before(since)
}
