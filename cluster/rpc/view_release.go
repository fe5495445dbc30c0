package rpc

import (
	"fmt"

	"maelstrom/cluster"
)

// addRelease tells of a declared version that is not rolled out because its
// release command has not succeeded: that, and not how the version before does,
// is what somebody has to look at.
func (v view) addRelease(s *componentState, row *cluster.ComponentRow) {
	if !row.Unreleased() {
		return
	}
	run := v.release(row)
	if run != nil && run.State == cluster.RunFailed {
		s.reason = cluster.ReasonReleaseFailed
		s.message = fmt.Sprintf("version %d is not rolled out: its release command failed: %s", row.RestartVersion, run.Message)
		return
	}
	if s.reason == cluster.ReasonReleaseFailed { // of an earlier version, remembered by placement
		s.word, s.reason, s.message = ComponentAsleep, cluster.ReasonNone, ""
	}
	if s.message != "" {
		return
	}
	s.message = fmt.Sprintf("version %d waits for its release command", row.RestartVersion)
	if run != nil && !run.StartedAt.IsZero() {
		s.message = fmt.Sprintf("the release command of version %d runs since %s", row.RestartVersion, run.StartedAt.UTC().Format("15:04:05"))
	}
}

// release is the run of a declared version; nil: there is none yet.
func (v view) release(row *cluster.ComponentRow) *cluster.Run {
	key := cluster.ReleaseKey(row.Spec.Name, row.RestartVersion)
	for _, run := range v.snap.Runs.All() {
		if run.Kind == cluster.RunRelease && run.Key() == key {
			return run
		}
	}
	return nil
}

// lastFiring tells how a firing went.
func lastFiring(f cluster.Firing) *LastFiring {
	last := &LastFiring{Due: f.Due, StartedAt: f.StartedAt, Status: f.Status, Reason: f.Reason, Error: f.Error, Running: f.FinishedAt.IsZero()}
	if !last.Running {
		last.Seconds = f.FinishedAt.Sub(f.StartedAt).Seconds()
	}
	return last
}
