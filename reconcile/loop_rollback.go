package reconcile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"maps"
	"slices"
	"strconv"
	"strings"

	"maelstrom/cluster"
)

// loopActor is who a loop is in the history.
func loopActor(source string) string { return "source/" + source }

func isLoop(actor string) bool { return strings.HasPrefix(actor, loopActor("")) }

// failures follow which declared versions have failed for good.
type failures struct {
	seen cluster.Map[*cluster.ComponentRow]
	by   map[string]*cluster.ComponentRow
}

// failedForGood tells whether nobody tries a version again by itself.
func failedForGood(row *cluster.ComponentRow) bool {
	return row.Failed != nil && row.Failed.RetryAt.IsZero()
}

// follow takes the components as they are in a snapshot.
func (f *failures) follow(s *cluster.Snapshot) {
	if f.by == nil {
		f.by = map[string]*cluster.ComponentRow{}
	}
	for name := range s.Components.Differing(f.seen) {
		if row, ok := s.Components.Get(name); ok && failedForGood(row) {
			f.by[name] = row
		} else {
			delete(f.by, name)
		}
	}
	f.seen = s.Components
}

// ofSource are the components with a failed version by their project, of the
// projects that a source owns.
func (f *failures) ofSource(v view) map[string][]*cluster.ComponentRow {
	f.follow(v.snap)
	by := map[string][]*cluster.ComponentRow{}
	for _, name := range slices.Sorted(maps.Keys(f.by)) {
		owner := f.by[name].Spec.Project
		if row, ok := v.snap.Projects.Get(owner); ok && row.Source == v.row.Spec.Name {
			by[owner] = append(by[owner], f.by[name])
		}
	}
	return by
}

// sum sums them up, where the source goes back by itself.
func (f *failures) sum(v view) (sum uint64) {
	if v.row.Spec.Rollback != cluster.RollbackAuto {
		return 0
	}
	for _, rows := range f.ofSource(v) {
		for _, row := range rows {
			sum += maphash.String(inputSeed, row.Spec.Name+"\x00"+strconv.FormatInt(row.RestartVersion, 10))
		}
	}
	return sum
}

// rollBack takes projects back whose source has brought a version that failed.
// It tells whether it stored any.
func (k *look) rollBack(ctx context.Context) (wrote bool, err error) {
	k.stuck = map[string]string{}
	if k.row.Spec.Rollback != cluster.RollbackAuto {
		return false, nil
	}
	failed := k.failures.ofSource(k.view)
	for _, name := range slices.Sorted(maps.Keys(failed)) {
		did, err := k.rollBackProject(ctx, name, failed[name])
		if err != nil {
			return wrote, err
		}
		wrote = wrote || did
	}
	return wrote, k.settle(ctx, wrote)
}

// rollBackProject takes one project back, unless that is not ours to do: what a
// user has stored or asked for stays, and what went back once does not again.
func (k *look) rollBackProject(ctx context.Context, name string, failed []*cluster.ComponentRow) (bool, error) {
	row, _ := k.snap.Projects.Get(name)
	if c := k.projectControl(name).Control; suspended(c, k.began) != nil || c.Pinned != nil || c.Skipped != nil {
		return false, nil
	}
	revisions, err := k.store.Revisions(ctx, name, historyMost)
	if err != nil {
		return false, &databaseError{err}
	}
	if len(revisions) == 0 || revisions[0].Kind != cluster.RevisionApply || revisions[0].Actor != loopActor(k.source) {
		return false, nil
	}
	to, perhaps, err := lastGood(ctx, k.store, revisions, failed)
	if err != nil {
		return false, &databaseError{err}
	}
	reason := failureReason(failed)
	if to = cmp.Or(to, perhaps); to == nil {
		k.stuck[name] = "no earlier revision is known to work; " + reason
		return false, nil
	}
	done, err := k.applier.Rollback(ctx, Rollback{
		Project: name, To: to.Number, Force: true, IfRevision: &row.Revision,
		Reason: reason, Actor: loopActor(k.source), Hold: &k.hold, Event: k.rolledBackEvent(name, to, reason),
	})
	if err != nil {
		return false, k.refusedRollback(name, reason, err)
	}
	k.stored = max(k.stored, done.ChangeNumber)
	k.feed.Hint()
	k.log.Warn("project rolled back", "project", name, "revision", done.Revision, "to", to.Number, "reason", reason)
	return true, nil
}

