package main

import (
	"fmt"
	"io"

	"maelstrom/project"
)

// printProblems writes problems as `file:line:column: severity: path: message`,
// and what to do about each on a line of its own.
func printProblems(w io.Writer, s style, problems []project.Problem) {
	for _, p := range problems {
		severity := s.red("error")
		if p.Severity == project.Warning {
			severity = s.yellow("warning")
		}
		path := p.Path
		if path != "" {
			path += ": "
		}
		fmt.Fprintf(w, "%s %s: %s%s", s.bold(fmt.Sprintf("%s:%d:%d:", p.File, p.Line, p.Column)), severity, path, p.Message)
		if p.Hint != "" {
			fmt.Fprintf(w, "; %s", p.Hint)
		}
		fmt.Fprintln(w, s.faint(" ["+p.Rule+"]"))
	}
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

// load reads a project for a verb that needs a valid one: problems go to
// stderr, and an error among them ends the verb.
func (a *app) load(f fileFlags) (*bundle, project.Loaded, error) {
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

// errReported ends a verb that has printed all there is to say.
func errReported(code int) error { return exitWith(code, nil) }
