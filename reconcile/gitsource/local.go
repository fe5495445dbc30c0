package gitsource

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"

	"maelstrom/cluster"
	"maelstrom/reconcile"
)

// Local is a clone on this machine.
type Local struct {
	top  string
	repo *git.Repository
}

// ErrNoRepository is the error of a directory that is in no clone.
var ErrNoRepository = errors.New("not in a git repository")

// OpenLocal opens the repository that dir is in. The git program is not needed.
func OpenLocal(dir string) (*Local, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("open repository: %w", err)
	}
	place, err := findClone(dir)
	if err != nil {
		return nil, fmt.Errorf("open repository: %w", err)
	}
	repo, err := place.open()
	if err != nil {
		return nil, fmt.Errorf("open repository at %s: %w", place.top, err)
	}
	return &Local{top: place.top, repo: repo}, nil
}

// Top is the top of the work tree; of a bare repository, the
// directory itself.
func (l *Local) Top() string { return l.top }

// Tree is the files of a revision: a branch, a tag, a commit, HEAD~2. Nothing
// of the work tree is read.
func (l *Local) Tree(rev string) (reconcile.Tree, cluster.Commit, error) {
	hash, err := l.repo.ResolveRevision(plumbing.Revision(rev))
	if err != nil {
		return nil, cluster.Commit{}, fmt.Errorf("find revision %q in %s: %w", rev, l.top, l.hint(err))
	}
	commit, err := readCommit(l.repo.Storer, *hash)
	if err != nil {
		return nil, cluster.Commit{}, fmt.Errorf("revision %q: %w", rev, l.hint(err))
	}
	files, err := readTree(l.repo.Storer, commit.TreeHash, anyFile, nil)
	if err != nil {
		return nil, cluster.Commit{}, fmt.Errorf("revision %q: %w", rev, err)
	}
	return files, describe(commit), nil
}

// hint says when history ends early.
func (l *Local) hint(err error) error {
	if shallow, other := l.repo.Storer.Shallow(); other == nil && len(shallow) > 0 {
		return fmt.Errorf("%w (the clone is shallow; git fetch --deepen=100 brings more of its history)", err)
	}
	return err
}
