package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"maelstrom/cluster/rpc"
	"maelstrom/project"
)

// found is a project file to check and where to read it, or why it was not
// found.
type found struct {
	path   string
	tree   *tree  // nil: any file of the disk
	inTree string // its path there
	err    error
}

// checkFiles checks each file by itself.
func (a *app) checkFiles(ctx context.Context, opt validateOptions) ([]*checkedFile, error) {
	variables, err := a.variables(opt.files.env)
	if err != nil {
		return nil, err
	}
	list, closeTrees := a.filesToCheck(opt, variables)
	defer closeTrees()
	var checked []*checkedFile
	for _, f := range list {
		one, err := a.checkFile(ctx, f, opt, variables)
		if err != nil {
			return nil, err
		}
		checked = append(checked, one)
	}
	hasOverlay := func(c *checkedFile) bool { return c.overlay != "" }
	if opt.recursive && opt.files.overlay != "" && !slices.ContainsFunc(checked, hasOverlay) {
		return nil, exitWith(exitInvalid, fmt.Errorf("no file has an overlay %s beside it", opt.files.overlay))
	}
	return checked, nil
}

// filesToCheck finds the files that the options name, each once and in order.
func (a *app) filesToCheck(opt validateOptions, variables lookup) (list []found, closeTrees func()) {
	if !opt.recursive {
		paths := opt.paths
		if len(paths) == 0 {
			paths = []string{defaultFile()}
		}
		for _, path := range paths {
			list = append(list, found{path: filepath.Clean(path)})
		}
		return compact(list), func() {}
	}
	dirs := opt.paths
	if len(dirs) == 0 {
		dirs = []string{"."}
	}
	var trees []*tree
	for _, dir := range dirs {
		t, paths, err := search(filepath.Clean(dir), opt.files, variables)
		if t != nil {
			trees = append(trees, t)
		}
		if err != nil {
			list = append(list, found{path: filepath.Clean(dir), err: err})
		}
		for _, path := range paths {
			list = append(list, found{path: t.Show(path), tree: t, inTree: path})
		}
	}
	slices.SortStableFunc(list, func(x, y found) int { return strings.Compare(x.path, y.path) })
	return compact(list), func() {
		for _, t := range trees {
			t.Close()
		}
	}
}

// compact keeps the first of files with one path.
func compact(list []found) []found {
	seen := map[string]bool{}
	return slices.DeleteFunc(list, func(f found) bool {
		again := seen[f.path]
		seen[f.path] = true
		return again
	})
}

// checkFile checks one file; what is wrong with it is no error.
func (a *app) checkFile(ctx context.Context, f found, opt validateOptions, variables lookup) (*checkedFile, error) {
	c := &checkedFile{file: f.path}
	b, problems := a.openFound(f, opt.files, variables)
	if b != nil {
		c.overlay = b.in.OverlayFile
	}
	if problems != nil {
		c.problems = problems
		return c, nil
	}
	c.loaded = project.Load(b.in)
	c.problems = c.loaded.Problems
	if f.tree == nil && f.path != "-" && c.loaded.Project != nil {
		c.problems = append(slices.Clone(c.problems), refusedBySource(f.path, opt.files, variables, c.problems)...)
	}
	if !opt.server || c.loaded.Project == nil {
		return c, nil
	}
	answer, err := a.client().ValidateProject(ctx, rpc.ValidateRequest{ProjectFiles: b.files()})
	if err != nil {
		return nil, a.serverError(err)
	}
	c.problems = append(slices.Clone(c.problems), without(answer.Problems, c.problems)...)
	return c, nil
}

// refusedBySource warns of what a source would refuse in a file that is valid
// where it lies: paths that lead out of the working copy, and links.
func refusedBySource(name string, flags fileFlags, variables lookup, known []project.Problem) []project.Problem {
	t, paths, err := search(name, flags, variables)
	if t != nil {
		defer t.Close()
	}
	if err != nil || len(paths) != 1 {
		return nil // whatever it is, it is not about this
	}
	var refused []project.Problem
	for _, p := range without(t.Load(paths[0]).Loaded.Problems, known) {
		if p.Severity == project.Error {
			p.Severity, p.Message = project.Warning, "a source refuses it: "+p.Message
			refused = append(refused, p)
		}
	}
	return refused
}

// openFound reads one file; with problems there is nothing to load.
func (a *app) openFound(f found, flags fileFlags, variables lookup) (*bundle, []project.Problem) {
	if f.err == nil && f.tree != nil {
		in, problems := f.tree.Input(f.inTree)
		return newBundle(in), problems
	}
	if f.err != nil {
		return nil, []project.Problem{asFileError(f.path, f.err).problem()}
	}
	b, err := openBundle(disk{a.stdin}, f.path, flags, variables)
	if err != nil {
		return nil, []project.Problem{asFileError(f.path, err).problem()}
	}
	return b, nil
}