func (k *look) rolledBackEvent(name string, to *cluster.Revision, reason string) cluster.Event {
	message := fmt.Sprintf("project %s went back to revision %d", name, to.Number)
	if to.SourceRevision != "" {
		message += " (" + short(to.SourceRevision) + ")"
	}
	return cluster.Event{Severity: cluster.EventWarning, Node: k.opt.Node, Message: message + ": " + reason}
}

// refusedRollback sorts out why a project did not go back. What has moved is
// looked at again, what is in the way is told.
func (k *look) refusedRollback(name, reason string, err error) error {
	var conflict *ConflictError
	switch {
	case errors.Is(err, cluster.ErrFenced):
		return err
	case errors.As(err, &conflict), errors.Is(err, ErrManaged), errors.Is(err, ErrNoRevision):
		k.stuck[name] = err.Error() + "; " + reason
		return nil
	case errors.Is(err, cluster.ErrConflict):
		k.again = true
		return nil
	}
	return &databaseError{err}
}

// failureReason tells what failed, in one line.
func failureReason(failed []*cluster.ComponentRow) string {
	first := failed[0]
	text := first.Spec.Name + " is not rolled out: " + string(first.Failed.Reason)
	message, _, _ := strings.Cut(first.Failed.Message, "\n")
	if message = strings.TrimSuffix(message, "; its last output:"); message != "" {
		text += ": " + message
	}
	if more := len(failed) - 1; more > 0 {
		text += fmt.Sprintf(" (and %d more)", more)
	}
	if runes := []rune(text); len(runes) > longestReason {
		text = string(runes[:longestReason]) + "…"
	}
	return text
}

// longestReason bounds what is told of a failure, in runes.
const longestReason = 300

// noteStuck keeps which projects should have gone back and could not, and tells
// of each once.
func (k *look) noteStuck() {
	for _, path := range slices.Sorted(maps.Keys(k.final)) {
		s := k.final[path]
		var before cluster.Condition
		known := false
		if stored := k.before.files[path]; stored != nil {
			before, known = conditionOf(stored.Conditions, cluster.ConditionStuck)
		}
		why := k.stuck[s.Project]
		if why == "" && !known {
			continue
		}
		found := aspect{kind: cluster.ConditionStuck, status: boolStatus(why != ""), reason: cluster.ReasonNoGoodRevision, message: why}
		after := found.after(before, k.target.Revision, k.now())
		if have, has := conditionOf(s.Conditions, cluster.ConditionStuck); !has || have != after {
			k.final[path] = withCondition(s, after)
		}
		if why != "" && (before.Status != cluster.StatusTrue || before.Message != why) {
			k.tell(cluster.Event{
				Kind: cluster.EventFailed, Severity: cluster.EventError, Project: s.Project,
				Message: "project " + s.Project + " can't go back by itself: " + why,
			})
		}
	}
}

// withCondition is a copy of s with one condition as it is given.
func withCondition(s *cluster.ProjectStatus, c cluster.Condition) *cluster.ProjectStatus {
	out := *s
	out.Conditions = slices.DeleteFunc(slices.Clone(s.Conditions), func(have cluster.Condition) bool { return have.Type == c.Type })
	out.Conditions = append(out.Conditions, c)
	slices.SortFunc(out.Conditions, func(a, b cluster.Condition) int { return cmp.Compare(a.Type, b.Type) })
	return &out
}
