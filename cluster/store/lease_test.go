package store

import (
	"sync"
	"sync/atomic"
	"testing"

	"maelstrom/cluster"
)

func TestLease(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		row := func() cluster.Lease {
			l, err := s.lease(t.Context(), "r")
			must(t, err)
			return l
		}
		none := row()
		first, ok, err := s.TakeLease(t.Context(), none, "a")
		if want := (cluster.Lease{Role: "r", Holder: "a", Fence: 1, Beat: 1}); err != nil || !ok || first != want || row() != want {
			t.Fatalf("take: %+v, %v, %v; row %+v", first, ok, err, row())
		}
		if now, ok, err := s.TakeLease(t.Context(), none, "b"); err != nil || ok || now != first {
			t.Fatalf("second to take: %+v, %v, %v", now, ok, err)
		}
		held := []cluster.Hold{{Role: "r", Holder: "a", Fence: 1}}
		if still, err := s.RenewLeases(t.Context(), "a", held); err != nil || len(still) != 1 || row().Beat != 2 {
			t.Fatalf("renew: %v, %v, row %+v", still, err, row())
		}
		if now, ok, err := s.TakeLease(t.Context(), first, "b"); err != nil || ok || now.Beat != 2 {
			t.Fatalf("taken after a renewal: %+v, %v, %v", now, ok, err)
		}
		second, ok, err := s.TakeLease(t.Context(), row(), "b")
		if err != nil || !ok || second.Fence != 2 || second.Holder != "b" {
			t.Fatalf("take over: %+v, %v, %v", second, ok, err)
		}
		if still, err := s.RenewLeases(t.Context(), "a", held); err != nil || len(still) != 0 || row() != second {
			t.Fatalf("late renewal: %v, %v, row %+v", still, err, row())
		}
		must(t, s.GiveLease(t.Context(), held[0]))
		if row() != second {
			t.Fatalf("a late holder gave %+v", row())
		}
		must(t, s.GiveLease(t.Context(), cluster.Hold{Role: "r", Holder: "b", Fence: 2}))
		if got := row(); got.Holder != "" || got.Fence != 2 {
			t.Fatalf("given %+v", got)
		}
		if _, ok, err := s.TakeLease(t.Context(), row(), "c"); err != nil || !ok || row().Fence != 3 {
			t.Fatalf("take what was given: %v, %v", ok, err)
		}
		if _, _, err := s.TakeLease(t.Context(), cluster.Lease{}, "c"); err == nil {
			t.Fatal("a role without name was taken")
		}
	})
}

func TestRenewTellsWhichAreLeft(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		var held []cluster.Hold
		for _, role := range []string{"r1", "r2", "r3"} {
			held = append(held, take(t, s, role, "a"))
		}
		take(t, s, "r2", "b")
		still, err := s.RenewLeases(t.Context(), "a", held)
		must(t, err)
		if len(still) != 2 || still[0] != held[0] || still[1] != held[2] {
			t.Fatalf("still held %v", still)
		}
		if still, err := s.RenewLeases(t.Context(), "a", nil); err != nil || still != nil {
			t.Fatalf("nothing to renew: %v, %v", still, err)
		}
	})
}

func TestOneOfManyTakes(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		for range 5 {
			observed, err := s.lease(t.Context(), "r")
			must(t, err)
			var wg sync.WaitGroup
			var won atomic.Int32
			for _, holder := range []string{"a", "b", "c", "d"} {
				store := d.open(t)
				wg.Go(func() {
					_, ok, err := store.TakeLease(t.Context(), observed, holder)
					if err != nil {
						t.Error(err)
					}
					if ok {
						won.Add(1)
					}
				})
			}
			wg.Wait()
			if won.Load() != 1 {
				t.Fatalf("%d took the role", won.Load())
			}
		}
	})
}
