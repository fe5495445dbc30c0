package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"maelstrom/reconcile"
	"maelstrom/reconcile/filesource"
)

// tree is the project files below a directory, read as a source reads them:
// nothing outside of the working copy that it is part of, or of itself where
// it is part of none.
type tree struct {
	io.Closer
	*reconcile.Reader

	inside string // the directory below the top, as a path of the tree
}

// openTree reads below dir, which messages name as it was named.
func openTree(dir string, flags fileFlags, variables lookup) (*tree, error) {
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("find %s: %w", dir, err)
	}
	real, err := filepath.EvalSymlinks(absolute)
	if err != nil {
		return nil, fmt.Errorf("find %s: %w", dir, err)
	}
	top := workingCopy(real)
	if top == "" {
		top = real
	}
	inside, err := filepath.Rel(top, real)
	if err != nil {
		return nil, fmt.Errorf("find %s: %w", dir, err)
	}
	files, closer, err := filesource.NewTree(top)
	if err != nil {
		return nil, err
	}
	reader := reconcile.NewReader(files, reconcile.ReadOptions{
		Under: filepath.ToSlash(inside), Overlay: flags.overlay, Lookup: variables, AllowUnset: flags.allowUnset,
		Show: func(path string) string {
			rel, err := filepath.Rel(inside, filepath.FromSlash(path))
			if err != nil {
				return path
			}
			return filepath.Join(dir, rel)
		},
	})
	return &tree{closer, reader, filepath.ToSlash(inside)}, nil
}

// workingCopy is the top level of the git working copy that dir is part of;
// empty if there is none.
func workingCopy(dir string) string {
	for {
		if _, err := os.Lstat(filepath.Join(dir, ".git")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return ""
		}
		dir = parent
	}
}

// search opens a directory as a tree and finds its project files, as paths of
// the tree. A file stands for itself, in the tree of its directory.
func search(name string, flags fileFlags, variables lookup) (*tree, []string, error) {
	info, err := os.Stat(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) || err != nil && !isLink(name) {
		return nil, nil, unreadable(name, err)
	}
	dir := name
	if err != nil || !info.IsDir() {
		dir = filepath.Dir(name)
	}
	t, err := openTree(dir, flags, variables)
	if err != nil {
		return nil, nil, err
	}
	if dir != name {
		return t, []string{path.Join(t.inside, filepath.Base(name))}, nil
	}
	paths, err := t.Projects()
	var refused *reconcile.OriginError
	switch {
	case errors.As(err, &refused):
		err = &fileError{file: name, message: refused.Err.Error(), hint: refused.Hint}
	case err == nil && len(paths) == 0:
		err = &fileError{file: name, message: "no project file in this directory", hint: "-r finds maelstrom.yml and *.maelstrom.yml"}
	}
	return t, paths, err
}

func isLink(name string) bool {
	_, err := os.Readlink(name)
	return err == nil
}
