package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"maelstrom/cluster"
	"maelstrom/cluster/store"
	"maelstrom/cluster/store/storetest"
	"maelstrom/reconcile/gitsource/gittest"
)

// Two nodes share a PostgreSQL and a source.
func TestTwoNodesShareASourceOnPostgres(t *testing.T) {
	t.Parallel()
	server, err := storetest.StartPostgres()
	must(t, err)
	t.Cleanup(func() { must(t, server.Stop()) })
	shared := func(t *testing.T) func() *store.Store {
		name, err := server.NewDatabase(t.Context())
		must(t, err)
		return func() *store.Store { return openDatabase(t, "postgres", server.DSN(name)) }
	}
	t.Run("group", func(t *testing.T) { // ends before the server does
		t.Run("each commit is applied once", func(t *testing.T) { t.Parallel(); eachCommitOnce(t, shared(t)) })
		t.Run("what a former holder writes late is refused", func(t *testing.T) { t.Parallel(); lateWrite(t, shared(t)) })
	})
}

// pair is two nodes and a repository that is their source main.
type pair struct {
	*site // its database, seen through the first node
	other *member
	repo  *gittest.Repo
}

func newPair(t *testing.T, open func() *store.Store, first memberOptions) *pair {
	t.Helper()
	p := &pair{site: &site{t: t, db: open(), git: gittest.NewHTTP(t, gittest.Options{})}}
	first.id, first.db = "one", p.db
	if first.write != nil {
		first.write.(*frozen).Store = p.db
		first.leases.(*frozen).Store = p.db
	}
	p.member = startMember(t, first)
	commit := p.git.Repo("main").Push(map[string]string{"maelstrom.yml": yml("shop", "web:1", "web"), "z.maelstrom.yml": yml("zoo", "zoo:1", "web")})
	p.repo = p.declare(cluster.Source{Name: "main", IntervalSeconds: 2})
	p.seen("main", commit)
	p.other = startMember(t, memberOptions{id: "two", db: open()})
	return p
}

// reaches waits until both nodes see a commit applied.
func (p *pair) reaches(commit string) {
	p.t.Helper()
	for _, m := range []*member{p.member, p.other} {
		m.until(p.t, commit+" is applied", func(snap *cluster.Snapshot) bool {
			status, ok := snap.SourceStatuses.Get("main")
			return ok && status.Revision == commit
		})
	}
}

func eachCommitOnce(t *testing.T, open func() *store.Store) {
	p := newPair(t, open, memberOptions{})
	push := func(n int, who *member) string {
		commit := p.repo.Push(map[string]string{"maelstrom.yml": yml("shop", fmt.Sprintf("web:%d", n), "web")})
		must(t, who.Poke(t.Context(), "main"))
		return commit
	}
	want := []string{p.source("main").Revision}
	for n := 2; n <= 5; n++ {
		commit := push(n, []*member{p.member, p.other}[n%2])
		p.reaches(commit)
		want = append(want, commit)
	}
	if stats := p.other.Stats(); len(stats) != 1 || stats[0].Held || stats[0].Fetches != 0 {
		t.Errorf("only the holder fetches: %+v", stats)
	}
	// The holder goes; a commit that comes while nobody holds the role waits
	// for the other one.
	p.stop()
	commit := push(6, p.other)
	p.other.until(t, "the other one goes on", func(snap *cluster.Snapshot) bool {
		status, _ := snap.SourceStatuses.Get("main")
		return status.Revision == commit
	})
	want = append(want, commit)
	// A hail of commits, of which the loop may see only some.
	p.member = startMember(t, memberOptions{id: "three", db: p.db})
	for n := 7; n <= 12; n++ {
		commit = push(n, []*member{p.member, p.other}[n%2])
	}
	p.reaches(commit)

	revisions, err := p.db.Revisions(t.Context(), "shop", 100)
	must(t, err)
	var got []string
	for _, r := range slices.Backward(revisions) {
		got = append(got, r.SourceRevision)
		if r.Repeated > 1 {
			t.Errorf("revision %d was written %d times", r.Number, r.Repeated)
		}
	}
	if len(got) < len(want)+1 || !slices.Equal(got[:len(want)], want) || got[len(got)-1] != commit {
		t.Errorf("applied were %q, want %q, then some of the hail up to %s", got, want, commit)
	}
	if unique := slices.Compact(slices.Sorted(slices.Values(got))); len(unique) != len(got) {
		t.Errorf("a commit was applied twice: %q", got)
	}
	if zoo, err := p.db.Revisions(t.Context(), "zoo", 100); err != nil || len(zoo) != 1 {
		t.Errorf("a project that never changed has %d revisions, %v", len(zoo), err)
	}
	p.told(len(got), cluster.EventSynced, "synced shop:")
	p.stores("shop_web=web:12", "zoo_web=zoo:1")
}

// frozen is the database of a node that stands still in the middle of an apply.
type frozen struct {
	*store.Store
	on              atomic.Bool
	entered, resume chan struct{}
}

var errFrozen = errors.New("frozen")

func (f *frozen) ApplyProject(ctx context.Context, req cluster.ApplyRequest) (cluster.ApplyResult, error) {
	if f.on.Load() {
		close(f.entered)
		<-f.resume
		f.on.Store(false)
		ctx = context.WithoutCancel(ctx) // it has not heard of anything
	}
	return f.Store.ApplyProject(ctx, req)
}

func (f *frozen) RenewLeases(ctx context.Context, holder string, held []cluster.Hold) ([]cluster.Hold, error) {
	if f.on.Load() {
		return nil, errFrozen
	}
	return f.Store.RenewLeases(ctx, holder, held)
}

func lateWrite(t *testing.T, open func() *store.Store) {
	f := &frozen{entered: make(chan struct{}), resume: make(chan struct{})}
	p := newPair(t, open, memberOptions{write: f, leases: f})
	f.on.Store(true)
	late := p.repo.Push(map[string]string{"maelstrom.yml": yml("shop", "late:1", "web")})
	must(t, p.Poke(t.Context(), "main"))
	<-f.entered
	commit := p.repo.Push(map[string]string{"maelstrom.yml": yml("shop", "web:2", "web")})
	p.other.until(t, "the other one applies", func(snap *cluster.Snapshot) bool {
		status, _ := snap.SourceStatuses.Get("main")
		return status.Revision == commit
	})
	close(f.resume)
	poll(t, "the late write is refused and counted", func() bool { return p.Stats()[0].Refused == 1 })
	p.until("the refusal is told", func(*cluster.Snapshot) bool { return len(p.events(cluster.EventRefusedWrite)) == 1 })
	p.stores("shop_web=web:2", "zoo_web=zoo:1")
	revisions, err := p.db.Revisions(t.Context(), "shop", 100)
	must(t, err)
	for _, r := range revisions {
		if r.SourceRevision == late {
			t.Errorf("the late commit is in the history: %+v", r)
		}
	}
	if len(revisions) != 2 || !strings.HasPrefix(revisions[0].SourceRevision, commit) {
		t.Errorf("revisions %+v", revisions)
	}
}
