package reconcile

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

// result is what became of one file at a look.
type result struct {
	synced    cluster.ConditionStatus
	reason    cluster.ConditionReason
	message   string
	stalled   bool   // needs a human
	retry     bool   // tried again by itself
	cause     string // of that, which may be another each time
	held      bool   // removals wait
	removals  []string
	problems  []project.Problem
	suspended *cluster.Suspension
	pinned    *cluster.Pin
	good      bool  // it is stored as the file says, but for removals that wait
	applied   int64 // the project's revision then
}

// synced is the result of a file that is stored as it is.
func (k *look) synced(e *entry, held bool) *result {
	r := &result{synced: cluster.StatusTrue, reason: cluster.ReasonApplied, message: "stored", good: true}
	r.problems = append(warnings(e.file), k.overlaps[e.path]...)
	if held {
		r.synced, r.reason, r.held = cluster.StatusFalse, k.verdict.reason, true
		r.removals, r.message = e.keeps, "stored, without the removals: "+removalMessage(k.set, k.verdict)
	}
	return r
}

// overlapping finds the warnings that only several files together make, by file.
func (k *look) overlapping() map[string][]project.Problem {
	var loaded []project.Loaded
	for _, path := range slices.Sorted(maps.Keys(k.loaded)) {
		loaded = append(loaded, k.loaded[path].Loaded)
	}
	out := map[string][]project.Problem{}
	for _, p := range project.Conflicts(loaded) {
		if p.Severity == project.Warning {
			out[p.File] = append(out[p.File], p)
		}
	}
	return out
}

func warnings(f *File) []project.Problem {
	return slices.DeleteFunc(slices.Clone(f.Loaded.Problems), func(p project.Problem) bool { return p.Severity != project.Warning })
}

// statusOf is the status of a file after its result. It is the known one, the
// same pointer, if nothing changed.
func (k *look) statusOf(e *entry) *cluster.ProjectStatus {
	if e.result == nil {
		return e.known
	}
	s := cluster.ProjectStatus{Source: k.source, Path: e.path}
	if e.known != nil {
		s = *e.known
	}
	r := e.result
	if e.file != nil {
		if s.Digest != e.file.Digest || s.Attempted == "" {
			s.Attempted = k.target.Revision
		}
		s.Digest, s.Files = e.file.Digest, e.file.Files
		if p := e.file.Loaded.Project; p != nil && p.Name != s.Project {
			s.Project, s.LastGood, s.Applied = p.Name, "", 0
		}
	}
	s.Problems, s.Removals = nil, r.removals
	s.Warnings = 0
	for _, p := range r.problems {
		if p.Severity == project.Warning {
			s.Warnings++
		} else {
			s.Problems = append(s.Problems, p)
		}
	}
	if r.applied != 0 {
		s.Applied = r.applied
	}
	if r.good && (e.known == nil || e.known.LastGood == "" || e.known.Digest != s.Digest || e.drifted || unsettled(e.known)) {
		s.LastGood = k.target.Revision
	}
	s.Conditions = updateConditions(s.Conditions, r.aspects(k.standsDrifted(e)), k.target.Revision, k.now())
	if !r.stalled && !r.retry {
		s.Reminded = time.Time{}
	}
	if e.known != nil && sameJSON(&s, e.known) {
		return e.known
	}
	observe(s.Conditions, k.target.Revision)
	return &s
}

// aspects are the conditions of a project after its result.
func (r *result) aspects(drifted bool) []aspect {
	list := []aspect{
		{kind: cluster.ConditionSynced, status: r.synced, reason: r.reason, message: r.message},
		{kind: cluster.ConditionStalled, status: boolStatus(r.stalled), reason: r.reason, message: onlyIf(r.stalled, r.message)},
		{
			kind: cluster.ConditionReconciling, optional: true, status: boolStatus(r.retry), reason: r.reason, unsteady: r.retry,
			message: onlyIf(r.retry, strings.TrimSuffix("tried again by itself: "+r.cause, ": ")),
		},
		{kind: cluster.ConditionPruneBlocked, optional: true, status: boolStatus(r.held), reason: r.reason, message: onlyIf(r.held, r.message)},
	}
	suspension := aspect{kind: cluster.ConditionSuspended, optional: true, status: boolStatus(r.suspended != nil), reason: cluster.ReasonByUser}
	if r.suspended != nil {
		suspension.message = suspensionMessage(r.suspended)
	}
	pin := aspect{kind: cluster.ConditionPinned, optional: true, status: boolStatus(r.pinned != nil), reason: cluster.ReasonByUser}
	if r.pinned != nil {
		pin.message = pinMessage(r.pinned)
	}
	drift := aspect{kind: cluster.ConditionDrifted, optional: true, status: cluster.StatusFalse, reason: cluster.ReasonApplied}
	if drifted {
		drift.status, drift.reason = cluster.StatusTrue, cluster.ReasonChangedByHand
		drift.message = "the stored project was changed beside its source"
	}
	return append(list, suspension, pin, drift)
}

