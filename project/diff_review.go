package project

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// Review is what differs between two revisions of a tree with several projects.
type Review struct {
	Base     string          `json:"base"`
	Head     string          `json:"head"`
	Projects []ProjectReview `json:"projects"` // those that differ, by name
	Problems []Problem       `json:"problems"` // of head, in the order of reading; warnings that base has too are left out
	Summary  ReviewSummary   `json:"summary"`
}

// ProjectReview is one project of a Review.
type ProjectReview struct {
	Status ReviewStatus `json:"status"`
	File   string       `json:"file"` // at head; of what is removed, at base
	Changes
}

// ReviewStatus says what becomes of a project.
type ReviewStatus string

// The review statuses.
const (
	ReviewAdded   ReviewStatus = "added"
	ReviewChanged ReviewStatus = "changed"
	ReviewRemoved ReviewStatus = "removed"
)

// ReviewSummary counts projects by what becomes of them, and the objects in
// all of them together.
type ReviewSummary struct {
	Added   int     `json:"added"`
	Changed int     `json:"changed"`
	Removed int     `json:"removed"`
	Invalid int     `json:"invalid"` // files of head with errors in them
	Objects Summary `json:"objects"`
}

// Compare reviews the files of two revisions, by path. A file that is not valid
// at head says nothing about its project, which is neither changed nor removed.
func Compare(base, head map[string]Loaded) Review {
	r := reviewer{base: base, head: head, before: map[string]string{}, unknown: map[string]bool{}, seen: map[string]bool{}}
	r.Projects, r.Problems = []ProjectReview{}, []Problem{}
	for _, path := range slices.Sorted(maps.Keys(base)) {
		if p := base[path].Project; p != nil && r.before[p.Name] == "" {
			r.before[p.Name] = path
		}
	}
	r.conflicts()
	for _, path := range slices.Sorted(maps.Keys(head)) {
		r.file(path)
	}
	r.removed()
	r.Summary.Invalid = r.invalid()
	slices.SortFunc(r.Projects, func(a, b ProjectReview) int { return strings.Compare(a.Project, b.Project) })
	slices.SortStableFunc(r.Problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return r.Review
}

// Empty tells whether nothing differs, as far as head is valid.
func (r *Review) Empty() bool { return len(r.Projects) == 0 }

// Valid tells whether every file of head can be applied.
func (r *Review) Valid() bool { return r.Summary.Invalid == 0 }

// SummaryLine sums all projects up in one line.
func (r *Review) SummaryLine() string {
	s := r.Summary
	line := fmt.Sprintf("Projects: %d added, %d changed, %d removed. Plan: %s", s.Added, s.Changed, s.Removed, s.Objects.text())
	if s.Invalid > 0 {
		line += fmt.Sprintf(". Not valid: %d", s.Invalid)
	}
	return line
}

// reviewer is one Compare under way.
type reviewer struct {
	Review
	base, head map[string]Loaded
	before     map[string]string // path at base, by project
	unknown    map[string]bool   // projects of which head says nothing
	seen       map[string]bool   // projects of head
}

// conflicts finds what the files of head make wrong together. What was there
// before keeps what it has: the newcomer is the one to be told.
func (r *reviewer) conflicts() {
	var all, newcomers []Loaded
	for _, path := range slices.Sorted(maps.Keys(r.head)) {
		one := r.head[path]
		if one.Project != nil && r.before[one.Project.Name] == "" {
			newcomers = append(newcomers, one)
			continue
		}
		all = append(all, one)
	}
	all = append(all, newcomers...)
	r.Problems = append(r.Problems, Conflicts(all)...)
}

// invalid counts the files that hold an error.
func (r *reviewer) invalid() int {
	files := map[string]bool{}
	for _, p := range r.Problems {
		if p.Severity == Error {
			files[p.File] = true
		}
	}
	return len(files)
}

// news are the problems that a reader of the change should know: an old
// warning is none, wherever its line has moved to.
func news(before, after []Problem) []Problem {
	type warning struct{ rule, file, path, message string }
	known := map[warning]bool{}
	for _, p := range before {
		known[warning{p.Rule, p.File, p.Path, p.Message}] = true
	}
	return slices.DeleteFunc(slices.Clone(after), func(p Problem) bool {
		return p.Severity == Warning && known[warning{p.Rule, p.File, p.Path, p.Message}]
	})
}

func (r *reviewer) file(path string) {
	after := r.head[path]
	before, existed := r.base[path]
	r.Problems = append(r.Problems, news(before.Problems, after.Problems)...)
	if after.Project == nil {
		if before.Project != nil {
			r.unknown[before.Project.Name] = true
		}
		return
	}
	name := after.Project.Name
	if r.seen[name] {
		return // a conflict says so
	}
	r.seen[name] = true
	var old Loaded
	if at, ok := r.before[name]; ok {
		old = r.base[at]
	}
	if old.Project == after.Project {
		return
	}
	status := ReviewChanged
	if old.Project == nil {
		status = ReviewAdded
	}
	changes := DiffLoaded(old, after)
	if old.Project == nil && existed && before.Project == nil {
		changes.Notes = append(changes.Notes, path+" was not valid before: all of it shows as added")
	}
	r.add(status, path, changes)
}

func (r *reviewer) removed() {
	for _, name := range slices.Sorted(maps.Keys(r.before)) {
		if !r.seen[name] && !r.unknown[name] {
			path := r.before[name]
			r.add(ReviewRemoved, path, DiffLoaded(r.base[path], Loaded{}))
		}
	}
}

func (r *reviewer) add(status ReviewStatus, path string, changes Changes) {
	if status == ReviewChanged && changes.Empty() {
		return
	}
	r.Projects = append(r.Projects, ProjectReview{status, path, changes})
	switch status {
	case ReviewAdded:
		r.Summary.Added++
	case ReviewChanged:
		r.Summary.Changed++
	case ReviewRemoved:
		r.Summary.Removed++
	}
	o := &r.Summary.Objects
	o.Added += changes.Summary.Added
	o.Updated += changes.Summary.Updated
	o.Restarts += changes.Summary.Restarts
	o.Removed += changes.Summary.Removed
}

// Text writes a review for people, without its problems.
func (r *Review) Text(w io.Writer, colour bool) error {
	p := diffPalette(colour)
	var b strings.Builder
	for i := range r.Projects {
		one := &r.Projects[i]
		fmt.Fprintf(&b, "%s %s  %s\n", p.paint("1", diffLine(one.Project)), one.Status, p.dim(diffLine(one.File)))
		p.changes(&b, &one.Changes)
		b.WriteString("\n")
	}
	b.WriteString(p.paint("1", r.SummaryLine()) + "\n")
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write review: %w", err)
	}
	return nil
}

