package webhook

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"unicode"

	"github.com/Masterminds/semver/v3"

	"maelstrom/cluster"
)

// judge decides what a call is answered.
func (h *Handler) judge(c *call, p push, err error) verdict {
	spec := c.row.Spec
	switch {
	case err != nil:
		return verdictOf(http.StatusBadRequest, err.Error())
	case p.other != "":
		return verdictOf(http.StatusOK, fmt.Sprintf("nothing to do: %s is no push", clean(p.other, longestWord)))
	case suspended(c):
		return verdictOf(http.StatusOK, "the source is suspended: it is looked at when it is resumed")
	case spec.Git == nil:
		return verdictOf(http.StatusAccepted, "accepted: the directory is looked at")
	case commitRef.MatchString(spec.Git.Ref):
		return verdictOf(http.StatusOK, "nothing to do: the source follows the commit "+spec.Git.Ref+", which no push moves")
	case p.unnamed:
		return verdictOf(http.StatusAccepted, "accepted: the source is looked at")
	}
	f := following{ref: spec.Git.Ref, defaultBranch: p.defaultBranch}
	if status, ok := c.snapshot.SourceStatuses.Get(c.source); ok {
		f.found = status.Ref
	}
	for _, ref := range p.refs {
		if f.has(ref.ref) {
			v := verdictOf(http.StatusAccepted, "accepted: "+clean(ref.ref, longestRef)+" was "+ref.verb())
			v.ref, v.commit = ref.ref, ref.revision
			return v
		}
	}
	return verdictOf(http.StatusOK, fmt.Sprintf("nothing to do: %s was %s, and the source follows %s",
		clean(p.refs[0].ref, longestRef), p.refs[0].verb(), f))
}

func (m moved) verb() string {
	if m.deleted {
		return "deleted"
	}
	return "pushed"
}

func suspended(c *call) bool {
	row, ok := c.snapshot.Controls.Get(cluster.ControlKey(cluster.ControlSource, c.source))
	if !ok || row.Control.Suspended == nil {
		return false
	}
	until := row.Control.Suspended.Until
	return until.IsZero() || c.now.Before(until)
}

var commitRef = regexp.MustCompile(`^(?:[0-9a-f]{40}|[0-9a-f]{64})$`)

// following is what a source follows.
type following struct {
	ref           string // as declared
	found         string // what that was when the source was last looked at
	defaultBranch string // as the caller says
}

// has tells whether the source follows a ref. Where two answers are possible
// it does: a look too many costs little.
func (f following) has(ref string) bool {
	if !strings.HasPrefix(ref, "refs/") {
		return f.has(branches+ref) || f.has(tags+ref)
	}
	if f.ref == "" {
		unknown := f.found == "" && f.defaultBranch == ""
		return ref == f.found || f.defaultBranch != "" && ref == branches+f.defaultBranch ||
			unknown && strings.HasPrefix(ref, branches)
	}
	if ref == f.ref || ref == branches+f.ref || ref == tags+f.ref {
		return true
	}
	tag, isTag := strings.CutPrefix(ref, tags)
	return isTag && inRange(f.ref, tag)
}

func (f following) String() string {
	switch {
	case f.ref != "":
		return f.ref
	case f.defaultBranch != "":
		return branches + f.defaultBranch + ", the default branch"
	}
	return "the default branch"
}

// inRange tells whether a tag is a version in a range of versions.
func inRange(versions, tag string) bool {
	constraint, err := semver.NewConstraint(versions)
	if err != nil {
		return false
	}
	version, err := semver.NewVersion(tag)
	return err == nil && constraint.Check(version)
}

// The longest of what is kept of a call.
const (
	longestWord    = 64
	longestRef     = 255
	longestID      = 128
	longestMessage = 500
)

// delivery is a call as it is kept.
func (c *call) delivery(p push, v verdict) cluster.Delivery {
	ref, commit := v.ref, v.commit
	if ref == "" && len(p.refs) > 0 {
		ref, commit = p.refs[0].ref, p.refs[0].revision
	}
	return cluster.Delivery{
		Source: c.source, ID: c.id(), Time: c.now, Provider: c.sender.name, Event: c.sender.happened(c.header),
		Ref: clean(ref, longestRef), Revision: clean(commit, longestWord),
		Status: v.status, Message: clean(v.message, longestMessage), Remote: clean(c.remote, longestWord),
	}
}

// id is the sender's id of the delivery, or one that is made up.
func (c *call) id() string {
	id := c.sender.id(c)
	switch {
	case id == "":
		return "unnamed-" + rand.Text()
	case len(id) > longestID || clean(id, longestID) != id:
		digest := sha256.Sum256([]byte(id))
		return "sha256-" + hex.EncodeToString(digest[:])
	}
	return id
}

// clean makes a text that somebody sent fit to be kept and shown.
func clean(text string, longest int) string {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	if len(text) <= longest {
		return text
	}
	return strings.ToValidUTF8(text[:longest-3], "") + "..."
}
