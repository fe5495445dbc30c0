package webhook

import (
	"context"
	"database/sql"
	"net/http"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"maelstrom/cluster"
	"maelstrom/cluster/store"
	"maelstrom/cluster/store/sqlitetest"
)

// locked is a database of one source whose file somebody else has locked for
// writes until unlock.
func locked(t *testing.T) (w *world, s *store.Store, lock, unlock func()) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "mael.db")
	if err := sqlitetest.Write(path); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.Context(), store.Options{Driver: "sqlite", DSN: path})
	if err != nil {
		t.Fatal(err)
	}
	other, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	other.SetMaxOpenConns(1)
	t.Cleanup(func() {
		for _, err := range []error{other.Close(), s.Close()} {
			if err != nil {
				t.Error(err)
			}
		}
	})
	row, err := s.PutSource(t.Context(), cluster.SourceWrite{
		Spec:    &cluster.Source{Name: "main", Git: &cluster.GitSource{URL: "https://example.com/shop.git", Ref: "main"}},
		Secrets: &cluster.SourceSecrets{WebhookSecret: testKey}, Actor: "test",
	})
	if err != nil {
		t.Fatal(err)
	}
	w = newWorld()
	w.snapshot = cluster.NewSnapshot().With(cluster.ChangeSet{Number: 1, Full: true, Sources: map[string]*cluster.SourceRow{"main": row}})
	do := func(statement string) func() {
		return func() {
			t.Helper()
			if _, err := other.ExecContext(context.WithoutCancel(t.Context()), statement); err != nil {
				t.Fatal(err)
			}
		}
	}
	return w, s, do("begin immediate"), do("rollback")
}

// While the database is locked a push is answered in time, and the source is
// poked all the same: whether the delivery was kept is not known, and if it
// was, the next with its id counts as seen.
func TestALockedDatabaseIsAnsweredInTimeAndLosesNothing(t *testing.T) {
	w, s, lock, unlock := locked(t)
	h := New(Options{}, Deps{Snapshots: w, Secrets: s, Deliveries: s, Poker: w})
	h.limit = 100 * time.Millisecond
	go func() { _ = h.Run(t.Context()) }()
	push := func(id, ref string) answerOf {
		t.Helper()
		return call1(t, h, timed("main", id, `{"ref":"refs/heads/`+ref+`"}`, time.Now()).request())
	}
	lock()
	if a := push("1", "main"); a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" {
		t.Errorf("answered %d %+v", a.status, a)
	}
	if got := <-w.poked; got != "main" {
		t.Errorf("poked %s", got)
	}
	if a := push("2", "next"); a.status != http.StatusServiceUnavailable {
		t.Errorf("answered %d %+v", a.status, a)
	}
	unlock()
	if a := push("3", "main"); a.status != http.StatusAccepted {
		t.Errorf("answered %d %+v", a.status, a)
	}
	if got := <-w.poked; got != "main" || len(w.poked) > 0 {
		t.Errorf("poked %s, and %d more", got, len(w.poked))
	}
	kept, err := s.Deliveries(t.Context(), "main", 10)
	if err != nil || len(kept) == 0 || kept[0].ID != "3" {
		t.Errorf("kept %+v, %v", kept, err)
	}
}

// stuck keeps deliveries when it is released, whatever the context says.
type stuck struct {
	*world
	released chan struct{}
}

func (s stuck) AddDelivery(ctx context.Context, d cluster.Delivery) (bool, error) {
	<-s.released
	return s.world.AddDelivery(ctx, d)
}

func TestADeliveryThatIsKeptTooLateIsPokedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := stuck{newWorld(), make(chan struct{})}
		h := New(Options{}, Deps{Snapshots: s, Secrets: s, Deliveries: s, Poker: s})
		go func() { _ = h.Run(t.Context()) }()
		push := func() answerOf {
			return call1(t, h, timed("main", "1", `{"ref":"refs/heads/main"}`, time.Now()).request())
		}
		began := time.Now()
		if a := push(); a.status != http.StatusServiceUnavailable || time.Since(began) != answerLimit {
			t.Errorf("answered %d %+v after %s", a.status, a, time.Since(began))
		}
		synctest.Wait()
		if len(s.poked) != 1 {
			t.Errorf("poked %d times", len(s.poked))
		}
		close(s.released)
		synctest.Wait()
		if a := push(); a.status != http.StatusOK {
			t.Errorf("answered %d %+v", a.status, a)
		}
	})
}
