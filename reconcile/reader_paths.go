package reconcile

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"maelstrom/project"
)

// FileError is a file of a tree that can't be read: what is wrong with it, and
// what to do.
type FileError struct {
	Message, Hint string
	Err           error // the cause, if it is not all in Message
}

func (e *FileError) Error() string {
	if e.Hint == "" {
		return e.Message
	}
	return e.Message + "; " + e.Hint
}

// Unwrap returns the cause.
func (e *FileError) Unwrap() error { return e.Err }

// resolve turns what a project file in dir names into a path of the tree.
func resolve(dir, name string) (string, error) {
	switch {
	case name == "":
		return "", &FileError{Message: "an empty path", Hint: "name a file"}
	case path.IsAbs(name):
		return "", &FileError{Message: "an absolute path", Hint: "name it relative to the project file, within the source"}
	case strings.ContainsRune(name, 0):
		return "", &FileError{Message: "a path with a NUL", Hint: "name a file"}
	}
	joined := path.Join(dir, name)
	if joined == ".." || strings.HasPrefix(joined, "../") {
		return "", &FileError{Message: "outside of the source", Hint: "nothing beyond its top is read: move the file into it"}
	}
	if slices.ContainsFunc(strings.Split(joined, "/"), isGit) {
		return "", &FileError{Message: "a file of git itself", Hint: "name a file of the repository"}
	}
	return joined, nil
}

func isGit(name string) bool { return strings.EqualFold(name, ".git") }

// parent is the directory of a path; the top is "".
func parent(file string) string {
	if dir := path.Dir(file); dir != "." {
		return dir
	}
	return ""
}

// overlays are the files that an overlay may be in, the first that exists
// counts: for shop.yml shop.NAME.yml, else maelstrom.NAME.yml.
func overlays(base, overlay string) []string {
	dir, name := path.Split(base)
	ext := path.Ext(name)
	var paths []string
	for _, stem := range []string{strings.TrimSuffix(name, ext), "maelstrom"} {
		for _, ext := range []string{ext, ".yml", ".yaml"} {
			if p := dir + stem + "." + overlay + ext; !slices.Contains(paths, p) {
				paths = append(paths, p)
			}
		}
	}
	return paths
}

// Overlays are the files beside base that an overlay of that name may be in,
// in the order in which they are looked for.
func Overlays(base, overlay string) []string { return overlays(base, overlay) }

// look returns the entry at a path that no ignore file names. A missing file
// is fs.ErrNotExist.
func (r *Reader) look(file string) (Entry, error) {
	entry, err := r.tree.Lookup(file)
	if err != nil {
		return Entry{}, err
	}
	by, ignored, err := r.ignored(file)
	switch {
	case err != nil:
		return Entry{}, err
	case ignored:
		return Entry{}, &FileError{Message: fmt.Sprintf("ignored by %s", by), Hint: "what is ignored is no part of the source"}
	}
	return entry, nil
}

// ignored looks at the path and every directory above it.
func (r *Reader) ignored(file string) (by string, ignored bool, err error) {
	for end := 0; ; {
		if err := r.loadIgnores(strings.TrimSuffix(file[:end], "/")); err != nil {
			return "", false, err
		}
		next := strings.IndexByte(file[end:], '/')
		if next < 0 {
			break
		}
		if by, ignored := r.ignores.Match(file[:end+next], true); ignored {
			return by, true, nil
		}
		end += next + 1
	}
	by, ignored = r.ignores.Match(file, false)
	return by, ignored, nil
}

// loadIgnores reads the ignore file of a directory once.
func (r *Reader) loadIgnores(dir string) error {
	err, known := r.looked[dir]
	if known {
		return err
	}
	file := path.Join(dir, IgnoreFile)
	entry, err := r.tree.Lookup(file)
	switch {
	case err == nil:
		err = r.checkEntry(entry)
	case errors.Is(err, fs.ErrNotExist):
		r.looked[dir] = nil
		return nil
	}
	var data []byte
	if err == nil {
		data, err = r.tree.Read(file)
	}
	var refused *FileError
	var link *LinkError
	switch {
	case errors.As(err, &refused) && dir != "":
		err = &FileError{Message: fmt.Sprintf("%s can't be read: %s", r.Show(file), refused.Message), Hint: cmp.Or(refused.Hint, ignoreHint), Err: err}
	case errors.As(err, &link) && dir != "":
		err = &FileError{Message: fmt.Sprintf("%s is a symbolic link to %s", r.Show(file), link.Target), Hint: ignoreHint, Err: err}
	case err != nil:
		err = fmt.Errorf("read %s: %w", file, err)
	}
	r.looked[dir] = err
	r.ignores.Add(dir, data)
	return err
}

// checkEntry refuses what is not a file of a size that is read.
func (r *Reader) checkEntry(entry Entry) error {
	switch entry.Kind {
	case EntryFile:
	case EntryDir:
		return &FileError{Message: "a directory", Hint: "name a file"}
	case EntrySymlink:
		return &LinkError{Path: entry.Path, Link: entry.Path, Target: entry.Target}
	case EntrySubmodule:
		return &FileError{Message: "a submodule", Hint: "submodules are not fetched: put the file into this repository"}
	default:
		return &FileError{Message: "not a regular file"}
	}
	if entry.Size > r.limits.FileBytes {
		return &FileError{Message: fmt.Sprintf("%d bytes, more than the %d that are read of one file", entry.Size, r.limits.FileBytes),
			Hint: "make it smaller, or raise the limit filebytes"}
	}
	return nil
}

// isPointer tells whether git keeps the contents elsewhere.
func isPointer(data []byte) bool {
	return len(data) < 1024 && bytes.HasPrefix(data, []byte("version https://git-lfs.github.com/spec/"))
}

// Show is a path of the tree as messages name it.
func (r *Reader) Show(path string) string {
	if r.opt.Show == nil {
		return path
	}
	return r.opt.Show(path)
}

// unreadable is the problem of a file that could not be read.
func (r *Reader) unreadable(path string, err error) project.Problem {
	var known *FileError
	var link *LinkError
	switch {
	case errors.As(err, &known):
		return project.Unreadable(r.Show(path), known.Message, known.Hint)
	case errors.As(err, &link):
		return project.Unreadable(r.Show(path), fmt.Sprintf("%s is a symbolic link to %s", link.Link, link.Target),
			"links are not followed: put the file itself there")
	case errors.Is(err, fs.ErrNotExist):
		return project.Unreadable(r.Show(path), "no such file", "")
	}
	return project.Unreadable(r.Show(path), err.Error(), "")
}
