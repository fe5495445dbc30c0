package project

import (
	"fmt"
	"slices"
	"strings"
)

// Conflicts are the mistakes that only several files together make: a project
// twice, the same host and path prefix twice, two names that join to one. Each
// is reported at its second appearance in the order of loaded; files with
// errors of their own are left out. A host that another project's wildcard
// covers is a warning at the host.
func Conflicts(loaded []Loaded) []Problem {
	c := conflicts{first: map[claimKey]claimant{}}
	for i := range loaded {
		c.add(&loaded[i])
	}
	c.covered()
	return c.problems
}

// conflicts remembers who was first to claim what.
type conflicts struct {
	first    map[claimKey]claimant
	routes   []claimant // of projects that stand in one file only, in order
	problems []Problem
}

type claimKey struct {
	kind ClaimKind
	key  string
}

type claimant struct {
	loaded *Loaded
	Claim
}

func (c *conflicts) add(l *Loaded) {
	for _, claim := range l.Claims() {
		mine := claimant{l, claim}
		other, taken := c.first[claimKey{claim.Kind, claim.Key}]
		switch {
		case !taken:
			c.first[claimKey{claim.Kind, claim.Key}] = mine
		case other.loaded != l:
			c.problems = append(c.problems, mine.Conflict(other.Claim))
			if claim.Kind == ClaimProject {
				return // everything below would collide
			}
		}
		if claim.Kind == ClaimRoute {
			c.routes = append(c.routes, mine)
		}
	}
}

// Conflict is the problem that c is also claimed at another place.
func (c Claim) Conflict(other Claim) Problem {
	at := fmt.Sprintf("%s:%d", other.At.File, other.At.Line)
	switch c.Kind {
	case ClaimProject:
		return c.problem(ruleProjectTwice, fmt.Sprintf("the project %s stands in %s as well", c.Key, at),
			"rename one of the two, or put both into one file")
	case ClaimRoute:
		return c.problem(ruleRouteTwice, fmt.Sprintf("host %q with path prefix %q is wanted by %s (%s) too", c.host(), c.prefix(), other.object(), at),
			"change hostname or pathprefix of one of the two")
	}
	return c.problem(ruleNameTwice, fmt.Sprintf("the full name %s is taken by %s (%s)", c.Key, other.Path, at),
		"rename one of the two; a full name is the project, _ and the name")
}

// object is the path of what a route belongs to.
func (c Claim) object() string {
	return strings.TrimSuffix(strings.TrimSuffix(c.Path, ".http.hostname"), ".http.pathprefix")
}

func (c Claim) problem(rule, message, hint string) Problem {
	return Problem{
		Rule: rule, Severity: severities[rule], File: c.At.File, Line: c.At.Line, Column: c.At.Column, EndLine: c.At.Line,
		Path: c.Path, Message: message, Hint: hint,
	}
}

// covered warns of every host that a wildcard of another project covers with
// a path prefix that overlaps, naming the closest.
func (c *conflicts) covered() {
	wildcards := map[string][]claimant{} // by what follows the star
	for _, r := range c.routes {
		if suffix, ok := strings.CutPrefix(r.host(), "*."); ok {
			wildcards[suffix] = append(wildcards[suffix], r)
		}
	}
	if len(wildcards) == 0 {
		return
	}
	for _, r := range c.routes {
		for suffix := strings.TrimPrefix(r.host(), "*."); suffix != ""; {
			_, suffix, _ = strings.Cut(suffix, ".")
			i := slices.IndexFunc(wildcards[suffix], func(w claimant) bool { return w.loaded != r.loaded && overlap(w.prefix(), r.prefix()) })
			if suffix != "" && i >= 0 {
				w := wildcards[suffix][i]
				c.problems = append(c.problems, r.problem(ruleCovered,
					fmt.Sprintf("%s of %s (%s:%d) covers this host as well", w.host(), w.object(), w.At.File, w.At.Line),
					"requests come here where this path prefix matches, else there; give both to one project if that is not meant"))
				break
			}
		}
	}
}

// CutRoute is the hostname and the path prefix of the key of a route.
func CutRoute(key string) (host, prefix string) {
	host, prefix, _ = strings.Cut(key, " ")
	return host, prefix
}

func (c Claim) host() string {
	host, _ := CutRoute(c.Key)
	return host
}

func (c Claim) prefix() string {
	_, prefix := CutRoute(c.Key)
	return prefix
}

// overlap tells whether some path begins with both.
func overlap(a, b string) bool { return strings.HasPrefix(a, b) || strings.HasPrefix(b, a) }
