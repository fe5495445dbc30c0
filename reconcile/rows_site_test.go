package reconcile_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"maelstrom/cluster"
	"maelstrom/cluster/roles"
	"maelstrom/cluster/store"
	"maelstrom/cluster/store/sqlitetest"
	"maelstrom/reconcile"
	"maelstrom/reconcile/gitsource"
	"maelstrom/reconcile/gitsource/gittest"
)

// TestMain lets more tests wait at the same time than there are processors;
// flags given win.
func TestMain(m *testing.M) {
	flag.Parse()
	if !slices.ContainsFunc(os.Args, func(a string) bool { return strings.HasPrefix(a, "-test.parallel=") }) {
		_ = flag.Set("test.parallel", "8")
	}
	os.Exit(m.Run())
}

// patience is how long something may take that is sure to come.
const patience = 60 * time.Second

// site is a node over a real database that keeps sources of real git
// repositories, in real time.
type site struct {
	*member
	t    testing.TB
	file string // of the database
	db   *store.Store
	git  *gittest.Server
}

// newSite starts a node and an HTTP server of git.
func newSite(t testing.TB) *site {
	t.Helper()
	s := &site{t: t, file: filepath.Join(t.TempDir(), "mael.db"), git: gittest.NewHTTP(t, gittest.Options{})}
	s.db = openDatabase(t, "sqlite", s.file)
	s.member = startMember(t, memberOptions{id: "one", db: s.db, embedded: true})
	return s
}

func openDatabase(t testing.TB, driver, dsn string) *store.Store {
	t.Helper()
	if driver == "sqlite" {
		must(t, sqlitetest.Write(dsn))
	}
	db, err := store.Open(t.Context(), store.Options{Driver: driver, DSN: dsn})
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	must(t, db.Migrate(t.Context(), "test"))
	return db
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// record is a log that is looked at.
type record struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(p)
}

func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

// memberOptions say how a node stands to its database.
type memberOptions struct {
	id       string
	db       *store.Store
	embedded bool
	cache    string             // directory of what was fetched; empty: one of its own
	write    reconcile.Database // what the loops write to; nil: db
	leases   roles.Leases       // nil: db
	open     reconcile.OpenOrigin
}

// member is what a daemon runs of the reconciler.
type member struct {
	*reconcile.Reconciler
	feed   *cluster.Feed
	keeper *roles.Keeper
	log    *record
	copy   string // of the snapshot, on disk
	kill   func() // tells all of it to end, wherever it is
	stop   func() // waits for that too
}

func startMember(t testing.TB, opt memberOptions) *member {
	t.Helper()
	m := &member{log: &record{}, copy: filepath.Join(t.TempDir(), "snapshot")}
	log := slog.New(slog.NewTextHandler(m.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	if opt.cache == "" {
		opt.cache = t.TempDir()
	}
	if opt.write == nil {
		opt.write = opt.db
	}
	if opt.leases == nil {
		opt.leases = opt.db
	}
	if opt.open == nil {
		opt.open = gitsource.New(gitsource.Options{CacheDir: opt.cache, Logger: log, Share: time.Millisecond, Timeout: time.Second}).Open
	}
	m.feed = cluster.NewFeed(opt.db, cluster.FeedOptions{Logger: log, CopyPath: m.copy})
	m.keeper = roles.New(opt.leases, roles.Options{Node: opt.id, Embedded: opt.embedded, Logger: log})
	m.Reconciler = reconcile.NewReconciler(reconcile.ReconcilerOptions{Node: opt.id, Logger: log, Open: opt.open},
		reconcile.ReconcilerDeps{Feed: m.feed, Store: opt.write, Roles: m.keeper})
	ctx, cancel := context.WithCancel(t.Context())
	var work sync.WaitGroup
	work.Go(func() { _ = m.feed.Run(ctx) })
	work.Go(func() { _ = m.keeper.Run(ctx) })
	work.Go(func() { _ = m.Reconciler.Run(ctx) })
	m.kill = cancel
	m.stop = sync.OnceFunc(func() { cancel(); work.Wait() })
	t.Cleanup(m.stop)
	<-m.feed.Ready()
	return m
}

// restart ends the node and starts one that has nothing but the database.
func (s *site) restart() {
	s.t.Helper()
	s.stop()
	s.member = startMember(s.t, memberOptions{id: "one", db: s.db, embedded: true})
}

// declare stores a source of the repository of its name, with a short interval,
// over what is declared under that name.
func (s *site) declare(spec cluster.Source) *gittest.Repo {
	s.t.Helper()
	return s.declareWith(spec, nil)
}

func (s *site) declareWith(spec cluster.Source, secrets *cluster.SourceSecrets) *gittest.Repo {
	s.t.Helper()
	repo := s.git.Repo(spec.Name)
	if spec.Git == nil {
		spec.Git = &cluster.GitSource{}
	}
	if spec.Git.URL == "" {
		spec.Git.URL = repo.URL()
	}
	if spec.IntervalSeconds == 0 {
		spec.IntervalSeconds = 1
	}
	write := cluster.SourceWrite{Spec: &spec, Secrets: secrets, Actor: "test"}
	if row, there := s.now().Sources.Get(spec.Name); there {
		write.Version = row.Version
	}
	_, err := s.db.PutSource(s.t.Context(), write)
	must(s.t, err)
	s.now()
	return repo
}

// begin declares a source whose repository has files, and waits until they are
// looked at.
func (s *site) begin(spec cluster.Source, files map[string]string) string {
	s.t.Helper()
	commit := s.git.Repo(spec.Name).Push(files)
	s.declare(spec)
	s.seen(spec.Name, commit)
	return commit
}

// now is the database as it is.
func (s *site) now() *cluster.Snapshot {
	s.t.Helper()
	number, err := s.db.ChangeNumber(s.t.Context())
	must(s.t, err)
	s.feed.Hint()
	must(s.t, s.feed.WaitFor(s.t.Context(), number))
	return s.feed.Snapshot()
}

// until waits for the database to be as it is going to be.
func (s *site) until(what string, done func(*cluster.Snapshot) bool) *cluster.Snapshot {
	s.t.Helper()
	return s.member.until(s.t, what, done)
}

func (m *member) until(t testing.TB, what string, done func(*cluster.Snapshot) bool) *cluster.Snapshot {
	t.Helper()
	changed, cancel := m.feed.Subscribe()
	defer cancel()
	limit := time.NewTimer(patience)
	defer limit.Stop()
	for {
		snap := m.feed.Snapshot()
		if done(snap) {
			return snap
		}
		select {
		case <-changed:
		case <-limit.C:
			t.Fatalf("waited in vain: %s\n%s", what, describe(snap))
		}
	}
}

// poll waits for what no change of the database tells of.
func poll(t testing.TB, what string, done func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	limit := time.NewTimer(patience)
	defer limit.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-limit.C:
			t.Fatal("waited in vain: " + what)
		}
	}
}

// push pushes files to the repository of a source and waits until its loop has
// looked at all of the commit.
func (s *site) push(source string, files map[string]string) string {
	s.t.Helper()
	commit := s.git.Repo(source).Push(files)
	s.seen(source, commit)
	return commit
}

// seen lets a source look and waits until it has looked at all of a commit.
func (s *site) seen(source, commit string) {
	s.t.Helper()
	must(s.t, s.Poke(s.t.Context(), source))
	s.until("source "+source+" looks at "+commit, func(snap *cluster.Snapshot) bool {
		status, ok := snap.SourceStatuses.Get(source)
		return ok && status.Revision == commit
	})
}

// lookAgain makes a source look once more, and waits for the end of that.
func (s *site) lookAgain(source, revision string) {
	s.t.Helper()
	request := reconcile.NextSync(s.now(), source)
	request.Revision, request.Actor = revision, "ann"
	s.control(cluster.ControlSource, source, func(c *cluster.Control) { c.Sync = &request })
	s.until("source "+source+" serves the request", func(snap *cluster.Snapshot) bool {
		status, ok := snap.SourceStatuses.Get(source)
		return ok && status.Sync == request.Number
	})
}

// control changes what users have told, whatever the loop does to it meanwhile.
func (s *site) control(kind cluster.ControlKind, name string, change func(*cluster.Control)) {
	s.t.Helper()
	for {
		row := cluster.ControlRow{Kind: kind, Name: name}
		if stored, ok := s.now().Controls.Get(cluster.ControlKey(kind, name)); ok {
			row = *stored
		}
		change(&row.Control)
		_, err := s.db.PutControl(s.t.Context(), row, nil)
		if errors.Is(err, cluster.ErrConflict) {
			continue
		}
		must(s.t, err)
		s.feed.Hint()
		return
	}
}

func (s *site) status(source, path string) *cluster.ProjectStatus {
	s.t.Helper()
	status, ok := s.now().ProjectStatuses.Get(cluster.ProjectStatusKey(source, path))
	if !ok {
		s.t.Fatalf("no status of %s in %s\n%s", path, source, describe(s.now()))
	}
	return status
}

func (s *site) source(name string) *cluster.SourceStatus {
	s.t.Helper()
	status, ok := s.now().SourceStatuses.Get(name)
	if !ok {
		s.t.Fatalf("no status of source %s", name)
	}
	return status
}

// images are the stored components of projects as "full name=image".
func (s *site) images() []string { return storedImages(s.now()) }

func storedImages(snap *cluster.Snapshot) []string {
	var out []string
	for name, row := range snap.Components.All() {
		out = append(out, name+"="+row.Spec.Image)
	}
	slices.Sort(out)
	return out
}

