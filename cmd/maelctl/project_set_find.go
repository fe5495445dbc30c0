package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"maelstrom/reconcile"
	"maelstrom/reconcile/filesource"
)

// findProject finds the file of a project as `validate -r` finds files.
func (a *app) findProject(opt setOptions) (string, error) {
	here, err := filepath.Abs(".")
	if err != nil {
		return "", fmt.Errorf("find project: %w", err)
	}
	top := workingCopy(here)
	if top == "" {
		top = here
	}
	tree, closer, err := filesource.NewTree(top)
	if err != nil {
		return "", exitWith(exitInvalid, err)
	}
	defer closer.Close()
	variables, err := a.variables(opt.files.env)
	if err != nil {
		return "", err
	}
	reader := reconcile.NewReader(tree, reconcile.ReadOptions{Lookup: variables, AllowUnset: true})
	paths, err := reader.Projects()
	if err != nil {
		return "", exitWith(exitInvalid, err)
	}
	var found, broken []string
	for _, path := range paths {
		switch loaded := reader.Load(path).Loaded; {
		case loaded.Project == nil:
			broken = append(broken, path)
		case loaded.Project.Name == opt.project:
			found = append(found, path)
		}
	}
	switch {
	case len(found) > 1:
		return "", exitWith(exitInvalid, fmt.Errorf("project %s is in %s: name one with -f", opt.project, strings.Join(found, " and in ")))
	case len(found) == 0 && len(broken) > 0:
		return "", exitWith(exitNotFound, fmt.Errorf("no valid file below %s is that of project %s; not valid: %s", top, opt.project, strings.Join(broken, ", ")))
	case len(found) == 0:
		return "", exitWith(exitNotFound, fmt.Errorf("no file below %s is that of project %s", top, opt.project))
	}
	path := filepath.Join(top, filepath.FromSlash(found[0]))
	if relative, err := filepath.Rel(here, path); err == nil {
		path = relative
	}
	return path, nil
}
