package gitsource

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-git/go-billy/v5"
	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/config"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/storage/filesystem"
	"github.com/go-git/go-git/v5/storage/filesystem/dotgit"
)

// readable are git's extensions that change nothing for who only reads; go-git
// refuses them all.
var readable = map[string]bool{
	"noop": true, "noop-v1": true, "partialclone": true, "preciousobjects": true,
	"relativeworktrees": true, "worktreeconfig": true,
}

// clone is where the parts of a clone are.
type clone struct {
	top    string // of the work tree, or of a bare repository
	dir    string // of this work tree's HEAD
	common string // of objects and branches
}

// findClone goes up from a directory to a work tree or a bare repository.
func findClone(dir string) (*clone, error) {
	for top := dir; ; top = filepath.Dir(top) {
		found, err := cloneAt(top)
		if found != nil || err != nil {
			return found, err
		}
		if top == filepath.Dir(top) {
			return nil, fmt.Errorf("%s is %w", dir, ErrNoRepository)
		}
	}
}

func cloneAt(top string) (*clone, error) {
	dir := filepath.Join(top, ".git")
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if dir = top; !isRepository(dir) {
			return nil, nil
		}
	case err != nil:
		return nil, err
	case !info.IsDir():
		if dir, err = pathIn(dir, "gitdir: "); err != nil {
			return nil, err
		}
	}
	common, err := pathIn(filepath.Join(dir, "commondir"), "")
	if errors.Is(err, fs.ErrNotExist) {
		common, err = dir, nil
	}
	return &clone{top: top, dir: dir, common: common}, err
}

func isRepository(dir string) bool {
	for _, name := range []string{"HEAD", "objects", "refs"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return false
		}
	}
	return true
}

// pathIn reads a path, relative to the file that it is in.
func pathIn(file, prefix string) (string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	path, ok := strings.CutPrefix(strings.TrimSpace(string(text)), prefix)
	if !ok || path == "" {
		return "", fmt.Errorf("%s does not say where the repository is", file)
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(file), path)
	}
	return path, nil
}

func (c *clone) open() (*git.Repository, error) {
	var common billy.Filesystem
	if c.common != c.dir {
		common = osfs.New(c.common)
	}
	storage := filesystem.NewStorageWithOptions(
		dotgit.NewRepositoryFilesystem(osfs.New(c.dir), common), cache.NewObjectLRU(16*cache.MiByte),
		filesystem.Options{AlternatesFS: osfs.New("/")})
	return git.Open(&readOnly{Storage: storage}, osfs.New(c.top))
}

// readOnly hides the extensions that don't matter to a reader.
type readOnly struct {
	*filesystem.Storage
}

// Config is the repository's, without its extensions.
func (r *readOnly) Config() (*config.Config, error) {
	c, err := r.Storage.Config()
	if err != nil || c.Raw == nil || !c.Raw.HasSection("extensions") {
		return c, err
	}
	for _, option := range c.Raw.Section("extensions").Options {
		if !readable[strings.ToLower(option.Key)] {
			return nil, fmt.Errorf("its extension %s = %s can't be read", option.Key, option.Value)
		}
	}
	c.Raw.RemoveSection("extensions")
	return c, nil
}
