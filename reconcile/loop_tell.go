package reconcile

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"maelstrom/cluster"
)

// tellProjects tells what became different of projects since the look began.
func (k *look) tellProjects() {
	for _, path := range slices.Sorted(maps.Keys(k.final)) {
		before, after := k.before.files[path], k.final[path]
		if before == after {
			continue
		}
		synced, _ := conditionOf(after.Conditions, cluster.ConditionSynced)
		name := cmp.Or(after.Project, path)
		switch {
		case newlyFailing(before, after):
			k.tell(cluster.Event{
				Kind: cluster.EventFailed, Severity: cluster.EventError, Project: after.Project,
				Message: name + " is not synced: " + synced.Message,
			})
		case before != nil && toldFailing(before) && synced.Status == cluster.StatusTrue:
			k.tell(cluster.Event{
				Kind: cluster.EventRecovered, Severity: cluster.EventInfo, Project: after.Project,
				Message: name + " is synced again",
			})
		}
	}
}

// newlyFailing tells whether a project fails that did not, or for another
// reason, or after another change.
func newlyFailing(before, after *cluster.ProjectStatus) bool {
	if !isTrue(after.Conditions, cluster.ConditionStalled) {
		return false
	}
	return before == nil || !isTrue(before.Conditions, cluster.ConditionStalled) || before.Digest != after.Digest ||
		reasonOf(before.Conditions, cluster.ConditionStalled) != reasonOf(after.Conditions, cluster.ConditionStalled)
}

// toldFailing tells whether it was told that a project fails.
func toldFailing(s *cluster.ProjectStatus) bool {
	return isTrue(s.Conditions, cluster.ConditionStalled) || isTrue(s.Conditions, cluster.ConditionReconciling) && !s.Reminded.IsZero()
}

// remindProjects tells again what has been failing for long, and once what
// was to pass by itself and does not.
func (k *look) remindProjects() {
	for _, path := range slices.Sorted(maps.Keys(k.final)) {
		s := k.final[path]
		due := k.reminderDue(s)
		if due.IsZero() || k.began.Before(due) {
			continue
		}
		synced, _ := conditionOf(s.Conditions, cluster.ConditionSynced)
		reminded := *s
		reminded.Reminded = k.now()
		k.final[path] = &reminded
		if retried, _ := conditionOf(s.Conditions, cluster.ConditionReconciling); retried.Status == cluster.StatusTrue && !s.Reminded.After(retried.LastTransition) {
			k.tell(cluster.Event{
				Kind: cluster.EventFailed, Severity: cluster.EventError, Project: s.Project,
				Message: cmp.Or(s.Project, path) + " is not synced since " + sinceWord(retried.LastTransition) + ": " + retried.Message,
			})
			continue
		}
		k.tell(cluster.Event{
			Kind: cluster.EventReminder, Severity: cluster.EventWarning, Project: s.Project,
			Message: cmp.Or(s.Project, path) + " is still not synced: " + synced.Message,
		})
	}
}

// reminderDue is when a failing project is told again; zero: it does not fail.
func (k *look) reminderDue(s *cluster.ProjectStatus) time.Time {
	if retried, _ := conditionOf(s.Conditions, cluster.ConditionReconciling); retried.Status == cluster.StatusTrue {
		if s.Reminded.After(retried.LastTransition) {
			return s.Reminded.Add(reminderPeriod)
		}
		return retried.LastTransition.Add(staleIntervals * k.interval())
	}
	stalled, _ := conditionOf(s.Conditions, cluster.ConditionStalled)
	if stalled.Status != cluster.StatusTrue {
		return time.Time{}
	}
	last := stalled.LastTransition
	if s.Reminded.After(last) {
		last = s.Reminded
	}
	return last.Add(reminderPeriod)
}

// tellLooked tells what came of a new revision, once all of it was looked at.
func (k *look) tellLooked(status *cluster.SourceStatus) {
	if status.Revision == k.before.status.Revision {
		return
	}
	e := cluster.Event{Kind: cluster.EventLooked, Severity: cluster.EventInfo, Message: fmt.Sprintf("%d projects are synced", status.Projects)}
	if status.Projects == 1 {
		e.Message = "1 project is synced"
	}
	switch _, first := failing(k.final); {
	case k.declared != nil:
		e.Severity, e.Message = cluster.EventError, k.declared.Error()
	case status.Failing > 0:
		e.Severity, e.Message = cluster.EventError, fmt.Sprintf("%d of %d projects are not synced: %s", status.Failing, status.Projects, first)
	}
	k.tell(e)
}

