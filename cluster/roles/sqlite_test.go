package roles_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"maelstrom/cluster"
	"maelstrom/cluster/roles"
	"maelstrom/cluster/store"
	"maelstrom/cluster/store/sqlitetest"
)

// start runs a keeper whose work tells of each hold.
func start(t *testing.T, s *store.Store, opt roles.Options) (k *roles.Keeper, holds <-chan cluster.Hold, kill func()) {
	t.Helper()
	k = roles.New(s, opt)
	c := make(chan cluster.Hold, 10)
	k.Add(cluster.RolePlacement, func(ctx context.Context, hold cluster.Hold) error {
		c <- hold
		<-ctx.Done()
		return nil
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := k.Run(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("Run: %v", err)
		}
	}()
	return k, c, func() { cancel(); <-done }
}

func TestRolesOverADatabase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := sqlitetest.Open(t)
		_, holdsA, killA := start(t, s, roles.Options{Node: "a"})
		first := <-holdsA
		b, holdsB, killB := start(t, s, roles.Options{Node: "b"})
		defer killB()
		<-time.After(time.Minute)
		if holder := b.Holder(cluster.RolePlacement); holder != "a" || len(holdsB) != 0 {
			t.Fatalf("holder %q", holder)
		}
		killA()
		killed := time.Now()
		second := <-holdsB
		if took := time.Since(killed); took > 3500*time.Millisecond || second.Fence != first.Fence+1 || second.Holder != "b" {
			t.Fatalf("%+v after %v", second, took)
		}
		write := []cluster.PlacementWrite{{Insert: &cluster.Placement{ID: "x", Component: "c", Node: "a", Want: cluster.WantRun}}}
		if _, err := s.WritePlacements(t.Context(), first, write); !errors.Is(err, cluster.ErrFenced) {
			t.Fatalf("late write: %v", err)
		}
		if _, err := s.WritePlacements(t.Context(), second, write); err != nil {
			t.Fatal(err)
		}
	})
}

func TestEmbeddedRolesCostNothingWhileHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := sqlitetest.Open(t)
		k, holds, kill := start(t, s, roles.Options{Node: "a", Embedded: true})
		first := <-holds
		commits := s.Stats().Commits
		<-time.After(time.Hour)
		if s.Stats().Commits != commits {
			t.Fatalf("%d commits in an idle hour", s.Stats().Commits-commits)
		}
		if _, err := s.WritePlacements(t.Context(), first, []cluster.PlacementWrite{
			{Insert: &cluster.Placement{ID: "x", Component: "c", Node: "a", Want: cluster.WantRun}}}); err != nil {
			t.Fatal(err)
		}
		kill()
		if err := k.GiveUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		_, holds, kill = start(t, s, roles.Options{Node: "a", Embedded: true})
		defer kill()
		if again := <-holds; again.Fence != first.Fence+1 {
			t.Fatalf("%+v after %+v", again, first)
		}
	})
}
