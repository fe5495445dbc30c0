package gitsource

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"

	"maelstrom/cluster"
	"maelstrom/reconcile"
)

var (
	fullCommit = regexp.MustCompile(`^[0-9a-fA-F]{40}$`)

	// versionRange: a name without an operator or a wildcard is never a range.
	// A tag v1 that is deleted must not turn into "any version 1".
	versionRange = regexp.MustCompile(`[<>=~^*|,]|(^|[.v])[xX]($|\.)| - `)
)

const (
	heads = "refs/heads/"
	tags  = "refs/tags/"
)

// choose finds what a ref means among those that a remote has: a full name
// (refs/...), else a branch, else a tag, else a range of versions. Empty is the
// default branch.
func choose(adv *packp.AdvRefs, ref string) (reconcile.Resolved, error) {
	if len(adv.References) == 0 && adv.Head == nil {
		return reconcile.Resolved{}, refNotFound("the repository is empty", "push a commit to it")
	}
	if ref == "" {
		return defaultBranch(adv)
	}
	candidates := []string{heads + ref, tags + ref}
	if strings.HasPrefix(ref, "refs/") {
		candidates = []string{ref}
	}
	for _, name := range candidates {
		if hash, ok := commitOf(adv, name); ok {
			return reconcile.Resolved{Revision: hash.String(), Ref: name}, nil
		}
	}
	if versionRange.MatchString(ref) {
		return highest(adv, ref)
	}
	return reconcile.Resolved{}, refNotFound(fmt.Sprintf("there is no branch or tag %q", ref), among(adv, heads, "branches"))
}

// commitOf looks through an annotated tag.
func commitOf(adv *packp.AdvRefs, name string) (plumbing.Hash, bool) {
	if hash, ok := adv.Peeled[name]; ok {
		return hash, true
	}
	hash, ok := adv.References[name]
	return hash, ok
}

func defaultBranch(adv *packp.AdvRefs) (reconcile.Resolved, error) {
	for _, pair := range adv.Capabilities.Get(capability.SymRef) {
		name, target, _ := strings.Cut(pair, ":")
		if hash, ok := adv.References[target]; ok && name == "HEAD" {
			return reconcile.Resolved{Revision: hash.String(), Ref: target}, nil
		}
	}
	if adv.Head == nil {
		return reconcile.Resolved{}, refNotFound("the repository's default branch does not exist", "set a ref; "+among(adv, heads, "branches"))
	}
	return reconcile.Resolved{Revision: adv.Head.String(), Ref: "HEAD"}, nil // detached
}

// highest is the tag with the highest version in a range. Pre-releases count
// if the range names one.
func highest(adv *packp.AdvRefs, ref string) (reconcile.Resolved, error) {
	constraint, err := semver.NewConstraint(ref)
	if err != nil {
		return reconcile.Resolved{}, refNotFound(fmt.Sprintf("there is no branch or tag %q, and it is no range of versions", ref), among(adv, heads, "branches"))
	}
	var best *semver.Version
	var found string
	for _, name := range slices.Sorted(maps.Keys(adv.References)) {
		version, err := semver.NewVersion(strings.TrimPrefix(name, tags))
		if err != nil || !strings.HasPrefix(name, tags) || !constraint.Check(version) {
			continue
		}
		if best == nil || version.GreaterThan(best) {
			best, found = version, name
		}
	}
	if best == nil {
		return reconcile.Resolved{}, refNotFound(fmt.Sprintf("no tag is in the range %q", ref), among(adv, tags, "tags"))
	}
	hash, _ := commitOf(adv, found)
	return reconcile.Resolved{Revision: hash.String(), Ref: found}, nil
}

// among shows a few of the names that there are.
func among(adv *packp.AdvRefs, prefix, what string) string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(adv.References)) {
		if short, ok := strings.CutPrefix(name, prefix); ok {
			names = append(names, short)
		}
	}
	switch {
	case len(names) == 0:
		return "it has no " + what
	case len(names) > 5:
		return fmt.Sprintf("it has %d %s, among them %s", len(names), what, strings.Join(names[:5], ", "))
	}
	return "its " + what + ": " + strings.Join(names, ", ")
}

func refNotFound(message, hint string) error {
	return &reconcile.OriginError{Reason: cluster.ReasonRefNotFound, Permanent: true, Hint: hint, Err: fmt.Errorf("find ref: %s", message)}
}
