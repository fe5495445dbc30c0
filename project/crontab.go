package project

import (
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// job is one accepted line of a crontab.
type job struct {
	schedule string
	path     string
	at       place
}

const crontabHint = "write `schedule /path`, as in `0 3 * * * /nightly`; a comment stands on a line of its own"

// jobs reads the crontab of a component at path. What is wrong is reported on
// the file's own line.
func (l *loader) jobs(n *node, path string) []job {
	var out []job
	var problems []Problem
	for i, masked := range strings.Split(n.masked, "\n") {
		e := l.variables.expand(n.src.masks, masked, n.style)
		line := strings.TrimSpace(e.text)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		at := n.linePlace(i)
		if l.unsetIn(e, n.src, at, path) {
			continue
		}
		shown := quote(line)
		if e.secret {
			shown = quote(n.src.masks.raw(strings.TrimSpace(masked)))
		}
		j, rule, message, hint := readJob(line, shown)
		if message != "" {
			p := n.src.problem(rule, at.line, at.column, message, hint)
			p.Path = path
			problems = append(problems, p)
		}
		if severities[rule] != Error {
			j.at = at
			out = append(out, j)
		}
	}
	if n.folded(len(problems) > 0) {
		l.problem(n, path, ruleFolded, "the lines of this crontab are joined into one, because it is not a literal block",
			"begin it with crontab: | and write one job a line")
		return nil
	}
	for _, p := range problems {
		l.report(p)
	}
	return out
}

// unsetIn reports the variables of a line that are not set; it is true if the
// line can't be read without them.
func (l *loader) unsetIn(e expansion, src *source, at place, path string) bool {
	fatal := false
	for _, u := range e.unset {
		rule := u.rule(l.unsetRule())
		fatal = fatal || rule == ruleUnset
		p := src.problem(rule, at.line, at.column, u.describe(), u.hint())
		p.Path = path
		l.report(p)
	}
	return fatal
}

// readJob splits a line into schedule and path; message is what is wrong with
// it, under that rule.
func readJob(line, shown string) (j job, rule, message, hint string) {
	fields := strings.Fields(line)
	j.path = fields[len(fields)-1]
	j.schedule = strings.Join(fields[:len(fields)-1], " ")
	switch {
	case strings.ContainsAny(line, "\n\r"):
		return j, ruleCrontab, "a variable brings a line break into this line", "write one job a line"
	case !strings.HasPrefix(j.path, "/"):
		return j, ruleCrontab, shown + " does not end with a path", crontabHint
	case j.schedule == "":
		return j, ruleCrontab, shown + " has no schedule", crontabHint
	}
	check := checker{
		add:  func(f finding) { rule, message, hint = f.rule, f.message, f.hint },
		show: func(string, string) string { return "the schedule of " + shown },
	}
	checkSchedule(check, "", j.schedule)
	return j, rule, message, hint
}

// linePlace is where the i-th line of a scalar's text stands in the file.
func (n *node) linePlace(i int) place {
	if n.style&yaml.LiteralStyle == 0 {
		return place{n.line, n.column}
	}
	at := place{n.block + 1 + i, 1}
	text := n.src.line(at.line)
	indent := text[:len(text)-len(strings.TrimLeft(text, " \t"))]
	at.column += utf8.RuneCountInString(indent)
	return at
}

// folded tells whether YAML joined lines of a crontab that were meant to be
// jobs: it is no literal block, and fewer lines are read than were written.
func (n *node) folded(wrong bool) bool {
	if n.style&yaml.LiteralStyle != 0 || n.style&yaml.FoldedStyle == 0 && !wrong {
		return false
	}
	read := 0
	for line := range strings.SplitSeq(n.masked, "\n") {
		if strings.TrimSpace(line) != "" {
			read++
		}
	}
	lines, _ := n.written()
	return read < lines
}

// written counts the lines of the file, blank ones aside, that a scalar's text
// stands on, and tells the last of them. The tree does not keep where a scalar
// ends; its indentation tells.
func (n *node) written() (lines, last int) {
	last, least := n.block, -1 // least: how far a line must be indented to belong
	if n.block == 0 {
		indent := indentation(n.src.line(n.line))
		lines, last, least = 1, n.line, indent+1
		if n.column == indent+1 { // the text begins below its key
			least = indent
		}
	}
	for number := last + 1; number <= n.src.lineCount(); number++ {
		text := n.src.line(number)
		if strings.TrimSpace(text) == "" {
			continue
		}
		if least < 0 {
			least = max(1, indentation(text))
		}
		if indentation(text) < least {
			break
		}
		lines, last = lines+1, number
	}
	return lines, last
}

// blockEnd is the last line of a literal or folded scalar.
func (n *node) blockEnd() int {
	if strings.TrimSpace(n.masked) == "" {
		return n.block
	}
	if n.style&yaml.FoldedStyle != 0 {
		_, last := n.written()
		return last
	}
	return n.block + strings.Count(strings.TrimRight(n.masked, " \n"), "\n") + 1
}

func indentation(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }
