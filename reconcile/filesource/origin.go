// Package filesource reads project files from a directory. Links are not
// followed, but that an entry of its top may lead through a link named ..data,
// as in a mounted ConfigMap, whose files so are all swapped at once. The
// directory itself may be named by links.
package filesource

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"

	"maelstrom/cluster"
	"maelstrom/reconcile"
)

// Options are the settings of an Origin.
type Options struct {
	Limits cluster.Limits // zero fields: the defaults
	Logger *slog.Logger   // nil: silent
}

// Open makes the Origin of a directory, which need not exist yet. Its revision
// is a digest of what the files hold.
func Open(dir string, opt Options) (reconcile.Origin, error) {
	if !filepath.IsAbs(dir) {
		return nil, &reconcile.OriginError{Reason: cluster.ReasonInvalidSource, Permanent: true,
			Err: fmt.Errorf("%q is not an absolute path", dir), Hint: "name the directory from the root, as it is on every node"}
	}
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	return &origin{dir: filepath.Clean(dir), limits: reconcile.WithDefaults(opt.Limits), log: opt.Logger}, nil
}

type origin struct {
	dir    string
	limits cluster.Limits
	log    *slog.Logger
	last   *snapshot // of the last look; nil: none yet
}

// Resolve looks at every file, and reads those that changed since the last time.
func (o *origin) Resolve(ctx context.Context) (reconcile.Resolved, error) {
	s, err := take(ctx, o.dir, o.limits, o.last)
	if err != nil {
		return reconcile.Resolved{}, originError(err)
	}
	o.last = s
	return reconcile.Resolved{Revision: s.revision}, nil
}

// Fetch returns the files as they were resolved. A directory has no other
// revisions.
func (o *origin) Fetch(ctx context.Context, revision, _ string) (reconcile.Fetched, error) {
	if o.last == nil || o.last.revision != revision {
		if _, err := o.Resolve(ctx); err != nil {
			return reconcile.Fetched{}, err
		}
	}
	if o.last.revision != revision {
		return reconcile.Fetched{}, &reconcile.OriginError{Reason: cluster.ReasonRefNotFound,
			Err: fmt.Errorf("%s is not at revision %s", o.dir, revision), Hint: "a directory has its present files only"}
	}
	return reconcile.Fetched{Tree: o.last, Commit: cluster.Commit{ID: revision, Signature: "none"}}, nil
}

// Close forgets the files.
func (o *origin) Close() error {
	o.last = nil
	return nil
}

// originError says what is to be done about err: a directory that is away or
// can't be read may come back by itself.
func originError(err error) error {
	var known *reconcile.OriginError
	switch {
	case errors.As(err, &known), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, fs.ErrNotExist):
		return &reconcile.OriginError{Reason: cluster.ReasonRefNotFound, Err: err, Hint: "the directory is read on the node that holds the source's role"}
	}
	return &reconcile.OriginError{Reason: cluster.ReasonNetworkError, Err: err}
}
