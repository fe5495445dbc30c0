package project

import "fmt"

// finding is a mistake that a check of values found: a problem that does not
// know its file yet.
type finding struct {
	rule    string
	path    string // relative to what was checked
	message string
	hint    string
	// near are paths to point at, in this order, where nothing is written at
	// path; without any, the mapping that lacks it is pointed at.
	near []string
}

// checker collects findings. show quotes the value at a path as a message may
// repeat it.
type checker struct {
	add  func(finding)
	show func(path, value string) string
}

func (c checker) bad(rule, path, message, hint string) {
	c.add(finding{rule: rule, path: path, message: message, hint: hint})
}

// value reports that the value at path is not what it must be.
func (c checker) value(rule, path, value, problem, hint string) {
	c.bad(rule, path, c.show(path, value)+" "+problem, hint)
}

// under is c for what stands below path.
func (c checker) under(path string) checker {
	return checker{
		add: func(f finding) {
			f.path = joinPath(path, f.path)
			for i, near := range f.near {
				f.near[i] = joinPath(path, near)
			}
			c.add(f)
		},
		show: func(below, value string) string { return c.show(joinPath(path, below), value) },
	}
}

func index(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }

// standalone is a checker for values that came from no file.
func standalone(out *[]Problem) checker {
	return checker{
		add: func(f finding) {
			*out = append(*out, Problem{
				Rule: f.rule, Severity: severities[f.rule], Path: f.path, Message: f.message, Hint: f.hint,
			})
		},
		show: func(path, value string) string { return quote(value) },
	}
}

// Unreadable is the problem of a file that could not even be read.
func Unreadable(file, message, hint string) Problem {
	return Problem{
		Rule: ruleUnreadable, Severity: severities[ruleUnreadable],
		File: file, Line: 1, Column: 1, EndLine: 1, Message: message, Hint: hint,
	}
}
