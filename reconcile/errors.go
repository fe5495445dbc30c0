package reconcile

import (
	"fmt"
	"slices"
	"strings"

	"maelstrom/cluster"
	"maelstrom/project"
)

// The reasons to refuse a plan. Each is a cluster.ErrConflict.
var (
	// ErrManaged: the project has another owner.
	ErrManaged error = clash("managed by another owner")

	// ErrStale: what the caller looked at has moved.
	ErrStale error = clash("changed since it was looked at")

	// ErrUnapproved: something would be removed that nobody approved.
	ErrUnapproved error = clash("removal not approved")
)

// clash is a cluster.ErrConflict that says what it is in its own words.
type clash string

func (c clash) Error() string { return string(c) }

// Is makes a clash a cluster.ErrConflict.
func (c clash) Is(target error) bool { return target == cluster.ErrConflict }

// ConflictError names every name and route that the desired project wants and
// something else has. It is a cluster.ErrConflict.
type ConflictError struct {
	Project   string
	Conflicts []Conflict
}

// Conflict is one name or route that is taken.
type Conflict struct {
	Claim cluster.Claim
	Path  string // of the desired object, in full names
	At    project.Position
}

func (e *ConflictError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "project %s conflicts with what is stored", e.Project)
	for i, c := range e.Conflicts {
		b.WriteString([]string{": ", "; "}[min(i, 1)])
		if c.At.File != "" {
			fmt.Fprintf(&b, "%s:%d: ", c.At.File, c.At.Line)
		}
		fmt.Fprintf(&b, "%s: %s", c.Path, c.message())
	}
	return b.String()
}

// ownOnly tells whether only the project itself is in its way: what it no
// longer declares is still stored.
func (e *ConflictError) ownOnly() bool {
	return !slices.ContainsFunc(e.Conflicts, func(c Conflict) bool { return c.Claim.Owner != e.Project })
}

func (e *ConflictError) Unwrap() error { return cluster.ErrConflict }

// The rules of a validation that find the same mistakes within one file.
const (
	ruleNameTwice  = "MAEL021"
	ruleRouteTwice = "MAEL043"
)

// Problems are the conflicts as a validation shows them.
func (e *ConflictError) Problems() []project.Problem {
	var out []project.Problem
	for _, c := range e.Conflicts {
		p := project.Problem{
			Rule: ruleNameTwice, Severity: project.Error,
			File: c.At.File, Line: c.At.Line, Column: c.At.Column, EndLine: c.At.Line,
			Path: c.Path, Message: c.message(), Hint: "rename it, or the project that it is in",
		}
		if c.Claim.Kind == cluster.ClaimRoute {
			p.Rule, p.Hint = ruleRouteTwice, "change hostname or pathprefix, or remove the other event source first"
		}
		out = append(out, p)
	}
	return out
}

func (c *Conflict) message() string {
	owner := fmt.Sprintf("of project %s", c.Claim.Owner)
	if !c.Claim.Since.IsZero() {
		owner += c.Claim.Since.UTC().Format(", since 2006-01-02 15:04 UTC")
	}
	switch c.Claim.Kind {
	case cluster.ClaimRoute:
		host, prefix, _ := strings.Cut(c.Claim.Key, " ")
		return fmt.Sprintf("host %q with path prefix %q belongs to event source %s %s", host, prefix, c.Claim.Object, owner)
	case cluster.ClaimEventSource:
		return fmt.Sprintf("the full name %s belongs to an event source %s", c.Claim.Key, owner)
	}
	return fmt.Sprintf("the full name %s belongs to a component %s", c.Claim.Key, owner)
}
