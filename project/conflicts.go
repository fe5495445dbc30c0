package project

import "fmt"

// Conflicts are the mistakes that only several files together make: a project
// twice, the same host and path prefix twice, two names that join to one. Each
// is reported at its second appearance in the order of loaded; files with
// errors of their own are left out.
func Conflicts(loaded []Loaded) []Problem {
	c := conflicts{first: map[string]claimant{}}
	for i := range loaded {
		if l := &loaded[i]; l.Project != nil {
			c.add(l)
		}
	}
	return c.problems
}

// conflicts remembers who was first to claim what.
type conflicts struct {
	first    map[string]claimant
	problems []Problem
}

type claimant struct {
	loaded *Loaded
	path   string
	at     Position
}

func (c *conflicts) add(l *Loaded) {
	p := l.Project
	mine := claimant{l, "name", l.Positions["name"]}
	if other, taken := c.claim("project "+p.Name, mine); taken {
		c.report(mine, ruleProjectTwice, fmt.Sprintf("the project %s stands in %s:%d as well", p.Name, other.at.File, other.at.Line),
			"rename one of the two, or put both into one file")
		return // everything below would collide
	}
	for i := range p.Components {
		c.name(l, "components."+p.Components[i].Name, p.Components[i].Name)
	}
	for i := range p.EventSources {
		e := &p.EventSources[i]
		c.name(l, "eventsources."+e.Name, e.Name)
		if e.HTTP != nil {
			c.route(l, e)
		}
	}
}

// claim takes key for the claimant unless another project has it.
func (c *conflicts) claim(key string, by claimant) (other claimant, taken bool) {
	other, taken = c.first[key]
	if !taken {
		c.first[key] = by
	}
	return other, taken && other.loaded != by.loaded
}

func (c *conflicts) name(l *Loaded, key, full string) {
	mine := claimant{l, l.written[key], l.Positions[key]}
	if other, taken := c.claim(key, mine); taken {
		c.report(mine, ruleNameTwice, fmt.Sprintf("the full name %s is taken by %s (%s:%d)", full, other.path, other.at.File, other.at.Line),
			"rename one of the two; a full name is the project, _ and the name")
	}
}

func (c *conflicts) route(l *Loaded, e *EventSource) {
	key, field := "eventsources."+e.Name, ".http.hostname"
	if e.HTTP.Hostname == "" {
		field = ".http.pathprefix"
	}
	mine := claimant{l, l.written[key], l.Positions[key+field]}
	if other, taken := c.claim("route "+routeKey(e.HTTP), mine); taken {
		mine.path += field
		c.report(mine, ruleRouteTwice, fmt.Sprintf("the same hostname and pathprefix as %s (%s:%d)", other.path, other.at.File, other.at.Line),
			"change hostname or pathprefix of one of the two")
	}
}

func (c *conflicts) report(at claimant, rule, message, hint string) {
	c.problems = append(c.problems, Problem{
		Rule: rule, Severity: severities[rule], File: at.at.File, Line: at.at.Line, Column: at.at.Column, EndLine: at.at.Line,
		Path: at.path, Message: message, Hint: hint,
	})
}
