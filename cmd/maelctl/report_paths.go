package main

import (
	"path/filepath"
	"strings"
)

// repositoryPaths turns paths into those below the top level of their working
// copy, by which code hosting sites know files. It remembers directories.
type repositoryPaths map[string]string

// of returns path as it is where it lies in no working copy.
func (r repositoryPaths) of(path string) string {
	absolute, err := filepath.Abs(path)
	if err != nil || path == "-" {
		return path
	}
	dir := filepath.Dir(absolute)
	top, known := r[dir]
	if !known {
		top = workingCopy(dir)
		r[dir] = top
	}
	if top == "" {
		return path
	}
	return strings.TrimPrefix(strings.TrimPrefix(absolute, top), string(filepath.Separator))
}
