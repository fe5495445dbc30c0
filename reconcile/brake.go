package reconcile

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"maelstrom/cluster"
)

// The brake of a source that sets none.
const (
	brakeComponents = 5
	brakePercent    = 30
)

// removalSet is everything that one look would remove from the database.
type removalSet struct {
	names      []string // full names, and "project NAME" for a whole one; sorted
	components int      // of them
	total      int      // components of the source that are stored
	added      int      // components that come in the same look
}

// removalTerms are what removals are judged by.
type removalTerms struct {
	source   string
	policy   cluster.PrunePolicy
	brake    *cluster.Brake
	approved string // hash that a user has approved

	// planned are the removals that waited under plannedHash, judged by the
	// same terms; stored tells whether one of them still exists.
	plannedHash string
	planned     []string
	stored      func(name string) bool
}

// removalVerdict says what becomes of a set of removals.
type removalVerdict struct {
	held   bool
	reason cluster.ConditionReason
	hash   string // names the set, if it is held
}

// judgeRemovals decides whether removals may go. The approval is of exactly
// one set; the rest of a set of which some are gone already is still that one.
func judgeRemovals(set removalSet, terms removalTerms) removalVerdict {
	if len(set.names) == 0 {
		return removalVerdict{}
	}
	v := removalVerdict{hash: planHash(terms.source, set.names)}
	switch {
	case terms.policy == cluster.PruneConfirm:
		v.held, v.reason = true, cluster.ReasonRemovalsConfirm
	case braked(set, terms.brake), terms.sticks(set):
		v.held, v.reason = true, cluster.ReasonRemovalsHeld
	}
	if terms.approved != "" && (terms.approved == v.hash || terms.continues(set)) {
		v.held = false
	}
	return v
}

// braked tells whether so many removals are more likely a mistake: all, unless
// as many come in their place, or a large part.
func braked(set removalSet, brake *cluster.Brake) bool {
	limit := cluster.Brake{Components: brakeComponents, Percent: brakePercent}
	if brake != nil {
		limit = *brake
	}
	if set.components == 0 {
		return false
	}
	return set.components >= set.total && set.added < set.components ||
		set.components > limit.Components && set.components*100 > limit.Percent*set.total
}

// sticks tells whether something waits already that is still to be removed:
// what was added meanwhile doesn't make a mistake smaller.
func (t removalTerms) sticks(set removalSet) bool {
	return slices.ContainsFunc(set.names, func(name string) bool { return slices.Contains(t.planned, name) })
}

// continues tells whether set is what is left of the approved plan: everything
// else in that is gone.
func (t removalTerms) continues(set removalSet) bool {
	if t.approved != t.plannedHash {
		return false
	}
	for _, name := range set.names {
		if !slices.Contains(t.planned, name) {
			return false
		}
	}
	for _, name := range t.planned {
		if !slices.Contains(set.names, name) && t.stored(name) {
			return false
		}
	}
	return true
}

// planHash names a set of removals of a source.
func planHash(source string, names []string) string {
	sorted := slices.Sorted(slices.Values(names))
	sum := sha256.Sum256([]byte(source + "\n" + strings.Join(sorted, "\n")))
	return hex.EncodeToString(sum[:8])
}

// removalMessage tells people what waits and how to let it go.
func removalMessage(set removalSet, v removalVerdict) string {
	why := fmt.Sprintf("%d of %d components would be removed", set.components, set.total)
	if v.reason == cluster.ReasonRemovalsConfirm {
		why = fmt.Sprintf("%d removals wait for an approval", len(set.names))
	}
	return fmt.Sprintf("%s; if that is meant: maelctl project apply --approve-prune %s", why, v.hash)
}
