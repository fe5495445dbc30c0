package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"maelstrom/cluster/rpc"
	"maelstrom/project"
)

// found is a project file to check and where to read it, or why it was not
// found.
type found struct {
	path string
	from files
	err  error
}

// checkFiles checks each file by itself.
func (a *app) checkFiles(ctx context.Context, opt validateOptions) ([]*checkedFile, error) {
	variables, err := a.variables(opt.files.env)
	if err != nil {
		return nil, err
	}
	list, closeTrees := a.filesToCheck(opt)
	defer closeTrees()
	if opt.recursive && opt.files.overlay != "" && !slices.ContainsFunc(list, func(f found) bool { return hasOverlay(f, opt.files.overlay) }) {
		return nil, exitWith(exitInvalid, fmt.Errorf("no file has an overlay %s beside it", opt.files.overlay))
	}
	var checked []*checkedFile
	for _, f := range list {
		one, err := a.checkFile(ctx, f, opt, variables)
		if err != nil {
			return nil, err
		}
		checked = append(checked, one)
	}
	return checked, nil
}

// filesToCheck finds the files that the options name, each once and in order.
func (a *app) filesToCheck(opt validateOptions) (list []found, closeTrees func()) {
	if !opt.recursive {
		paths := opt.paths
		if len(paths) == 0 {
			paths = []string{defaultFile()}
		}
		for _, path := range paths {
			list = append(list, found{path: filepath.Clean(path), from: disk{a.stdin}})
		}
		return compact(list), func() {}
	}
	dirs := opt.paths
	if len(dirs) == 0 {
		dirs = []string{"."}
	}
	var trees []*tree
	for _, dir := range dirs {
		t, paths, err := search(dir)
		if t != nil {
			trees = append(trees, t)
		}
		if err != nil {
			list = append(list, found{path: filepath.Clean(dir), err: err})
		}
		for _, path := range paths {
			list = append(list, found{path: path, from: t})
		}
	}
	slices.SortStableFunc(list, func(x, y found) int { return strings.Compare(x.path, y.path) })
	return compact(list), func() {
		for _, t := range trees {
			t.close()
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

// search opens a directory as a tree and finds its project files. A file
// stands for itself, in the tree of its directory.
func search(path string) (*tree, []string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil, unreadable(path, err)
	}
	dir := path
	if !info.IsDir() {
		dir = filepath.Dir(path)
	}
	t, err := openTree(dir)
	if err != nil {
		return nil, nil, err
	}
	if !info.IsDir() {
		return t, []string{filepath.Clean(path)}, nil
	}
	paths, err := t.projectFiles()
	if err == nil && len(paths) == 0 {
		err = &fileError{file: path, message: "no project file in this directory", hint: "-r finds maelstrom.yml and *.maelstrom.yml"}
	}
	return t, paths, err
}

func hasOverlay(f found, name string) bool {
	if f.err != nil {
		return false
	}
	_, err := overlayPath(f.from, f.path, name)
	return err == nil
}

// checkFile checks one file; what is wrong with it is no error.
func (a *app) checkFile(ctx context.Context, f found, opt validateOptions, variables lookup) (*checkedFile, error) {
	if opt.recursive && !hasOverlay(f, opt.files.overlay) {
		opt.files.overlay = "" // of many files some have one
	}
	c := &checkedFile{file: f.path}
	b, err := f.open(opt.files, variables)
	if err != nil {
		c.problems = []project.Problem{asFileError(f.path, err).problem()}
		return c, nil
	}
	c.overlay = b.in.OverlayFile
	c.loaded = project.Load(b.in)
	c.problems = c.loaded.Problems
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

func (f found) open(flags fileFlags, variables lookup) (*bundle, error) {
	if f.err != nil {
		return nil, f.err
	}
	return openBundle(f.from, f.path, flags, variables)
}
