package reconcile

import (
	"fmt"
	"slices"
	"strings"

	"maelstrom/cluster"
)

// neverHint is what to do where nothing is ever removed.
const neverHint = "the source never prunes: remove it by hand, or let the source prune"

// holdLeft keeps the projects of files that declare another one now, as long
// as that can't be stored: else nothing of the two would be left. What is in
// its way by then may be the removals themselves.
func (k *look) holdLeft(entries, gone []*entry) {
	files := map[string]*entry{}
	for _, e := range entries {
		files[e.path] = e
	}
	going := map[string]bool{}
	for _, e := range gone {
		if !e.apply {
			continue
		}
		if path, renamed := strings.CutSuffix(e.path, "#"+e.name); renamed {
			e.left = files[path]
		}
		going[e.name] = true
	}
	for again := true; again; {
		again = false
		for _, e := range gone {
			if !e.apply || e.left == nil || !k.obstructed(e.left) || freedBy(e.left, going) {
				continue
			}
			e.apply, e.result = false, k.leftBehind(e)
			delete(going, e.name)
			again = true
		}
	}
}

// obstructed tells whether what a file declares is not to be stored by now.
func (k *look) obstructed(e *entry) bool {
	switch {
	case e.apply && (e.result == nil || e.result.good):
		return false
	case e.result == nil: // as it is known
		switch reasonOf(e.known.Conditions, cluster.ConditionSynced) {
		case cluster.ReasonParseError, cluster.ReasonInvalid:
			return true
		}
		return false
	case e.result.stalled, e.result.retry:
		return true
	}
	row, stored := k.snap.Projects.Get(e.name)
	return !e.result.good && (!stored || row.Source != k.source)
}

// freedBy tells whether nothing but projects that go is in the way of a file.
func freedBy(e *entry, going map[string]bool) bool {
	return len(e.owners) > 0 && !slices.ContainsFunc(e.owners, func(name string) bool { return !going[name] })
}

// leftBehind is the result of a project whose file declares another one now.
func (k *look) leftBehind(e *entry) *result {
	return &result{
		synced: cluster.StatusFalse, reason: cluster.ReasonRemovalsHeld, held: true, removals: k.removals(e.name),
		message: fmt.Sprintf("%s declares it no longer, and what it declares now is not stored: %s stays until that is", e.left.path, e.name),
	}
}

// added counts the components that this look brings: those that are applied,
// and those that wait for nothing but its removals.
func (k *look) added(entries, gone []*entry) (n int) {
	going := map[string]bool{}
	for _, e := range gone {
		if e.apply {
			going[e.name] = true
		}
	}
	for _, e := range entries {
		if !e.apply && !freedBy(e, going) {
			continue
		}
		for i := range e.file.Loaded.Project.Components {
			if _, stored := k.snap.Components.Get(e.file.Loaded.Project.Components[i].Name); !stored {
				n++
			}
		}
	}
	return n
}

// await turns the results of files whose way nothing is in but removals that
// wait: it is these that somebody has to decide on.
func (k *look) await(entries, gone []*entry) {
	held, kept := map[string]bool{}, map[string]bool{}
	for _, e := range gone {
		switch {
		case e.result == nil:
		case e.result.reason == cluster.ReasonPruneNever:
			kept[e.name] = true
		case e.result.held && k.verdict.held && slices.Contains(k.set.names, projectWord+e.name):
			held[e.name] = true
		}
	}
	for _, e := range entries {
		switch {
		case e.result == nil || !e.result.stalled:
		case freedBy(e, held):
			e.result.stalled, e.result.held, e.result.reason = false, true, k.verdict.reason
			e.result.message += "; the other one is declared no longer: " + removalMessage(k.set, k.verdict)
		case freedBy(e, kept):
			e.result.held, e.result.reason = true, cluster.ReasonPruneNever
			e.result.message += "; the other one is declared no longer, and " + neverHint
		}
	}
}

// inItsOwnWay is the result of a project that wants what something of its own
// has that it no longer declares, and that stays for now.
func (k *look) inItsOwnWay(e *entry, conflict *ConflictError) *result {
	r := k.blocked(e, Verdict{Reason: cluster.ReasonPruneNever, Problems: conflict.Problems()})
	r.held, r.removals = true, e.keeps
	if k.row.Spec.Prune == cluster.PruneNever {
		r.message += "; that is declared no longer, and " + neverHint
		return r
	}
	r.stalled, r.reason = false, k.verdict.reason
	r.message += "; that is declared no longer: " + removalMessage(k.set, k.verdict)
	return r
}
