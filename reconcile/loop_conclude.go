package reconcile

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"maelstrom/cluster"
)

// conclude stores what the look came to, if it is news, and decides when to
// look again. It is the only place that writes the status of a source.
func (k *look) conclude(ctx context.Context, err error) error {
	if errors.Is(err, errSourceGone) {
		return nil
	}
	var down *databaseError
	if errors.As(err, &down) {
		k.log.Warn("database does not answer", "error", down.err)
		k.loop.settled = false
		k.watch.ready(cluster.StatusUnknown)
		k.retry(0)
		return nil
	}
	status := k.sourceStatus(err)
	k.watchReady(&status)
	write := k.statusWrite(err, status)
	if write.Source != nil || len(write.Put)+len(write.Remove)+len(write.Events) > 0 {
		number, failed := k.store.WriteSourceStatus(ctx, write)
		switch {
		case errors.Is(failed, cluster.ErrFenced):
			return failed
		case errors.Is(failed, cluster.ErrNotFound):
			return nil
		case failed != nil:
			return k.conclude(ctx, &databaseError{failed})
		}
		k.feed.Hint()
		k.catchUp(ctx, number)
	}
	if k.lasting {
		k.loop.reminded = k.began
	}
	k.loop.remind = k.nextReminder(&status)
	k.settleLoop(err)
	if err == nil && k.whole {
		if failed := k.clearApproval(ctx); failed != nil {
			return failed
		}
	}
	k.schedule(err)
	return nil
}

// catchUp waits for the snapshot to have what was stored. Where it does not for
// long, the next look waits again.
func (k *look) catchUp(ctx context.Context, number int64) {
	limited, cancel := context.WithTimeout(ctx, catchUpLimit)
	defer cancel()
	_ = k.feed.WaitFor(limited, number) // nothing but the end of limited
}

// settleLoop remembers what this look rested on.
func (k *look) settleLoop(err error) {
	var origin *OriginError
	v := k.view
	switch {
	case k.skipped:
		return
	case err == nil && k.whole && len(k.refused) == 0:
		v.files = k.final
		k.loop.settled, k.loop.revision = true, k.target.Revision
	case errors.As(err, &origin) && origin.Permanent:
		k.loop.settled, k.loop.revision = k.target.Revision != "", k.target.Revision
	default:
		k.loop.settled = false
	}
	k.loop.inputs = k.inputsOf(v)
}

// clearApproval ends an approval: it was of one set of removals, once.
func (k *look) clearApproval(ctx context.Context) error {
	row := k.control
	if row.Control.Approved == "" {
		return nil
	}
	row.Control.Approved = ""
	if err := k.putControl(ctx, row); err != nil {
		if errors.Is(err, cluster.ErrFenced) {
			return err
		}
		k.log.Warn("approval not cleared", "error", err)
		return nil
	}
	k.loop.inputs.control = k.control.Version
	return nil
}

// sourceStatus is the status of the source after this look.
func (k *look) sourceStatus(err error) cluster.SourceStatus {
	s := k.status
	s.Spec = k.row.Version
	switch {
	case k.paused != nil || k.skipped:
	case err == nil:
		k.wholeStatus(&s)
	}
	if r := k.request(); r != nil && k.paused == nil && served(err) && k.database == nil && !k.young && !k.again {
		s.Sync, s.SyncError = r.Number, ""
		if k.mistake != nil {
			s.SyncError = k.mistake.Error()
		}
	}
	if !k.skipped {
		s.Conditions = updateConditions(s.Conditions, k.sourceAspects(&s, err), k.target.Revision, k.now())
	}
	return s
}

func (k *look) wholeStatus(s *cluster.SourceStatus) {
	s.Projects = len(k.paths)
	s.Failing, _ = failing(k.final)
	if !k.whole {
		return
	}
	s.Revision, s.Ref = k.target.Revision, k.target.Ref
	s.Subject, s.Author = k.commit.Subject, k.commit.Author
	if k.aside() {
		s.Ref = k.status.Ref
	}
	s.PlanHash, s.Removals = "", nil
	if k.verdict.held {
		s.PlanHash, s.Removals = k.verdict.hash, k.set.names
	}
	if k.wrote {
		s.SyncedAt = k.now()
	}
}

// served tells whether a request was answered: by success, or by an error that
// another try would not mend.
func served(err error) bool {
	var origin *OriginError
	return err == nil || errors.As(err, &origin) && origin.Permanent
}

// statusWrite is the difference between what is known now and what is stored.
func (k *look) statusWrite(err error, status cluster.SourceStatus) cluster.StatusWrite {
	if err == nil && !k.skipped && k.paused == nil && k.final != nil {
		k.noteStuck()
		k.tellProjects()
		k.remindProjects()
	}
	k.tellLooked(&status)
	k.tellSource(&status, err)
	write := cluster.StatusWrite{Hold: &k.hold, Events: k.events}
	if !sameJSON(&status, &k.status) {
		if k.target.Revision != "" {
			status.Conditions = slices.Clone(status.Conditions) // of a snapshot, if this look left them as they are
			observe(status.Conditions, k.target.Revision)
		}
		write.Source = &status
	}
	if err != nil || k.final == nil {
		return write
	}
	write.Remove = k.removed
	for _, path := range slices.Sorted(maps.Keys(k.final)) {
		s := k.final[path]
		if stored := k.files[path]; stored != s && (stored == nil || !sameJSON(stored, s)) {
			write.Put = append(write.Put, *s)
		}
	}
	return write
}

