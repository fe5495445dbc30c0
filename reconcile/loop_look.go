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
	resting  bool // it was too early to ask: only what lasts is told
	lasting  bool // a failure of the source as a whole is told again
	again    bool // something moved meanwhile
	young    bool // a file may not be whole yet
	paused   *cluster.Suspension
	database error              // of a project's transaction, of all
	mistake  error              // why the revision that was asked for can't be looked at
	refused  map[string]*result // by path, of what the database takes nothing of
	stuck    map[string]string  // by project that can't go back by itself: why
	declared error              // what is wrong with the file of sources in it
	events   []cluster.Event
}

// look looks once. It is an error if the role is lost, or better given up.
func (l *loop) look(ctx context.Context) error {
	now := time.Now()
	l.next = now.Add(backoffPause(1, 0))
	v, ok := l.view()
	if !ok {
		return nil
	}
	k := &look{loop: l, view: v, began: now, loaded: map[string]*File{}, digests: map[string]string{}, order: map[string]int{}, context: map[string]*File{}, refused: map[string]*result{}}
	err := k.refresh(ctx)
	k.before = k.view
	if err == nil {
		err = k.examine(ctx)
	}
	var origin *OriginError
	if errors.As(err, &origin) { // what is stored can go back all the same
		if _, failed := k.rollBack(ctx); failed != nil {
			err = failed
		}
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
	return k.giveUp(err)
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

// lastWordLimit bounds what is said of a role that is lost: whoever waits for
// the end of its work waits for that too.
const lastWordLimit = 2 * time.Second

// fenced tells that somebody else has the role.
func (l *loop) fenced(ctx context.Context, err error) error {
	l.watch.refused()
	event := cluster.Event{
		Kind: cluster.EventRefusedWrite, Severity: cluster.EventWarning, Source: l.source, Node: l.opt.Node,
		Message: "a write was refused: another node holds the role " + l.hold.Role,
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWordLimit)
	defer cancel()
	if told := l.store.AddEvents(ctx, []cluster.Event{event}); told != nil {
		l.log.Warn("event not stored", "kind", event.Kind, "error", told)
	}
	return fmt.Errorf("source %s: %w", l.source, err)
}

// examine does what there is to do and tells what went wrong with the source
// as a whole.
func (k *look) examine(ctx context.Context) error {
	if r := k.request(); r != nil {
		k.sync = r.Number
	}
	if k.paused = suspended(k.control.Control, k.began); k.paused != nil {
		return nil
	}
	if k.parked {
		return k.failure
	}
	if err := k.endSuspensions(ctx); err != nil {
		return err
	}
	if k.began.Before(k.rest) {
		k.resting = true
		return k.failure
	}
	if err := k.open(ctx, k.view); err != nil {
		return err
	}
	if err := k.obtain(ctx); err != nil || k.skipped {
		return err
	}
	if err := k.declare(ctx); err != nil {
		return err
	}
	return k.passes(ctx)
}

// passes goes over the projects until a pass has nothing to store.
func (k *look) passes(ctx context.Context) error {
	for pass := 1; ; pass++ {
		wrote, err := k.pass(ctx)
		if err != nil {
			return err
		}
		if !wrote && k.database == nil {
			if wrote, err = k.rollBack(ctx); err != nil {
				return err
			}
		}
		if !wrote || k.database != nil {
			break
		}
		k.wrote = true
		if pass == maxPasses {
			k.again = true
			break
		}
		view, ok := k.loop.view()
		if !ok {
			break // the source is gone, and the role soon is
		}
		k.view = view
	}
	// An approval counts until all that it is of is gone.
	torn := len(k.refused) > 0 && k.control.Control.Approved != ""
	k.whole = k.database == nil && !k.again && !k.young && !torn
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
