package storesim

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"maelstrom/cluster"
	"maelstrom/cluster/store"
)

// within runs a test in a bubble with a server and two of its nodes.
func within(t *testing.T, ahead time.Duration, test func(t *testing.T, s *Server, a, b *store.Store)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := New(filepath.Join(t.TempDir(), "x.db"), ahead)
		a, b := open(t, s, "a"), open(t, s, "b")
		defer a.Close()
		defer b.Close()
		if err := a.Migrate(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		test(t, s, a, b)
	})
}

func open(t *testing.T, s *Server, node string) *store.Store {
	t.Helper()
	opened, err := s.Open(node, nil)
	if err != nil {
		t.Fatal(err)
	}
	return opened
}

func take(t *testing.T, s *store.Store, role, holder string) {
	t.Helper()
	if _, ok, err := s.TakeLease(t.Context(), cluster.Lease{Role: role}, holder); !ok || err != nil {
		t.Fatalf("%v, %v", ok, err)
	}
}

func TestNodesShareWhatIsStoredAndTheClock(t *testing.T) {
	within(t, time.Hour, func(t *testing.T, _ *Server, a, b *store.Store) {
		take(t, a, "r", "a")
		leases, err := b.Leases(t.Context())
		if err != nil || len(leases) == 0 || leases[len(leases)-1].Holder != "a" {
			t.Errorf("%+v, %v", leases, err)
		}
		if now, err := b.Now(t.Context()); err != nil || !now.Equal(time.Now().Add(time.Hour)) {
			t.Errorf("%v, %v", now, err)
		}
	})
}

func TestWaysFailOneByOne(t *testing.T) {
	within(t, 0, func(t *testing.T, s *Server, a, b *store.Store) {
		s.Set("a", Way{Refused: true})
		if err := a.Ping(t.Context()); err == nil {
			t.Error("a server that refuses answers")
		}
		if err := b.Ping(t.Context()); err != nil {
			t.Errorf("the other node: %v", err)
		}
		s.Set("a", Way{Stalled: true})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := a.Ping(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a server that hangs: %v", err)
		}
		s.Set("a", Way{Delay: time.Second})
		began := time.Now()
		if err := a.Ping(t.Context()); err != nil || time.Since(began) < time.Second {
			t.Errorf("a slow server: %v after %v", err, time.Since(began))
		}
	})
}

// A commit in doubt fails, whether it has arrived or not, unless the change log
// can tell.
func TestCommitsInDoubt(t *testing.T) {
	within(t, 0, func(t *testing.T, s *Server, a, b *store.Store) {
		for _, arrived := range []bool{true, false} {
			role := map[bool]string{true: "arrived", false: "lost"}[arrived]
			s.Doubt("a", arrived)
			if _, _, err := a.TakeLease(t.Context(), cluster.Lease{Role: role}, "a"); err == nil {
				t.Errorf("%s: no error", role)
			}
			held := false
			leases, err := b.Leases(t.Context())
			for _, l := range leases {
				held = held || l.Role == role
			}
			if err != nil || held != arrived {
				t.Errorf("%s: held %v, %v", role, held, err)
			}
			s.Doubt("a", arrived)
			if err := a.AddEvents(t.Context(), []cluster.Event{{Kind: cluster.EventCron, Message: role}}); err != nil {
				t.Errorf("%s: what the log can tell of, or run again: %v", role, err)
			}
		}
		events, err := b.Events(t.Context(), cluster.EventQuery{})
		if err != nil || len(events) != 2 {
			t.Errorf("%d events, %v", len(events), err)
		}
	})
}
