package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// The limits of what is read below one directory.
const (
	maxDepth    = 16
	maxFiles    = 10_000
	maxTreeSize = 64 << 20 // bytes
)

// tree reads a directory as a git source would: nothing outside of the working
// copy that it is part of, or of itself where it is part of none, and nothing
// through a symbolic link.
type tree struct {
	start  string // the directory as it was named
	inside string // the same directory below top
	top    string
	root   *os.Root
	read   int64 // bytes so far
}

func openTree(dir string) (*tree, error) {
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
	root, err := os.OpenRoot(top)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", top, err)
	}
	return &tree{start: filepath.Clean(dir), inside: inside, top: top, root: root}, nil
}

func (t *tree) close() error { return t.root.Close() }

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

// locate turns a path as it is shown into one below top.
func (t *tree) locate(path string) (string, error) {
	rel, err := filepath.Rel(t.start, path)
	if err == nil {
		rel = filepath.Join(t.inside, rel)
	}
	if err != nil || !filepath.IsLocal(rel) {
		return "", &fileError{file: path, message: "outside of " + t.top, hint: "-r reads nothing beyond it: move the file into it"}
	}
	return rel, nil
}

func (t *tree) exists(path string) bool {
	rel, err := t.locate(path)
	if err != nil {
		return false
	}
	_, err = t.root.Lstat(rel)
	return err == nil
}

func (t *tree) readAbsolute(path string) ([]byte, error) {
	return nil, &fileError{file: path, message: "an absolute path", hint: "-r reads what lies beside the project file: name it relative to that"}
}

// readFile reads a regular file that no symbolic link leads to.
func (t *tree) readFile(path string) ([]byte, error) {
	rel, err := t.locate(path)
	if err != nil {
		return nil, err
	}
	if err := t.refuseLinks(path, rel); err != nil {
		return nil, err
	}
	file, err := t.root.Open(rel)
	if err != nil {
		return nil, unreadable(path, err)
	}
	defer file.Close()
	data, err := readAll(path, file)
	if err != nil {
		return nil, err
	}
	if t.read += int64(len(data)); t.read > maxTreeSize {
		return nil, fmt.Errorf("read %s: more than %d MiB of project files in %s", path, maxTreeSize>>20, t.start)
	}
	return data, nil
}

// refuseLinks looks at every step of the way to a file before it is opened.
func (t *tree) refuseLinks(path, rel string) error {
	for i, r := range rel + "/" {
		if r != filepath.Separator {
			continue
		}
		info, err := t.root.Lstat(rel[:i])
		switch {
		case err != nil:
			return unreadable(path, err)
		case info.Mode()&fs.ModeSymlink != 0:
			target, _ := t.root.Readlink(rel[:i]) // the message is clear without it
			return &fileError{file: path, message: fmt.Sprintf("%s is a symbolic link to %s", rel[:i], target), hint: "-r follows no links: put the file itself there"}
		case !info.IsDir() && !info.Mode().IsRegular():
			return &fileError{file: path, message: "not a regular file"}
		}
	}
	return nil
}

// projectFiles are the project files below the directory, as paths to show.
func (t *tree) projectFiles() ([]string, error) {
	var files []string
	err := fs.WalkDir(t.root.FS(), filepath.ToSlash(t.inside), func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("search %s: %w", t.start, err)
		}
		below, err := filepath.Rel(t.inside, path)
		if err != nil {
			return fmt.Errorf("search %s: %w", t.start, err)
		}
		if entry.IsDir() {
			return t.enter(path, below)
		}
		if !isProjectFile(entry.Name()) {
			return nil
		}
		if files = append(files, filepath.Join(t.start, below)); len(files) > maxFiles {
			return fmt.Errorf("more than %d project files in %s", maxFiles, t.start)
		}
		return nil
	})
	return files, err
}

// enter decides whether to search a directory: not git's own, and not another
// repository that lies in this one.
func (t *tree) enter(path, below string) error {
	if below == "." {
		return nil
	}
	_, err := t.root.Lstat(filepath.Join(path, ".git"))
	switch {
	case filepath.Base(below) == ".git", err == nil:
		return fs.SkipDir
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("search %s: %w", t.start, err)
	case strings.Count(below, string(filepath.Separator)) >= maxDepth:
		return fmt.Errorf("%s is more than %d directories deep", filepath.Join(t.start, below), maxDepth)
	}
	return nil
}

// isProjectFile tells whether a file's name is one that is searched for. The
// overlay of a base, maelstrom.NAME.yml, is none: it is read with its base.
func isProjectFile(name string) bool {
	stem, ok := strings.CutSuffix(name, ".yml")
	if !ok {
		stem, ok = strings.CutSuffix(name, ".yaml")
	}
	return ok && (stem == "maelstrom" || strings.HasSuffix(stem, ".maelstrom"))
}
