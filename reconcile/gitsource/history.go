package gitsource

import (
	"context"
	"errors"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/storage/memory"
)

// depths are the steps in which history is fetched to find a commit in it.
var depths = []int{16, 256, 2048}

// maxHistory is how much of a step's history is read.
const maxHistory = 32 << 20

var errUnknownHistory = errors.New("the commits between are too many")

// rewritten tells whether last is no ancestor of a commit. What can't be found
// out in a few steps counts as an ancestor, with an error that says why.
func (o *origin) rewritten(ctx context.Context, last plumbing.Hash, now *object.Commit) (bool, error) {
	if last.IsZero() || last == now.Hash {
		return false, nil
	}
	for _, parent := range now.ParentHashes {
		if parent == last {
			return false, nil
		}
	}
	for _, depth := range depths {
		h, err := o.history(ctx, now.Hash, last, depth)
		if err != nil {
			return false, err
		}
		found, whole := h.search(now.Hash, last)
		if found || whole {
			return !found, nil
		}
	}
	return false, errUnknownHistory
}

// past is a part of a repository's history.
type past struct {
	commits *memory.Storage
	shallow map[plumbing.Hash]bool // whose parents are not in it
}

// history fetches commits, and nothing else where the other side can leave the rest out.
func (o *origin) history(ctx context.Context, from, last plumbing.Hash, depth int) (*past, error) {
	ctx, limit, end := bound(ctx, o.pool.options.Timeout, maxHistory)
	defer end()
	c, err := o.remote.open(ctx, limit)
	if err != nil {
		return nil, ended(ctx, err)
	}
	defer func() { _ = c.Close() }()
	r := request{want: from, depth: depth, filter: packp.FilterTreeDepth(0)}
	if !c.refs().Capabilities.Supports("filter") {
		r.have = last // so that most files are not sent
	}
	a, err := fetch(ctx, c, r)
	if err != nil {
		return nil, ended(ctx, err)
	}
	defer func() { _ = a.close() }()
	h := &past{commits: memory.NewStorage(), shallow: a.shallow}
	parser, err := packfile.NewParserWithStorage(packfile.NewScanner(a.pack), h.commits)
	if err == nil {
		_, err = parser.Parse()
	}
	return h, ended(ctx, err)
}

// search goes from a commit to its ancestors. Whole: there are no others than those it saw.
func (h *past) search(from, last plumbing.Hash) (found, whole bool) {
	whole = true
	seen := map[plumbing.Hash]bool{from: true}
	for queue := []plumbing.Hash{from}; len(queue) > 0; queue = queue[1:] {
		hash := queue[0]
		if hash == last {
			return true, whole
		}
		c, err := object.GetCommit(h.commits, hash)
		if err != nil || h.shallow[hash] && len(c.ParentHashes) > 0 {
			whole = false
		}
		if err != nil {
			continue
		}
		for _, parent := range c.ParentHashes {
			if !seen[parent] {
				seen[parent] = true
				queue = append(queue, parent)
			}
		}
	}
	return false, whole
}
