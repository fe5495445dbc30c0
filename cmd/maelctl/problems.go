package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"

	"maelstrom/project"
)

// printProblems writes problems as `file:line:column: path: what is wrong, and
// what to do`.
func printProblems(w io.Writer, s style, problems []project.Problem) {
	for _, p := range problems {
		position := s.bold(fmt.Sprintf("%s:%d:%d:", oneLine(p.File), p.Line, p.Column))
		if p.Severity == project.Warning {
			position += " " + s.yellow("warning:")
		}
		rule := ""
		if p.Rule != "" {
			rule = s.faint(" [" + p.Rule + "]")
		}
		fmt.Fprintln(w, position, fullMessage(p)+rule)
	}
}

// fullMessage is a problem in one line, without its position.
func fullMessage(p project.Problem) string {
	text := p.Message
	if p.Path != "" {
		text = p.Path + ": " + text
	}
	if p.Hint != "" {
		text += "; " + p.Hint
	}
	return text
}

// countProblems tells how many problems stop an apply and how many don't.
func countProblems(problems []project.Problem) (errs, warnings int) {
	for _, p := range problems {
		if p.Severity == project.Error {
			errs++
		} else {
			warnings++
		}
	}
	return errs, warnings
}

// sortProblems puts problems in the order of reading.
func sortProblems(problems []project.Problem) {
	slices.SortStableFunc(problems, func(a, b project.Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}

// without returns the problems that are not among known.
func without(problems, known []project.Problem) []project.Problem {
	return slices.DeleteFunc(slices.Clone(problems), func(p project.Problem) bool { return slices.Contains(known, p) })
}

// load reads a project for a verb that needs a valid one: problems go to
// stderr, and an error among them ends the verb.
func (a *app) load(f fileFlags) (*bundle, project.Loaded, error) {
	if err := f.checkOverlay(); err != nil {
		return nil, project.Loaded{}, err
	}
	b, err := a.open(f)
	if err != nil {
		return nil, project.Loaded{}, err
	}
	loaded := project.Load(b.in)
	printProblems(a.stderr, a.errStyle(), loaded.Problems)
	if loaded.Project == nil {
		errs, _ := countProblems(loaded.Problems)
		return nil, loaded, exitWith(exitInvalid, fmt.Errorf("%s: %s", b.in.File, plural(errs, "error")))
	}
	return b, loaded, nil
}

func plural(n int, noun string) string {
	if n == 1 {
		return fmt.Sprintf("%d %s", n, noun)
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