// tellSource tells what became different of the source as a whole.
func (k *look) tellSource(status *cluster.SourceStatus, err error) {
	before, _ := conditionOf(k.before.status.Conditions, cluster.ConditionReady)
	after, _ := conditionOf(status.Conditions, cluster.ConditionReady)
	changed := before.Reason != after.Reason || before.Status != after.Status
	switch {
	case changed && after.Reason == cluster.ReasonStale:
		k.tell(cluster.Event{Kind: cluster.EventStale, Severity: cluster.EventWarning, Message: "source " + k.source + " is " + after.Message})
	case changed && told(after):
		k.tell(cluster.Event{Kind: cluster.EventFailed, Severity: cluster.EventError, Message: "source " + k.source + ": " + after.Message})
	case changed && (told(before) || before.Reason == cluster.ReasonStale) && err == nil && after.Status != cluster.StatusUnknown && !told(after):
		k.tell(cluster.Event{Kind: cluster.EventRecovered, Severity: cluster.EventInfo, Message: "source " + k.source + " is reached again"})
	}
	if status.PlanHash != "" && status.PlanHash != k.before.status.PlanHash {
		k.tell(cluster.Event{
			Kind: cluster.EventBrake, Severity: cluster.EventWarning,
			Message: "removals wait in source " + k.source + ": " + removalMessage(k.set, k.verdict),
		})
	}
	if due := k.sourceReminder(status); !due.IsZero() && !k.began.Before(due) {
		k.lasting = true
		k.tell(cluster.Event{Kind: cluster.EventReminder, Severity: cluster.EventWarning, Message: "source " + k.source + " is still not synced: " + after.Message})
	}
}

// told tells whether the state of a source is told as a failure: what passes
// by itself is not until it has lasted, and projects are told each.
func told(ready cluster.Condition) bool {
	if ready.Status != cluster.StatusFalse {
		return false
	}
	switch ready.Reason {
	case cluster.ReasonNetworkError, cluster.ReasonStale, cluster.ReasonProjectsFailing,
		cluster.ReasonRemovalsHeld, cluster.ReasonRemovalsConfirm:
		return false
	}
	return true
}

// sourceReminder is when the failure of the source is told again; zero: never.
// Over a restart it counts from when the failure began.
func (k *look) sourceReminder(status *cluster.SourceStatus) time.Time {
	ready, known := conditionOf(status.Conditions, cluster.ConditionReady)
	if !known || ready.Status != cluster.StatusFalse || ready.Reason == cluster.ReasonProjectsFailing ||
		isTrue(status.Conditions, cluster.ConditionSuspended) {
		return time.Time{}
	}
	last := ready.LastTransition
	if k.reminded.After(last) {
		last = k.reminded
	} else if passed := k.started.Sub(last); passed > 0 {
		last = last.Add(passed - passed%reminderPeriod)
	}
	return last.Add(reminderPeriod)
}

// nextReminder is the first reminder that will be due; zero: none.
func (k *look) nextReminder(status *cluster.SourceStatus) time.Time {
	next := k.sourceReminder(status)
	statuses := k.final
	if statuses == nil {
		statuses = k.files
	}
	for _, s := range statuses {
		if due := k.reminderDue(s); !due.IsZero() && (next.IsZero() || due.Before(next)) {
			next = due
		}
	}
	return next
}

// schedule decides when to look without a trigger.
func (k *look) schedule(err error) {
	var origin *OriginError
	permanent := errors.As(err, &origin) && origin.Permanent
	switch {
	case k.paused != nil:
		k.loop.failed, k.loop.next = 0, time.Time{}
	case permanent:
		k.loop.failed, k.loop.lost = 0, time.Time{}
		k.park(origin)
	case err != nil:
		asked := time.Duration(0)
		if origin != nil {
			asked = origin.RetryAfter
		}
		if !k.resting {
			k.retry(asked)
			k.loop.rest, k.loop.failure = k.next, err
		}
		k.loop.next = k.rest
		if stale := k.unreachedSince().Add(staleIntervals * k.interval()); stale.After(k.began) {
			k.noLater(stale)
		}
	case k.database != nil || k.again || len(k.refused) > 0:
		k.loop.lost = time.Time{}
		k.retry(0)
		k.noLater(time.Now().Add(jittered(k.interval())))
	default:
		k.loop.failed, k.loop.lost = 0, time.Time{}
		k.loop.next = time.Now().Add(jittered(k.interval()))
		if k.young {
			k.loop.next = time.Now().Add(youngFile)
		}
	}
	k.noLater(k.nextExpiry(k.began))
	k.noLater(k.remind)
	if sync := k.control.Control.Sync; k.aside() && served(err) && (k.poked || sync != nil && sync.Again) {
		k.loop.next = time.Now()
	}
}

// park stops asking where only a change can help; whatever else is wrong may
// be mended where the source comes from.
func (k *look) park(err *OriginError) {
	switch err.Reason {
	case cluster.ReasonAuthFailed, cluster.ReasonHostKeyChanged, cluster.ReasonInvalidSource:
		k.loop.parked, k.loop.failure, k.loop.next = true, err, time.Time{}
	default:
		k.loop.next = time.Now().Add(jittered(k.interval()))
	}
}

// retry looks again after a pause that grows.
func (k *look) retry(asked time.Duration) {
	k.loop.failed++
	k.loop.next = time.Now().Add(backoffPause(k.failed, asked))
}

// noLater moves the next look forward to t, unless that is zero.
func (k *look) noLater(t time.Time) {
	if !t.IsZero() && (k.next.IsZero() || t.Before(k.next)) {
		k.loop.next = t
	}
}
