package rpc

import (
	"cmp"
	"fmt"

	"maelstrom/cluster"
)

// addRollout tells of a declared version that is not rolled out because it has
// failed. How the version before does is told where that fails as well.
func (v view) addRollout(s *componentState, row *cluster.ComponentRow) {
	if f := row.Failed; f != nil && s.word != ComponentFailed {
		s.reason, s.message = f.Reason, rolloutFailure(row)
	}
}

// rolloutFailure is why a declared version is not rolled out, and what runs
// instead.
func rolloutFailure(row *cluster.ComponentRow) string {
	text := fmt.Sprintf("version %d is not rolled out: %s", row.RestartVersion, cmp.Or(row.Failed.Message, string(row.Failed.Reason)))
	if row.Kept != nil {
		text += fmt.Sprintf("; version %d runs on", row.Kept.Version)
	}
	return text
}

// rollout tells how the declared version of a component is rolled out.
func (v view) rollout(row *cluster.ComponentRow) Rollout {
	r := Rollout{
		Version:        row.Version,
		RestartVersion: cmp.Or(row.RestartVersion, row.Version),
		Runs:           row.Current().Version,
		Proven:         row.Proven,
		Since:          timeOrNil(row.ModifiedAt),
	}
	if row.Kept != nil {
		r.Kept = row.Kept.Version
	}
	if row.Held() {
		r.Runs = 0
	}
	switch {
	case row.Unreleased():
		v.addReleasing(&r, row)
	case row.Failed != nil:
		f := row.Failed
		r.State, r.Reason, r.Message = RolloutFailed, f.Reason, rolloutFailure(row)
		r.Since, r.RetryAt, r.Tries = timeOrNil(f.At), timeOrNil(f.RetryAt), f.Tries
	case row.Unproven():
		v.addProving(&r, row)
	default:
		v.addRolling(&r, row.Effective.Name)
	}
	return r
}

// addReleasing tells of a version that its release command holds up.
func (v view) addReleasing(r *Rollout, row *cluster.ComponentRow) {
	r.State = RolloutWaiting
	var state componentState
	v.addRelease(&state, row)
	r.Reason, r.Message = state.reason, state.message
	run := v.release(row)
	if run == nil {
		return
	}
	if run.State == cluster.RunFailed {
		r.State, r.Tries = RolloutFailed, 1
		r.Since = timeOrNil(run.FinishedAt)
	} else if !run.StartedAt.IsZero() {
		r.Since = timeOrNil(run.StartedAt)
	}
}

// addProving tells of a version that no instance of was ready yet.
func (v view) addProving(r *Rollout, row *cluster.ComponentRow) {
	r.State = RolloutProving
	of, others := v.placed(row.Effective.Name, r)
	switch f := v.refusals[row.Effective.Name]; {
	case len(of) > 0:
		first := v.instance(of[0], "")
		r.Reason = first.Reason
		r.Message = fmt.Sprintf("version %d proves itself: slot %d is %s", r.RestartVersion, first.Slot, first.State)
		if first.Message != "" {
			r.Message += ": " + first.Message
		}
	case f != nil:
		r.Reason, r.Message = f.Reason, fmt.Sprintf("version %d has no instance yet: %s", r.RestartVersion, f.Message)
	case row.Gated() || len(others) > 0:
		r.Message = fmt.Sprintf("version %d waits for an instance that proves it", r.RestartVersion)
	default:
		r.State = RolloutUnproven
		r.Message = fmt.Sprintf("no instance of version %d was started yet: it is asleep", r.RestartVersion)
	}
}

// addRolling tells how far a proven version is.
func (v view) addRolling(r *Rollout, name string) {
	r.State = RolloutDone
	if of, others := v.placed(name, r); len(others) > 0 {
		r.State = RolloutRolling
		r.Message = fmt.Sprintf("version %d takes over: %d of %d instances are of it", r.RestartVersion, len(of), len(of)+len(others))
	}
}

// placed are the placements of the declared version, and those of others.
func (v view) placed(name string, r *Rollout) (of, others []*cluster.Placement) {
	placements, _ := v.snap.ByComponent.Get(name)
	for _, p := range placements {
		if r.RestartVersion <= p.PlacedVersion && p.PlacedVersion <= r.Version {
			of = append(of, p)
		} else {
			others = append(others, p)
		}
	}
	return of, others
}

// suspected tells that every ready instance of a component fails its health
// checks, and with what; empty: not so.
func (v view) suspected(name string) string {
	placements, _ := v.snap.ByComponent.Get(name)
	message := ""
	for _, p := range placements {
		i, reported := v.snap.Instances.Get(p.ID)
		switch {
		case !reported || !i.Serves(p.Want):
		case !i.Suspect:
			return ""
		default:
			message = fmt.Sprintf("slot %d fails its health checks, and is not restarted for that: %s", p.Slot, cmp.Or(i.Message, string(i.Reason)))
		}
	}
	return message
}
