package gitsource

import (
	"context"
	"os"
	"path/filepath"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
)

// searchDepths are the steps in which a ref is fetched to find a commit below
// it that the server does not give by its id.
var searchDepths = []int{1, 50, 500, 5000}

// received is what one exchange brought.
type received struct {
	pack    *os.File
	bytes   int64
	partial int64 // files from so many bytes are not in it; 0: all are
	whole   bool  // no more history is to be had
}

// receive fetches one pack into a file below the store. Files that are larger
// than any that would be read are left out, where the server can do that.
func (o *origin) receive(ctx context.Context, r request) (*received, error) {
	ctx, limit, end := bound(ctx, o.pool.options.Timeout, o.limits.FetchBytes)
	defer end()
	c, err := o.remote.open(ctx, limit)
	if err != nil {
		return nil, ended(ctx, err)
	}
	defer func() { _ = c.Close() }()
	if r.below != nil {
		tip, err := choose(c.refs(), *r.below)
		if err != nil {
			return nil, err
		}
		r.want = plumbing.NewHash(tip.Revision)
	}
	r.filter = packp.FilterBlobLimit(uint64(o.limits.FileBytes)+1, "")
	a, err := fetch(ctx, c, r)
	if err != nil {
		return nil, ended(ctx, err)
	}
	defer func() { _ = a.close() }()
	out := &received{whole: len(a.shallow) == 0}
	if out.pack, out.bytes, err = spool(a.pack, o.store.dir); err != nil {
		return nil, ended(ctx, err)
	}
	if a.filtered {
		out.partial = o.limits.FileBytes + 1
	}
	return out, nil
}

// extend fetches what a commit has beyond the one that is here.
func (o *origin) extend(ctx context.Context, hash plumbing.Hash) error {
	got, err := o.receive(ctx, request{want: hash, depth: 1, have: plumbing.NewHash(o.store.state.Revision), thin: true})
	if err != nil {
		return err
	}
	defer unspool(got.pack)
	if err := addLoose(ctx, got.pack, o.store.objects); err != nil {
		return err
	}
	before := o.store.state.Partial
	o.store.state.Partial = max(before, got.partial)
	if err := o.open(hash); err != nil {
		o.store.state.Partial = before
		return err
	}
	return o.store.extended(hash.String(), got.bytes, got.partial)
}

// renew fetches a commit into a directory of its own and lets that take the
// place of what is here.
func (o *origin) renew(ctx context.Context, hash plumbing.Hash) error {
	_, err := o.renewFrom(ctx, hash, request{want: hash, depth: 1})
	if !isRefusedCommit(err) {
		return err
	}
	refused := err
	ref := o.ref
	if fullCommit.MatchString(ref) {
		ref = "" // the default branch
	}
	for _, depth := range searchDepths {
		whole, err := o.renewFrom(ctx, hash, request{below: &ref, depth: depth})
		if !worthRenewal(err) {
			return err
		}
		if whole {
			break
		}
	}
	return refused
}

func (o *origin) renewFrom(ctx context.Context, hash plumbing.Hash, r request) (whole bool, err error) {
	got, err := o.receive(ctx, r)
	if err != nil {
		return false, err
	}
	defer unspool(got.pack)
	dir, err := os.MkdirTemp(o.store.dir, generation)
	if err != nil {
		return false, err
	}
	objects := openObjects(dir)
	defer func() {
		if err != nil {
			_ = objects.Close()
			_ = os.RemoveAll(dir)
		}
	}()
	if err := addPack(ctx, got.pack, dir); err != nil {
		return false, err
	}
	next := state{Key: o.cacheKey, Objects: filepath.Base(dir), Revision: hash.String(), Partial: got.partial, Bytes: got.bytes}
	files, err := o.read(&store{objects: objects, state: next}, hash)
	if err != nil {
		return got.whole, err
	}
	if err := o.store.replaced(next, objects); err != nil {
		return false, err
	}
	o.files = files
	return got.whole, nil
}