// Markdown writes a review as a comment for a pull request, what is not valid
// and then the worst first. It is at most 60 kB long: what does not fit is
// counted, and projects that are left out are named.
func (r *Review) Markdown(w io.Writer) error {
	m := markdown{head: r.markdownHead()}
	for i := range r.Projects {
		m.sections = append(m.sections, newMarkdownSection(&r.Projects[i].Changes, " "+string(r.Projects[i].Status)))
	}
	slices.SortStableFunc(m.sections, func(a, b *markdownSection) int { return cmp.Compare(a.worst(), b.worst()) })
	return m.write(w)
}

func (s *markdownSection) worst() int {
	if len(s.items) == 0 {
		return len(impactOrder)
	}
	return s.items[0].weight
}

// longestProblems is how much of a comment the problems may take.
const longestProblems = markdownLimit / 3

func (r *Review) markdownHead() string {
	var b strings.Builder
	fmt.Fprintf(&b, "## Changes from %s to %s\n\n**%s**\n", codeSpan(diffLine(r.Base)), codeSpan(diffLine(r.Head)), r.SummaryLine())
	if len(r.Problems) == 0 {
		return b.String()
	}
	b.WriteString("\n### Problems\n\n")
	problems := slices.Clone(r.Problems)
	slices.SortStableFunc(problems, func(a, b Problem) int { return strings.Compare(string(a.Severity), string(b.Severity)) })
	for i, p := range problems {
		line := fmt.Sprintf("- **%s** %s %s (%s)\n", p.Severity, codeSpan(diffLine(fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column))),
			markdownText(p.what()), markdownText(p.Rule))
		if b.Len()+len(line) > longestProblems {
			fmt.Fprintf(&b, "\n… and %d more problems, not shown.\n", len(problems)-i)
			break
		}
		b.WriteString(line)
	}
	return b.String()
}

// what is a problem without its place.
func (p Problem) what() string {
	text := p.Message
	if p.Path != "" {
		text = p.Path + ": " + text
	}
	return text + after("; ", p.Hint)
}