func (s *site) image(component string) string {
	s.t.Helper()
	row, ok := s.now().Components.Get(component)
	if !ok {
		return ""
	}
	return row.Spec.Image
}

// stores compares all that is stored.
func (s *site) stores(want ...string) {
	s.t.Helper()
	if got := s.images(); !slices.Equal(got, want) {
		s.t.Errorf("stored are %q, want %q\n%s", got, want, describe(s.now()))
	}
}

func condition(list []cluster.Condition, kind cluster.ConditionType) cluster.Condition {
	for _, c := range list {
		if c.Type == kind {
			return c
		}
	}
	return cluster.Condition{}
}

// stalled checks that a project waits for a human, and why, and that it says so
// with all of words.
func (s *site) stalled(source, path string, reason cluster.ConditionReason, words ...string) {
	s.t.Helper()
	status := s.status(source, path)
	is(s.t, path, status.Conditions, cluster.ConditionStalled, cluster.StatusTrue, reason)
	is(s.t, path, status.Conditions, cluster.ConditionSynced, cluster.StatusFalse, reason)
	text := condition(status.Conditions, cluster.ConditionStalled).Message
	for _, p := range status.Problems {
		text += "\n" + p.String() + " " + p.Hint
	}
	for _, word := range words {
		if !strings.Contains(text, word) {
			s.t.Errorf("%s does not say %q:\n%s", path, word, text)
		}
	}
}

func (s *site) synced(source, path string) {
	s.t.Helper()
	is(s.t, path, s.status(source, path).Conditions, cluster.ConditionSynced, cluster.StatusTrue, cluster.ReasonApplied)
}

func is(t testing.TB, what string, list []cluster.Condition, kind cluster.ConditionType, status cluster.ConditionStatus, reason cluster.ConditionReason) {
	t.Helper()
	c := condition(list, kind)
	if c.Status != status || reason != "" && c.Reason != reason {
		t.Errorf("%s: %s is %s/%s (%s), want %s/%s", what, kind, c.Status, c.Reason, c.Message, status, reason)
	}
}

// ready waits for the Ready condition of a source.
func (s *site) ready(source string, status cluster.ConditionStatus, reason cluster.ConditionReason) cluster.Condition {
	s.t.Helper()
	var c cluster.Condition
	s.until(fmt.Sprintf("source %s is %s/%s", source, status, reason), func(snap *cluster.Snapshot) bool {
		found, ok := snap.SourceStatuses.Get(source)
		if ok {
			c = condition(found.Conditions, cluster.ConditionReady)
		}
		return c.Status == status && c.Reason == reason
	})
	return c
}

func (s *site) events(kinds ...cluster.EventKind) []string {
	s.t.Helper()
	list, err := s.db.Events(s.t.Context(), cluster.EventQuery{Kinds: kinds})
	must(s.t, err)
	var out []string
	for _, e := range list {
		out = append(out, fmt.Sprintf("%s %s: %s", e.Kind, e.Project, e.Message))
	}
	return out
}

// told checks how often something was told.
func (s *site) told(times int, kind cluster.EventKind, words ...string) {
	s.t.Helper()
	got := s.events(kind)
	got = slices.DeleteFunc(got, func(e string) bool {
		return slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(e, word) })
	})
	if len(got) != times {
		s.t.Errorf("%s was told %d times with %q, want %d: %q", kind, len(got), words, times, s.events(kind))
	}
}

// describe shows what is known of sources and projects, for failures.
func describe(snap *cluster.Snapshot) string {
	var b strings.Builder
	for name, status := range snap.SourceStatuses.All() {
		text, _ := json.Marshal(status)
		fmt.Fprintf(&b, "source %s: %s\n", name, text)
	}
	shown := 0
	for key, status := range snap.ProjectStatuses.All() {
		c := condition(status.Conditions, cluster.ConditionSynced)
		if shown++; shown <= 20 || c.Status != cluster.StatusTrue {
			fmt.Fprintf(&b, "file %s: project %s at %s of %s, %s/%s %s\n", key, status.Project, status.LastGood, status.Attempted, c.Status, c.Reason, c.Message)
		}
	}
	return b.String()
}

// yml is a project of components, each with a host of its own. Line 2 is
// "components:", the host of the first component is on line 8.
func yml(name, image string, components ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "name: %s\ncomponents:\n", name)
	for _, c := range components {
		fmt.Fprintf(&b, "  %s:\n    image: %s\n    eventsources:\n      %s-http:\n        http:\n          hostname: %s\n", c, image, c, host(name, c))
	}
	return b.String()
}

func host(name, component string) string {
	return strings.ReplaceAll(component+"."+name, "_", "-") + ".test"
}

// at gives a project of yml another host.
func at(text, name, component, other string) string {
	return strings.ReplaceAll(text, "hostname: "+host(name, component)+"\n", "hostname: "+other+"\n")
}
