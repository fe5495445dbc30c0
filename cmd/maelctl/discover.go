package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// The limits of a search for project files.
const (
	maxDepth = 16
	maxFiles = 10_000
)

// discover searches directories for project files, in lexical order. A path
// that is a file stands for itself; no path means the working directory.
// Symbolic links are not followed.
func discover(paths []string) ([]string, error) {
	if len(paths) == 0 {
		paths = []string{"."}
	}
	var files []string
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			files = append(files, path)
			continue
		}
		found, err := searchDir(path)
		if err != nil {
			return nil, err
		}
		files = append(files, found...)
	}
	slices.Sort(files)
	files = slices.Compact(files)
	if len(files) == 0 {
		return nil, fmt.Errorf("no project file (maelstrom.yml, *.maelstrom.yml) in %s", strings.Join(paths, ", "))
	}
	return files, nil
}

func searchDir(root string) ([]string, error) {
	var files []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return enterDir(root, path, entry.Name())
		}
		if !entry.Type().IsRegular() || !isProjectFile(entry.Name()) {
			return nil
		}
		files = append(files, path)
		if len(files) > maxFiles {
			return fmt.Errorf("more than %d project files in %s", maxFiles, root)
		}
		return nil
	})
	return files, err
}

func enterDir(root, path, name string) error {
	rel, err := filepath.Rel(root, path)
	if err != nil {
		return err
	}
	switch {
	case name == ".git":
		return filepath.SkipDir
	case strings.Count(rel, string(filepath.Separator)) >= maxDepth:
		return fmt.Errorf("%s is more than %d directories deep", path, maxDepth)
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
