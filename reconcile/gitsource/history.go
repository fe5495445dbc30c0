package gitsource

import (
	"context"
	"errors"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/storage/memory"
)

// depths are the steps in which history is fetched to find a commit in it, the
// last of them all there is. Before the second, the time of that commit tells
// how far to go, where it is known.
var depths = []int{16, 256, 2048, 1<<31 - 1}

// maxHistory is how much of a step's history is read.
const maxHistory = 32 << 20

// skew is how far the clocks of who commits are apart at most: no commit is
// that much older than those it goes on from.
const skew = 24 * time.Hour

// rewritten tells whether last is no ancestor of a commit. With an error it is
// not known.
func (o *origin) rewritten(ctx context.Context, last plumbing.Hash, now *object.Commit) (bool, error) {
	if last.IsZero() || last == now.Hash {
		return false, nil
	}
	for _, parent := range now.ParentHashes {
		if parent == last {
			return false, nil
		}
	}
	for i, depth := range depths {
		if i == 1 {
			answer, err := o.goneSince(ctx, last, now)
			if !errors.Is(err, errSince) {
				return answer, err
			}
		}
		h, err := o.history(ctx, request{want: now.Hash, have: last, depth: depth})
		if err != nil {
			return true, err
		}
		found, whole := h.search(now.Hash, last)
		if found || whole {
			return !found, nil
		}
	}
	return true, errUnknownHistory
}

var errUnknownHistory = errors.New("the server does not send all commits")

// passes tells whether another try may end otherwise: the error is of the way to
// the other side.
func passes(err error) bool {
	broken := new(objectError)
	return !errors.Is(err, errUnknownHistory) && !errors.As(err, &broken) && !classify(err).Permanent
}

// goneSince is rewritten by the commits that are not much older than last. The
// error is errSince if that can't be asked.
func (o *origin) goneSince(ctx context.Context, last plumbing.Hash, now *object.Commit) (bool, error) {
	before, err := o.commit(ctx, last)
	if err != nil {
		return true, err
	}
	since := before.Committer.When.Add(-skew)
	if now.Committer.When.Before(since) {
		return true, nil
	}
	h, err := o.history(ctx, request{want: now.Hash, have: last, since: since})
	if err != nil {
		return true, err
	}
	found, _ := h.search(now.Hash, last)
	return !found, nil
}

// commit reads a commit that is here, or asks for it. The error is errSince if
// the server does not give it by its id.
func (o *origin) commit(ctx context.Context, hash plumbing.Hash) (*object.Commit, error) {
	if c, err := readCommit(o.store.objects, hash); err == nil {
		return c, nil
	}
	h, err := o.history(ctx, request{want: hash, depth: 1})
	if refused := new(refusedError); errors.As(err, &refused) {
		return nil, errSince
	}
	if err != nil {
		return nil, err
	}
	return readCommit(h.commits, hash)
}

// past is a part of a repository's history.
type past struct {
	commits *memory.Storage
	shallow map[plumbing.Hash]bool // whose parents are not in it
}

// history fetches commits, and nothing else where the other side can leave the
// rest out: else nothing that those it has already bring.
func (o *origin) history(ctx context.Context, r request) (*past, error) {
	ctx, limit, end := bound(ctx, o.pool.options.Timeout, maxHistory)
	defer end()
	c, err := o.remote.open(ctx, limit)
	if err != nil {
		return nil, ended(ctx, err)
	}
	defer func() { _ = c.Close() }()
	r.filter = packp.FilterTreeDepth(0)
	if c.refs().Capabilities.Supports("filter") {
		r.have = plumbing.ZeroHash
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