// standsDrifted tells whether a project stays other than its source said.
func (k *look) standsDrifted(e *entry) bool {
	r := e.result
	return e.drifted && r.applied == 0 && r.pinned == nil && r.suspended == nil &&
		(r.reason == cluster.ReasonParseError || r.reason == cluster.ReasonInvalid)
}

func onlyIf(is bool, text string) string {
	if is {
		return text
	}
	return ""
}

// finish keeps what the pass came to, for the write at the end.
func (k *look) finish(entries, gone []*entry) {
	k.final, k.removed = map[string]*cluster.ProjectStatus{}, nil
	for _, e := range gone {
		switch {
		case e.result != nil:
			k.final[e.path] = k.statusOf(e)
		case e.apply: // the database was away before its turn
			k.final[e.path] = e.known
		default:
			k.removed = append(k.removed, e.known.Key())
		}
	}
	for _, e := range entries {
		young := k.mayBeYoung(e)
		k.young = k.young || young
		if young || k.premature(e) {
			if e.known != nil {
				k.final[e.path] = e.known
			}
			continue
		}
		if s := k.statusOf(e); s != nil {
			k.final[e.path] = s
		}
	}
	maps.DeleteFunc(k.blockers, func(path string, _ []string) bool { _, there := k.final[path]; return !there })
}

// premature tells whether a file is in conflict with what this look could not
// finish: it is judged again before that is told.
func (k *look) premature(e *entry) bool {
	if e.result == nil || k.database == nil && !k.again && !k.newlyRefused() {
		return false
	}
	switch e.result.reason {
	case cluster.ReasonHostConflict, cluster.ReasonNameConflict, cluster.ReasonProjectTwice:
		return true
	}
	return false
}

// newlyRefused tells whether the database takes nothing of a project of which
// it did at the last look.
func (k *look) newlyRefused() bool {
	for path := range k.refused {
		if known := k.before.files[path]; known == nil || !isTrue(known.Conditions, cluster.ConditionReconciling) {
			return true
		}
	}
	return false
}

// mayBeYoung tells whether a file of a directory fails that was written a
// moment ago: it is read once more before that is told.
func (k *look) mayBeYoung(e *entry) bool {
	failing := k.row.Spec.Dir != "" && e.file != nil && e.result != nil && e.result.reason == cluster.ReasonParseError
	if !failing || e.known != nil && e.known.Digest == e.file.Digest {
		delete(k.suspicion, e.path)
		return false
	}
	first, suspected := k.suspicion[e.path]
	if !suspected {
		first = k.began
		if written := e.file.Modified; !written.IsZero() && written.Before(first) {
			first = written
		}
		k.suspicion[e.path] = first
	}
	return k.began.Sub(first) < youngFile
}

// sameJSON tells whether two values are stored as the same text.
func sameJSON(a, b any) bool {
	first, errA := json.Marshal(a)
	second, errB := json.Marshal(b)
	return errA == nil && errB == nil && string(first) == string(second)
}

// failing describes the first of the projects that are not synced.
func failing(statuses map[string]*cluster.ProjectStatus) (count int, first string) {
	for _, path := range slices.Sorted(maps.Keys(statuses)) {
		s := statuses[path]
		synced, _ := conditionOf(s.Conditions, cluster.ConditionSynced)
		if synced.Status == cluster.StatusTrue || !isTrue(s.Conditions, cluster.ConditionStalled) && !isTrue(s.Conditions, cluster.ConditionReconciling) {
			continue
		}
		count++
		if first == "" {
			first = synced.Message
			if !strings.HasPrefix(first, path) {
				first = cmp.Or(s.Project, path) + ": " + first
			}
		}
	}
	return count, first
}