// sourceAspects are the conditions of the source after this look.
func (k *look) sourceAspects(s *cluster.SourceStatus, err error) []aspect {
	suspension := aspect{kind: cluster.ConditionSuspended, optional: true, status: boolStatus(k.paused != nil), reason: cluster.ReasonByUser}
	if k.paused != nil {
		suspension.message = suspensionMessage(k.paused)
		return append(k.same(), suspension)
	}
	ready := k.readyAspect(s, err)
	var origin *OriginError
	stalled := errors.As(err, &origin) && origin.Permanent
	list := []aspect{
		ready, suspension,
		{kind: cluster.ConditionStalled, status: boolStatus(stalled), reason: ready.reason, message: onlyIf(stalled, ready.message)},
	}
	if verified, ok := k.verifiedAspect(); ok {
		return append(list, verified)
	}
	if before, known := conditionOf(k.status.Conditions, cluster.ConditionVerified); known {
		list = append(list, aspectOf(before))
	}
	return list
}

// same are the conditions as they are, but for the suspension.
func (k *look) same() []aspect {
	var list []aspect
	for _, c := range k.status.Conditions {
		if c.Type != cluster.ConditionSuspended {
			list = append(list, aspectOf(c))
		}
	}
	return list
}

func aspectOf(c cluster.Condition) aspect {
	return aspect{kind: c.Type, status: c.Status, reason: c.Reason, message: c.Message}
}

func (k *look) verifiedAspect() (aspect, bool) {
	a := aspect{kind: cluster.ConditionVerified, status: cluster.StatusUnknown, reason: cluster.ReasonFetched}
	switch k.commit.Signature {
	case "":
		return a, false
	case "none":
		a.message = "the commit is not signed"
	case "unchecked":
		a.message = "the commit is signed, and its signature is not checked"
	default:
		a.status, a.message = cluster.StatusTrue, "signed by "+k.commit.Signature
	}
	return a, true
}

func (k *look) readyAspect(s *cluster.SourceStatus, err error) aspect {
	a := aspect{kind: cluster.ConditionReady, status: cluster.StatusFalse}
	var origin *OriginError
	switch {
	case errors.As(err, &origin):
		a.reason, a.message = origin.Reason, origin.Error()
	case err != nil:
		a.reason, a.message = cluster.ReasonNetworkError, err.Error()
	case k.database != nil:
		a.status, a.reason, a.message = cluster.StatusUnknown, cluster.ReasonDatabaseError, "the database did not take a write"
	case k.declared != nil:
		a.reason, a.message = cluster.ReasonInvalidSource, k.declared.Error()
	case s.Failing > 0:
		_, first := failing(k.final)
		a.reason, a.message = cluster.ReasonProjectsFailing, fmt.Sprintf("%d of %d projects are not synced: %s", s.Failing, s.Projects, first)
	case k.verdict.held:
		a.reason, a.message = k.verdict.reason, removalMessage(k.set, k.verdict)
	default:
		a.status, a.reason = cluster.StatusTrue, cluster.ReasonFetched
		a.message = strings.TrimSuffix("looked at "+short(k.target.Revision)+" of "+k.target.Ref, " of ")
	}
	if k.verdict.held && err == nil && a.reason != k.verdict.reason {
		a.message += "; " + removalMessage(k.set, k.verdict)
	}
	if err != nil && !served(err) {
		a.unsteady = true
		if since := k.unreachedSince(); k.began.Sub(since) >= staleIntervals*k.interval() {
			a.reason = cluster.ReasonStale
			a.message = "not reached since " + sinceWord(since) + ": " + a.message
		}
	}
	return a
}

// unreachedSince is when the source was first not reached, of this time.
func (k *look) unreachedSince() time.Time {
	if !k.lost.IsZero() {
		return k.lost
	}
	k.loop.lost = k.began
	ready, _ := conditionOf(k.status.Conditions, cluster.ConditionReady)
	if ready.Reason == cluster.ReasonNetworkError || ready.Reason == cluster.ReasonStale {
		k.loop.lost = ready.LastTransition
	}
	return k.lost
}

func (k *look) interval() time.Duration {
	return intervalOf(k.row.Spec.IntervalSeconds, k.heard, k.began)
}

// now is the time of this look as it is stored.
func (k *look) now() time.Time { return k.began.UTC().Truncate(time.Millisecond) }

func (k *look) watchReady(s *cluster.SourceStatus) {
	ready, _ := conditionOf(s.Conditions, cluster.ConditionReady)
	k.watch.ready(ready.Status)
}
