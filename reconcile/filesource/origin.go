// Package filesource reads project files from a directory.
package filesource

import (
	"io"

	"maelstrom/cluster"
	"maelstrom/reconcile"
)

// Open makes the Origin of a directory. It need not exist yet.
func Open(dir string, limits cluster.Limits) (reconcile.Origin, error) { return nil, nil }

// NewTree reads a directory as it is at each call.
func NewTree(dir string) (reconcile.Tree, io.Closer, error) { return nil, nil, nil }
