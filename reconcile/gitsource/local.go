package gitsource

import (
	"errors"

	"maelstrom/cluster"
	"maelstrom/reconcile"
)

// Local is a clone on this machine.
type Local struct {
	top string
}

// OpenLocal opens the repository that dir is in.
func OpenLocal(dir string) (*Local, error) { return nil, errors.New("open repository: not now") }

// Top is the top of the work tree; of a bare repository, itself.
func (l *Local) Top() string { return l.top }

// Tree is the files of a revision: a branch, a tag, a commit, HEAD~2.
func (l *Local) Tree(rev string) (reconcile.Tree, cluster.Commit, error) {
	return nil, cluster.Commit{}, errors.New("read revision: not now")
}
