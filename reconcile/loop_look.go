package reconcile

import (
	"context"
	"errors"
	"fmt"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

// maxPasses is how often one look goes over the projects until nothing is
// left to do: what one pass stores can free what another waits for.
const maxPasses = 5

// look is one look at a source.
type look struct {
	*loop
	view
	began  time.Time
	before view // as it was found
	target Resolved
	commit cluster.Commit
	tree   Tree
	reader *Reader

	paths   []string
	loaded  map[string]*File  // by path, those that were
	digests map[string]string // by path, of what the last load read
	context map[string]*File  // by path, of unchanged ones that others name
	order   map[string]int    // by path, of those to apply

	overlaps map[string][]project.Problem // warnings about two files, by path
	final    map[string]*cluster.ProjectStatus
	removed  []string // keys

	stockAt *cluster.Snapshot
	stockOf map[string]*stock
	stored  int64 // change number of the latest write

	set      removalSet
	verdict  removalVerdict
	wrote    bool // a project
	whole    bool // everything was looked at
	skipped  bool // nothing could have changed
	again    bool // something moved meanwhile
	young    bool // a file may not be whole yet
	paused   *cluster.Suspension
	database error // of a project's transaction
	declared error // what is wrong with the file of sources in it
	events   []cluster.Event
}

// look looks once. Only a lost role is an error.
func (l *loop) look(ctx context.Context) error {
	now := time.Now()
	l.next = now.Add(backoffPause(1, 0))
	v, ok := l.view()
	if !ok {
		return nil
	}
	k := &look{loop: l, view: v, began: now, loaded: map[string]*File{}, digests: map[string]string{}, order: map[string]int{}, context: map[string]*File{}}
	err := k.refresh(ctx)
	k.before = k.view
	if err == nil {
		err = k.examine(ctx)
	}
	if errors.Is(err, cluster.ErrFenced) {
		return l.fenced(ctx, err)
	}
	if ctx.Err() != nil {
		return nil
	}
	l.watch.count(err)
	if err := k.conclude(ctx, err); errors.Is(err, cluster.ErrFenced) {
		return l.fenced(ctx, err)
	}
	return nil
}

// refresh waits for the snapshot to have all that is stored: a look on less
// would miss what a user has said just before.
func (k *look) refresh(ctx context.Context) error {
	number, err := k.store.ChangeNumber(ctx)
	if err != nil {
		return &databaseError{err}
	}
	return k.reach(ctx, func(v *view) bool { return v.snap.Number >= number })
}

// fenced tells that somebody else has the role.
func (l *loop) fenced(ctx context.Context, err error) error {
	l.watch.refused()
	event := cluster.Event{
		Kind: cluster.EventRefusedWrite, Severity: cluster.EventWarning, Source: l.source, Node: l.opt.Node,
		Message: "a write was refused: another node holds the role " + l.hold.Role,
	}
	if told := l.store.AddEvents(context.WithoutCancel(ctx), []cluster.Event{event}); told != nil {
		l.log.Warn("event not stored", "kind", event.Kind, "error", told)
	}
	return fmt.Errorf("source %s: %w", l.source, err)
}

// examine does what there is to do and tells what went wrong with the source
// as a whole.
func (k *look) examine(ctx context.Context) error {
	if k.paused = suspended(k.control.Control, k.began); k.paused != nil {
		return nil
	}
	if k.parked {
		return k.failure
	}
	if err := k.endSuspensions(ctx); err != nil {
		return err
	}
	if err := k.open(ctx, k.view); err != nil {
		return err
	}
	if err := k.resolve(ctx); err != nil {
		return err
	}
	due := !k.remind.IsZero() && !k.began.Before(k.remind)
	if k.loop.settled && !due && k.loop.revision == k.target.Revision && k.inputsOf(k.view) == k.inputs && !k.requested() {
		k.skipped = true
		return nil
	}
	k.loop.settled = false
	if err := k.fetch(ctx); err != nil {
		return err
	}
	if err := k.declare(ctx); err != nil {
		return err
	}
	return k.passes(ctx)
}

// request is what a user or a webhook has asked for and was not served yet.
func (k *look) request() *cluster.SyncRequest {
	if r := k.before.control.Control.Sync; r != nil && r.Number > k.before.status.Sync {
		return r
	}
	return nil
}

func (k *look) requested() bool { return k.request() != nil }

// resolve finds the revision to look at: the latest, or the one asked for.
func (k *look) resolve(ctx context.Context) error {
	if r := k.request(); r != nil {
		k.sync = r.Number
		if r.Revision != "" {
			k.target = Resolved{Revision: r.Revision}
			return nil
		}
	}
	var err error
	k.target, err = k.origin.Resolve(ctx)
	return err
}

// fetch makes the files readable, unless history was rewritten and the source
// says to stay where it is.
func (k *look) fetch(ctx context.Context) error {
	began := time.Now()
	fetched, err := k.origin.Fetch(ctx, k.target.Revision, k.before.status.Revision)
	k.watch.fetched(time.Since(began))
	if err != nil {
		return err
	}
	last := k.before.status.Revision
	rewritten := fetched.Rewritten && last != "" && last != k.target.Revision
	if git := k.row.Spec.Git; rewritten && !k.requested() && git != nil && git.ForcePush == cluster.ForcePushDeny {
		return &OriginError{
			Reason: cluster.ReasonHistoryRewritten, Permanent: true,
			Err:  fmt.Errorf("%s, and forcepush is deny", rewriting(last, k.target.Revision, fetched.Doubt)),
			Hint: "look at it, and follow it by maelctl project sync --source " + k.source,
		}
	}
	if rewritten {
		k.tell(cluster.Event{
			Kind: cluster.EventHistoryRewritten, Severity: cluster.EventWarning,
			Message: rewriting(last, k.target.Revision, fetched.Doubt),
		})
	}
	k.fetched, k.tree, k.commit = k.target.Revision, fetched.Tree, fetched.Commit
	spec := k.row.Spec
	k.reader = NewReader(fetched.Tree, ReadOptions{
		Paths: spec.Paths, Exclude: spec.Exclude, Overlay: spec.Overlay,
		Variables: k.vars, AllowUnset: spec.AllowUnset, Limits: spec.Limits, Prune: spec.Prune,
	})
	k.paths, err = k.reader.Projects()
	return err
}

// rewriting says that history was rewritten, or with a doubt that it may have been.
func rewriting(from, to string, doubt error) string {
	if doubt != nil {
		return fmt.Sprintf("history may have been rewritten from %s to %s, which is not known: %v", short(from), short(to), doubt)
	}
	return fmt.Sprintf("history was rewritten from %s to %s", short(from), short(to))
}

// passes goes over the projects until a pass has nothing to store.
func (k *look) passes(ctx context.Context) error {
	for range maxPasses {
		wrote, err := k.pass(ctx)
		if err != nil {
			return err
		}
		if !wrote || k.database != nil {
			break
		}
		k.wrote = true
		view, ok := k.loop.view()
		if !ok {
			break // the source is gone, and the role soon is
		}
		k.view = view
	}
	k.whole = k.database == nil && !k.again && !k.young
	return nil
}

// tell keeps an event for the write at the end.
func (k *look) tell(e cluster.Event) {
	e.Source, e.Node = k.source, k.opt.Node
	if e.Revision == "" {
		e.Revision = k.target.Revision
	}
	k.events = append(k.events, e)
}

// short is a revision as people know it.
func short(revision string) string { return revision[:min(len(revision), 12)] }
