package reconcile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"maelstrom/cluster"
)

// request is what a user or a webhook has asked for and was not served yet.
func (k *look) request() *cluster.SyncRequest {
	if r := k.before.control.Control.Sync; r != nil && r.Number > k.before.status.Sync {
		return r
	}
	return nil
}

// aside tells whether the look is at a commit that a user has asked for,
// instead of what the source follows.
func (k *look) aside() bool {
	r := k.request()
	return r != nil && r.Revision != "" && k.mistake == nil
}

// obtain makes the files readable: of the commit that was asked for, or else
// of the latest, unless nothing can have changed since. Who asks for a commit
// that is of no use is told so, and the source goes on.
func (k *look) obtain(ctx context.Context) error {
	r := k.request()
	if r != nil && r.Revision != "" {
		k.target = Resolved{Revision: r.Revision}
		err := k.fetch(ctx)
		if err == nil || !mistaken(err) {
			return err
		}
		k.mistake = fmt.Errorf("revision %s: %w", short(r.Revision), err)
		r = nil
	}
	var err error
	if k.target, err = k.origin.Resolve(ctx); err != nil {
		return believed(ctx, err)
	}
	k.poked = false
	due := !k.remind.IsZero() && !k.began.Before(k.remind)
	if k.loop.settled && !due && k.loop.revision == k.target.Revision && k.inputsOf(k.view) == k.inputs && r == nil {
		k.skipped = true
		return nil
	}
	return k.fetch(ctx)
}

// mistaken tells whether an error is of the commit, and will be the same again.
func mistaken(err error) bool {
	var origin *OriginError
	return errors.As(err, &origin) && (origin.Permanent || origin.Reason == cluster.ReasonRefNotFound)
}

// believed is an error of an origin as far as it is believed: whether our role
// is lost only the store knows, and who ends our context.
func believed(ctx context.Context, err error) error {
	if !errors.Is(err, cluster.ErrFenced) || errors.Is(context.Cause(ctx), cluster.ErrFenced) {
		return err
	}
	return &OriginError{Reason: cluster.ReasonNetworkError, Err: errors.New(err.Error())}
}

// fetch makes the files readable, unless history was rewritten and the source
// says to stay where it is.
func (k *look) fetch(ctx context.Context) error {
	began := time.Now()
	last := k.before.status.Revision
	fetched, err := k.origin.Fetch(ctx, k.target.Revision, last)
	k.watch.fetched(time.Since(began))
	if err != nil {
		return believed(ctx, err)
	}
	if err := k.follow(fetched, last); err != nil {
		return err
	}
	k.loop.settled = false
	k.fetched, k.tree, k.commit = k.target.Revision, fetched.Tree, fetched.Commit
	spec := k.row.Spec
	k.reader = NewReader(fetched.Tree, ReadOptions{
		Paths: spec.Paths, Exclude: spec.Exclude, Overlay: spec.Overlay,
		Variables: k.vars, AllowUnset: spec.AllowUnset, Limits: spec.Limits, Prune: spec.Prune,
	})
	if k.paths, err = k.reader.Projects(); err != nil {
		return believed(ctx, err)
	}
	k.addFrozen()
	return nil
}

// addFrozen adds the files that may still be there though nobody can tell: as
// files that can't be read they keep what they have.
func (k *look) addFrozen() {
	n := len(k.paths)
	for path := range k.files {
		if k.reader.Frozen(path) && !slices.Contains(k.paths[:n], path) {
			k.paths = append(k.paths, path)
		}
	}
	slices.Sort(k.paths)
}

// follow decides about rewritten history. Where the source does not follow it,
// only a user can say so: webhooks ask for looks too, and so does CI. To tell of
// a commit that was asked for by name, or that a changed declaration leads to,
// would be a false alarm.
func (k *look) follow(fetched Fetched, last string) error {
	if !fetched.Rewritten || last == "" || last == k.target.Revision {
		return nil
	}
	r, git := k.request(), k.row.Spec.Git
	if git != nil && git.ForcePush == cluster.ForcePushDeny && (r == nil || !r.FollowRewrite) {
		return &OriginError{
			Reason: cluster.ReasonHistoryRewritten, Permanent: true,
			Err:  fmt.Errorf("%s, and forcepush is deny", rewriting(last, k.target.Revision, fetched.Doubt)),
			Hint: "look at it, and follow it by maelctl project sync --source " + k.source + " --follow-rewrite",
		}
	}
	if redirected := k.before.status.Spec != k.row.Version; redirected || k.aside() {
		return nil
	}
	k.tell(cluster.Event{
		Kind: cluster.EventHistoryRewritten, Severity: cluster.EventWarning,
		Message: rewriting(last, k.target.Revision, fetched.Doubt),
	})
	return nil
}

// rewriting says that history was rewritten, or with a doubt that it may have been.
func rewriting(from, to string, doubt error) string {
	if doubt != nil {
		return fmt.Sprintf("history may have been rewritten from %s to %s, which is not known: %v", short(from), short(to), doubt)
	}
	return fmt.Sprintf("history was rewritten from %s to %s", short(from), short(to))
}

// giveUp ends the term of a node that has not got the directory of the source,
// so that another node may try: longer each time, for none may have it.
func (k *look) giveUp(err error) error {
	switch {
	case err == nil && k.paused == nil:
		k.watch.found()
	case k.row.Spec.Dir == "" || !errors.Is(err, fs.ErrNotExist):
	case k.began.Sub(k.unreachedSince()) >= k.watch.patience() && k.others():
		k.watch.missed()
		return fmt.Errorf("source %s: its directory is not on this node: %w", k.source, err)
	}
	return nil
}

// others tells whether another node is up.
func (k *look) others() bool {
	for id, node := range k.snap.Nodes.All() {
		if id != k.opt.Node && node.State == cluster.NodeUp {
			return true
		}
	}
	return false
}
