package reconcile

import (
	"cmp"
	"slices"
	"time"

	"maelstrom/cluster"
)

// aspect is what is found of one condition, before it is compared with what
// was known.
type aspect struct {
	kind     cluster.ConditionType
	status   cluster.ConditionStatus
	reason   cluster.ConditionReason
	message  string
	optional bool // is not there unless it is or was true

	// unsteady messages differ with each attempt: they are no change.
	unsteady bool
}

// updateConditions is old with what was found at a revision. A condition that
// says the same keeps its revision and time, so that nothing is to be written.
func updateConditions(old []cluster.Condition, found []aspect, revision string, now time.Time) []cluster.Condition {
	var out []cluster.Condition
	for _, a := range found {
		before, known := conditionOf(old, a.kind)
		if !known && a.optional && a.status != cluster.StatusTrue {
			continue
		}
		out = append(out, a.after(before, revision, now))
	}
	slices.SortFunc(out, func(a, b cluster.Condition) int { return cmp.Compare(a.Type, b.Type) })
	return out
}

func (a *aspect) after(before cluster.Condition, revision string, now time.Time) cluster.Condition {
	if before.Status == a.status && before.Reason == a.reason && (before.Message == a.message || a.unsteady) {
		return before
	}
	c := cluster.Condition{
		Type: a.kind, Status: a.status, Reason: a.reason, Message: a.message,
		ObservedRevision: revision, LastTransition: before.LastTransition,
	}
	if before.Status != a.status {
		c.LastTransition = now
	}
	return c
}

// observe notes the revision that conditions speak of, where they are written
// anyway. They must not be shared.
func observe(list []cluster.Condition, revision string) {
	for i := range list {
		list[i].ObservedRevision = revision
	}
}

func conditionOf(list []cluster.Condition, kind cluster.ConditionType) (cluster.Condition, bool) {
	for _, c := range list {
		if c.Type == kind {
			return c, true
		}
	}
	return cluster.Condition{}, false
}

// isTrue tells whether a condition is there and true.
func isTrue(list []cluster.Condition, kind cluster.ConditionType) bool {
	c, _ := conditionOf(list, kind)
	return c.Status == cluster.StatusTrue
}

// reasonOf is the reason of a condition, empty without one.
func reasonOf(list []cluster.Condition, kind cluster.ConditionType) cluster.ConditionReason {
	c, _ := conditionOf(list, kind)
	return c.Reason
}

func boolStatus(b bool) cluster.ConditionStatus {
	if b {
		return cluster.StatusTrue
	}
	return cluster.StatusFalse
}

// sinceWord is how a time stands in messages.
func sinceWord(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }
