package reconcile

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"maelstrom/cluster"
	"maelstrom/cluster/roles"
	"maelstrom/cluster/store"
	"maelstrom/cluster/store/sqlitetest"
	"maelstrom/project"
)

var errTorn = errors.New("connection torn")

// faulty is a store some of whose calls fail.
type faulty struct {
	*store.Store
	mu     sync.Mutex
	calls  int
	fail   func(call string, n int) error // nil: none
	after  bool                           // fail only once the call has done its work
	then   func(call string)              // what happens once a call has done its work
	away   atomic.Bool                    // it does not tell its change number
	writes int

	forgets bool // the history of projects
}

func (f *faulty) step(call string, work func() error) error {
	f.mu.Lock()
	f.calls++
	var err error
	if f.fail != nil {
		err = f.fail(call, f.calls)
	}
	after, then := f.after, f.then
	f.mu.Unlock()
	if err != nil && !after {
		return err
	}
	if failed := work(); failed != nil {
		return failed
	}
	if then != nil {
		then(call)
	}
	return err
}

func (f *faulty) ChangeNumber(ctx context.Context) (int64, error) {
	if f.away.Load() {
		return 0, errTorn
	}
	return f.Store.ChangeNumber(ctx)
}

func (f *faulty) AddEvents(ctx context.Context, events []cluster.Event) error {
	return f.step("AddEvents", func() error { return f.Store.AddEvents(ctx, events) })
}

func (f *faulty) LoadProject(ctx context.Context, p *project.Project) (state cluster.ProjectState, err error) {
	err = f.step("LoadProject", func() (err error) { state, err = f.Store.LoadProject(ctx, p); return err })
	return state, err
}

func (f *faulty) ApplyProject(ctx context.Context, req cluster.ApplyRequest) (result cluster.ApplyResult, err error) {
	err = f.step("ApplyProject", func() (err error) { result, err = f.Store.ApplyProject(ctx, req); return err })
	return result, err
}

func (f *faulty) WriteSourceStatus(ctx context.Context, w cluster.StatusWrite) (number int64, err error) {
	f.mu.Lock()
	f.writes++
	f.mu.Unlock()
	err = f.step("WriteSourceStatus", func() (err error) { number, err = f.Store.WriteSourceStatus(ctx, w); return err })
	return number, err
}

func (f *faulty) PutControl(ctx context.Context, row cluster.ControlRow, hold *cluster.Hold, events ...cluster.Event) (stored cluster.ControlRow, err error) {
	err = f.step("PutControl", func() (err error) { stored, err = f.Store.PutControl(ctx, row, hold, events...); return err })
	return stored, err
}

func (f *faulty) Claims(ctx context.Context) (claims []cluster.Claim, err error) {
	err = f.step("Claims", func() (err error) { claims, err = f.Store.Claims(ctx); return err })
	return claims, err
}

func (f *faulty) failWith(fail func(call string, n int) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail, f.calls = fail, 0
	f.away.Store(false)
}

func (f *faulty) afterwards(then func(call string)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.then = then
}

// pushed is what a fake origin reads: revisions of files in memory.
type pushed struct {
	mu        sync.Mutex
	trees     map[string]memTree
	parent    map[string]string
	head      string
	err       error // of every query
	fetchErr  error
	doubt     error // whether history was rewritten
	resolves  int
	fetches   int
	hint      chan struct{}
	signature string
}

func newPushed() *pushed {
	return &pushed{trees: map[string]memTree{}, parent: map[string]string{}, hint: make(chan struct{}, 1), signature: "none"}
}

// push makes a new revision in which files are as given; "" deletes one.
func (r *pushed) push(files map[string]string) string { return r.commit(r.head, files) }

func (r *pushed) commit(parent string, files map[string]string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	tree := memTree{}
	maps.Copy(tree, r.trees[parent])
	for path, text := range files {
		if text == "" {
			delete(tree, path)
		} else {
			tree[path] = text
		}
	}
	id := fmt.Sprintf("c%03d", len(r.trees)+1)
	r.trees[id], r.parent[id], r.head = tree, parent, id
	return id
}

func (r *pushed) set(change func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change()
}

func (r *pushed) counts() (resolves, fetches int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.resolves, r.fetches
}

func (r *pushed) Resolve(context.Context) (Resolved, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.resolves++
	if r.err != nil {
		return Resolved{}, r.err
	}
	return Resolved{Revision: r.head, Ref: "refs/heads/main"}, nil
}

func (r *pushed) Fetch(_ context.Context, revision, last string) (Fetched, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fetches++
	tree, ok := r.trees[revision]
	switch {
	case r.fetchErr != nil:
		return Fetched{}, r.fetchErr
	case !ok:
		return Fetched{}, &OriginError{Reason: cluster.ReasonRefNotFound, Permanent: true, Err: fmt.Errorf("there is no commit %s", revision)}
	}
	f := Fetched{Tree: tree, Commit: cluster.Commit{ID: revision, Author: "ann", Subject: "change " + revision, Signature: r.signature}}
	if _, known := r.trees[last]; known {
		f.Rewritten, f.Doubt = r.doubt != nil || !r.ancestor(last, revision), r.doubt
	}
	return f, nil
}

func (r *pushed) ancestor(old, new string) bool {
	for id := new; id != ""; id = r.parent[id] {
		if id == old {
			return true
		}
	}
	return false
}

func (r *pushed) Watch(context.Context) <-chan struct{} { return r.hint }
func (r *pushed) Close() error                          { return nil }

// calm is a store as a feed reads it, which asks the database for its change
// number only after something was committed: a feed polls once a second, and
// tests wait for hours.
type calm struct {
	*store.Store
	mu      sync.Mutex
	commits int64
	number  int64
}

func (c *calm) ChangeNumber(ctx context.Context) (int64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	commits := c.Stats().Commits
	if commits == c.commits && c.number > 0 {
		return c.number, nil
	}
	number, err := c.Store.ChangeNumber(ctx)
	if err == nil {
		c.commits, c.number = commits, number
	}
	return number, err
}

// world is a cluster of one store and any number of reconcilers.
type world struct {
	t     testing.TB
	db    *faulty
	repos map[string]*pushed
	feed  *cluster.Feed // of the test
	nodes []*node
}

// node is one reconciler with its feed and roles.
type node struct {
	*Reconciler
	feed   *cluster.Feed
	keeper *roles.Keeper
	stop   func()
}

func newWorld(t testing.TB) *world {
	t.Helper()
	s := sqlitetest.Open(t)
	if _, err := s.JoinNode(t.Context(), cluster.Node{ID: "a", Name: "a"}); err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, db: &faulty{Store: s}, repos: map[string]*pushed{}}
	w.feed = cluster.NewFeed(&calm{Store: s}, cluster.FeedOptions{})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = w.feed.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	<-w.feed.Ready()
	return w
}

// start starts a node; embedded: the only one.
func (w *world) start(id string, embedded bool, opt ReconcilerOptions) *node {
	w.t.Helper()
	return w.startWith(id, embedded, opt, w.db)
}

// startWith starts a node that writes to a store of its own kind.
func (w *world) startWith(id string, embedded bool, opt ReconcilerOptions, db Database) *node {
	w.t.Helper()
	ctx, cancel := context.WithCancel(w.t.Context())
	n := &node{feed: w.feed}
	n.keeper = roles.New(w.db.Store, roles.Options{Node: id, Embedded: embedded})
	opt.Node = id
	opt.Open = func(spec *cluster.Source, _ cluster.SourceSecrets) (Origin, error) {
		if r := w.repos[spec.Name]; r != nil {
			return r, nil
		}
		return nil, errors.New("there is no such repository")
	}
	n.Reconciler = NewReconciler(opt, ReconcilerDeps{Feed: n.feed, Store: db, Roles: n.keeper})
	var work sync.WaitGroup
	work.Go(func() { _ = n.keeper.Run(ctx) })
	work.Go(func() { _ = n.Reconciler.Run(ctx) })
	var once sync.Once
	n.stop = func() { once.Do(func() { cancel(); work.Wait() }) }
	w.t.Cleanup(n.stop)
	w.nodes = append(w.nodes, n)
	return n
}

// declare stores a source, and its repository.
func (w *world) declare(spec cluster.Source) *pushed {
	w.t.Helper()
	if spec.Git == nil && spec.Dir == "" {
		spec.Git = &cluster.GitSource{URL: "https://git.test/" + spec.Name}
	}
	var version int64
	if row, ok := w.snap().Sources.Get(spec.Name); ok {
		version = row.Version
	}
	if w.repos[spec.Name] == nil {
		w.repos[spec.Name] = newPushed()
	}
	if _, err := w.db.PutSource(w.t.Context(), cluster.SourceWrite{Spec: &spec, Version: version, Actor: "test"}); err != nil {
		w.t.Fatal(err)
	}
	return w.repos[spec.Name]
}

// snap is the database now.
func (w *world) snap() *cluster.Snapshot {
	w.t.Helper()
	number, err := w.db.ChangeNumber(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	if err := w.feed.WaitFor(w.t.Context(), number); err != nil {
		w.t.Fatal(err)
	}
	return w.feed.Snapshot()
}

func wait(d time.Duration) { <-time.After(d); synctest.Wait() }

// tick lets every loop look at least once by itself.
func tick() { wait(80 * time.Second) }

func (w *world) status(source, path string) *cluster.ProjectStatus {
	w.t.Helper()
	s, ok := w.snap().ProjectStatuses.Get(cluster.ProjectStatusKey(source, path))
	if !ok {
		w.t.Fatalf("no status of %s %s", source, path)
	}
	return s
}

func (w *world) source(name string) *cluster.SourceStatus {
	w.t.Helper()
	s, ok := w.snap().SourceStatuses.Get(name)
	if !ok {
		w.t.Fatalf("no status of source %s", name)
	}
	return s
}

// is checks one condition.
func is(t testing.TB, list []cluster.Condition, kind cluster.ConditionType, status cluster.ConditionStatus, reason cluster.ConditionReason) {
	t.Helper()
	c, _ := conditionOf(list, kind)
	if c.Status != status || c.Reason != reason {
		t.Errorf("%s is %s/%s (%s), want %s/%s", kind, c.Status, c.Reason, c.Message, status, reason)
	}
}

// events are what happened, as "kind project: message", from an id on.
func (w *world) events(kinds ...cluster.EventKind) []string {
	w.t.Helper()
	list, err := w.db.Events(w.t.Context(), cluster.EventQuery{Kinds: kinds})
	if err != nil {
		w.t.Fatal(err)
	}
	var out []string
	for _, e := range list {
		out = append(out, fmt.Sprintf("%s %s: %s", e.Kind, e.Project, e.Message))
	}
	return out
}

func (w *world) image(component string) string {
	w.t.Helper()
	row, ok := w.snap().Components.Get(component)
	if !ok {
		return ""
	}
	return row.Spec.Image
}

func (w *world) projects() []string { return slices.Sorted(mapKeys(w.snap().Projects)) }

func mapKeys[V any](m cluster.Map[V]) func(func(string) bool) {
	return func(yield func(string) bool) {
		for key := range m.All() {
			if !yield(key) {
				return
			}
		}
	}
}

// control changes what users have told.
func (w *world) control(kind cluster.ControlKind, name string, change func(*cluster.Control)) {
	w.t.Helper()
	row := controlOf(w.snap(), kind, name)
	change(&row.Control)
	if _, err := w.db.Store.PutControl(w.t.Context(), row, nil); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) sync(source, revision string) {
	w.t.Helper()
	w.control(cluster.ControlSource, source, func(c *cluster.Control) {
		next := NextSync(w.snap(), source)
		next.Revision, next.Actor = revision, "ann"
		c.Sync = &next
	})
}

// yml is a project with components, each with a host of its own.
func yml(name, image string, components ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "name: %s\ncomponents:\n", name)
	for _, c := range components {
		fmt.Fprintf(&b, "  %s:\n    image: %s\n    maxconcurrency: 20\n", c, image)
		fmt.Fprintf(&b, "    eventsources:\n      %s-http:\n        http:\n          hostname: %s.%s.test\n", c, c, name)
	}
	return b.String()
}

// noWrites fails the test if f makes the database change.
func (w *world) noWrites(why string, f func()) {
	w.t.Helper()
	before, err := w.db.ChangeNumber(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	f()
	after, err := w.db.ChangeNumber(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	if before != after {
		w.t.Errorf("%s: %d changes were written: %v", why, after-before, w.changesSince(before))
	}
}

func (w *world) changesSince(number int64) []string {
	set, err := w.db.Changes(w.t.Context(), number)
	if err != nil {
		w.t.Fatal(err)
	}
	var out []string
	for key := range set.ProjectStatuses {
		out = append(out, "status "+key)
	}
	for key, s := range set.SourceStatuses {
		out = append(out, fmt.Sprintf("source status %s %+v", key, s))
	}
	for key := range set.Projects {
		out = append(out, "project "+key)
	}
	return out
}

// load is the project of the only file of a tree.
func (m memTree) load(t testing.TB) *project.Project {
	t.Helper()
	for path, text := range m {
		l := project.Load(project.Input{File: path, Data: []byte(text)})
		if l.Project == nil {
			t.Fatal(l.Problems)
		}
		return l.Project
	}
	return nil
}
