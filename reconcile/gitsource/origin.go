package gitsource

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"

	"maelstrom/cluster"
	"maelstrom/reconcile"
)

// origin is one source of a git repository.
type origin struct {
	pool    *Pool
	address address
	ref     string
	remote  remote
	limits  cluster.Limits // none is zero
	strict  bool           // a rewritten history is not followed
	key     string         // of what is asked, and with what
	secrets secrets
	log     *slog.Logger

	cacheKey string // of what decides what a fetch brings
	store    *store
	release  func() error // gives the store's directory back
	files    *tree        // of the last fetch

	idle func() // closes connections that are kept
}

var _ reconcile.Origin = (*origin)(nil)

// Resolve asks the repository for its refs. A full commit is its own answer.
func (o *origin) Resolve(ctx context.Context) (reconcile.Resolved, error) {
	if fullCommit.MatchString(o.ref) {
		return reconcile.Resolved{Revision: plumbing.NewHash(o.ref).String()}, nil
	}
	refs, err := o.pool.queries.do(ctx, o.key, o.ask)
	if err != nil {
		return reconcile.Resolved{}, o.explain(ctx, "query", err)
	}
	resolved, err := choose(refs, o.ref)
	return resolved, o.explain(ctx, "query", err)
}

func (o *origin) ask(ctx context.Context) (*packp.AdvRefs, error) {
	ctx, limit, end := bound(ctx, o.pool.options.Timeout, maxRefs)
	defer end()
	c, err := o.remote.open(ctx, limit)
	if err != nil {
		return nil, ended(ctx, err)
	}
	return c.refs(), ended(ctx, c.Close())
}

// Fetch makes a commit's files readable: those that are here already, else
// what is new, else all of them.
func (o *origin) Fetch(ctx context.Context, revision, last string) (reconcile.Fetched, error) {
	if !fullCommit.MatchString(revision) {
		return reconcile.Fetched{}, fmt.Errorf("fetch: %q is no commit", revision)
	}
	fetched, err := o.fetch(ctx, plumbing.NewHash(revision), plumbing.NewHash(last))
	return fetched, o.explain(ctx, "fetch", err)
}

func (o *origin) fetch(ctx context.Context, hash, last plumbing.Hash) (reconcile.Fetched, error) {
	if err := o.bring(ctx, hash); err != nil {
		return reconcile.Fetched{}, err
	}
	commit, err := readCommit(o.store.objects, hash)
	if err != nil {
		return reconcile.Fetched{}, err
	}
	fetched := reconcile.Fetched{Tree: o.files, Commit: describe(commit)}
	fetched.Rewritten, err = o.rewritten(ctx, last, commit)
	if err == nil {
		return fetched, nil
	}
	if ctx.Err() != nil || o.strict && passes(err) {
		return reconcile.Fetched{}, err
	}
	fetched.Doubt = errors.New(o.secrets.scrub(err.Error()))
	o.log.WarnContext(ctx, "it is not known whether history was rewritten",
		"last", last.String(), "revision", hash.String(), "error", fetched.Doubt)
	return fetched, nil
}

// bring sees to it that the store has a commit and all its files.
func (o *origin) bring(ctx context.Context, hash plumbing.Hash) error {
	if err := o.store.load(o.cacheKey); err != nil {
		return err
	}
	if o.store.state.Revision == hash.String() && o.store.objects != nil {
		err := o.open(hash)
		if err == nil {
			return nil
		}
		o.log.WarnContext(ctx, "the cache is damaged and is fetched anew", "revision", hash.String(), "error", err)
		return o.renew(ctx, hash)
	}
	if !o.store.extendable() {
		return o.renew(ctx, hash)
	}
	err := o.extend(ctx, hash)
	if err == nil || !worthRenewal(err) {
		return err
	}
	if !errors.Is(err, errBig) {
		o.log.InfoContext(ctx, "the fetch can't build on the cache, so all is fetched", "revision", hash.String(), "error", o.secrets.scrub(err.Error()))
	}
	return o.renew(ctx, hash)
}

// worthRenewal: an error of what is here, or of a server that does not give
// the commit itself.
func worthRenewal(err error) bool {
	broken := new(objectError)
	return errors.As(err, &broken) || isRefusedCommit(err)
}

// open reads the tree of a commit that is in the store.
func (o *origin) open(hash plumbing.Hash) error {
	files, err := o.read(o.store, hash)
	if err == nil {
		o.files = files
	}
	return err
}

func (o *origin) read(s *store, hash plumbing.Hash) (*tree, error) {
	commit, err := readCommit(s.objects, hash)
	if err != nil {
		return nil, err
	}
	before := o.files
	if before != nil && before.objects != s.objects {
		before = nil // what it has may be nowhere but in the objects it came from
	}
	return readTree(s.objects, commit.TreeHash, s.state.Partial, before)
}

// Watch returns nil: a repository says nothing by itself.
func (o *origin) Watch(context.Context) <-chan struct{} { return nil }

// Close gives back files and connections. The tree is of no use after that.
func (o *origin) Close() error {
	o.idle()
	o.files = nil
	release := o.release
	o.release = func() error { return nil } // the directory may be another's by now
	return errors.Join(o.store.close(), release())
}
