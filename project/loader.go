package project

import (
	"fmt"
	"reflect"
	"sort"
	"strings"
)

// loader is one load under way.
type loader struct {
	in        Input
	variables *expander
	problems  []Problem
	seen      map[told]bool
	untold    int // errors beyond maxProblems

	project Project
	where   map[string]Position
	written map[string]string
	names   map[string]named          // by components.<full> and eventsources.<full>
	routes  map[string]named          // by host and path prefix
	files   map[string]*fileComponent // by full name
}

// maxProblems bounds what one load tells, which else could be a hundred times
// as long as its input.
const maxProblems = 10_000

// told identifies a problem, so that one value that several aliases name is
// spoken about once.
type told struct {
	rule, file, message string
	line, column        int
}

// named is where a name was given.
type named struct {
	path string
	at   *node
}

// Load reads, validates and normalises one project. It collects every mistake
// of the input, sorted by file, line and column, and never panics.
func Load(in Input) Loaded {
	l := &loader{
		in: in, variables: &expander{lookup: in.Lookup, budget: maxExpanded}, seen: map[told]bool{},
		where: map[string]Position{}, written: map[string]string{}, names: map[string]named{}, routes: map[string]named{},
		files: map[string]*fileComponent{},
	}
	if root := l.read(); root != nil {
		l.load(root)
	}
	return l.loaded()
}

func (l *loader) report(p Problem) {
	key := told{p.Rule, p.File, p.Message, p.Line, p.Column}
	switch {
	case l.seen[key]:
	case len(l.problems) < maxProblems:
		l.seen[key] = true
		l.problems = append(l.problems, p)
	case p.Severity == Error:
		l.untold++
	}
}

func (l *loader) problem(n *node, path, rule, message, hint string) {
	p := n.src.problem(rule, n.line, n.column, message, hint)
	p.Path, p.EndLine = path, n.endLine
	l.report(p)
}

func (l *loader) unsetRule() string {
	if l.in.AllowUnset {
		return ruleUnsetAllowed
	}
	return ruleUnset
}

// read parses the base file and lays the overlay upon it; nil if either can't
// be read at all.
func (l *loader) read() *node {
	root := l.tree(l.in.File, l.in.Data)
	if l.in.OverlayFile == "" {
		return root
	}
	over := l.tree(l.in.OverlayFile, l.in.OverlayData)
	if root == nil || over == nil {
		return nil
	}
	return overlaid(root, over)
}

func (l *loader) tree(name string, data []byte) *node {
	src := newSource(name, data, l.report)
	if src == nil {
		return nil
	}
	p := src.parse(l.report)
	if p.document == nil {
		return nil
	}
	c := &converter{src: src, undefined: p.undefined, variables: l.variables, unsetRule: l.unsetRule(), report: l.report}
	return c.tree(p.document)
}

// loaded is the outcome: problems in order, and the project if none is an error.
func (l *loader) loaded() Loaded {
	if l.untold > 0 {
		src := source{name: l.in.File}
		l.problems = append(l.problems, src.problem(ruleTooMany, 1, 1, fmt.Sprintf("%d more problems are not told", l.untold), "begin with those that are"))
	}
	sort.SliceStable(l.problems, func(i, j int) bool { return before(l.problems[i], l.problems[j]) })
	out := Loaded{Problems: l.problems, Positions: l.where, written: l.written}
	for _, p := range l.problems {
		if p.Severity == Error {
			return out
		}
	}
	p := &l.project
	sort.Slice(p.Components, func(i, j int) bool { return p.Components[i].Name < p.Components[j].Name })
	sort.Slice(p.EventSources, func(i, j int) bool { return p.EventSources[i].Name < p.EventSources[j].Name })
	out.Project = p
	out.Rendered = &Rendered{project: p, files: l.files}
	return out
}

func before(a, b Problem) bool {
	switch {
	case a.File != b.File:
		return a.File < b.File
	case a.Line != b.Line:
		return a.Line < b.Line
	case a.Column != b.Column:
		return a.Column < b.Column
	}
	return a.Rule < b.Rule
}

// checker places what checks find below base, whose path is prefix.
func (l *loader) checker(base *node, prefix string) checker {
	return checker{
		add: func(f finding) { l.place(base, prefix, f) },
		show: func(path, value string) string {
			if n, exact, _ := base.locate(path); exact && n.kind == scalarNode {
				return n.show()
			}
			return quote(value)
		},
	}
}

// place reports a finding where its value is written, or where the mapping
// stands that lacks it. About a value that is broken enough was said.
func (l *loader) place(base *node, prefix string, f finding) {
	n, exact, broken := base.locate(f.path)
	for i := 0; i < len(f.near) && !exact; i++ {
		near, written, bad := base.locate(f.near[i])
		broken = broken || bad
		if written {
			n, exact = near, true
		}
	}
	if broken {
		return
	}
	path := prefix
	if strings.HasPrefix(f.path, "[") {
		path += f.path
	} else if f.path != "" {
		path = joinPath(prefix, f.path)
	}
	l.problem(n, path, f.rule, f.message, f.hint)
}

// load decodes and checks the whole tree.
func (l *loader) load(root *node) {
	var f fileProject
	d := decoder{report: l.report, unsetRule: l.unsetRule()}
	d.value(root, reflect.ValueOf(&f).Elem(), spot{})
	if root.kind != mapNode {
		return
	}
	check := l.checker(root, "")
	checkKeys(check, reflectValue(&f), shapeOf(&f))
	if f.Name != "" {
		checkProjectName(check, f.Name)
	}
	if f.Components != nil && len(f.Components) == 0 {
		check.bad(ruleMissing, "components", "components names no component", "write at least one name and its image")
	}
	l.project.Name = strings.ToLower(f.Name)
	if at := root.get("name"); at != nil {
		l.where["name"] = at.position()
	}
	l.components(root, &f)
}

func (n *node) position() Position { return Position{n.src.name, n.line, n.column} }
