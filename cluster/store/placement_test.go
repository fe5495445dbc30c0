package store

import (
	"context"
	"errors"
	"sync"
	"testing"

	"maelstrom/cluster"
)

func place(id, component string, slot int) *cluster.Placement {
	return &cluster.Placement{ID: id, Component: component, Slot: slot, Node: "a", Want: cluster.WantRun, PlacedVersion: 3, MemoryMiB: 128}
}

func insert(p *cluster.Placement) cluster.PlacementWrite { return cluster.PlacementWrite{Insert: p} }

func want(p cluster.Placement, w cluster.Want) cluster.PlacementWrite {
	p.Want = w
	return cluster.PlacementWrite{Want: &p}
}

func remove(p cluster.Placement) cluster.PlacementWrite { return cluster.PlacementWrite{Delete: &p} }

// instanceOf is a ready instance of a placement.
func instanceOf(p *cluster.Placement) cluster.Instance {
	return cluster.Instance{Placement: p.ID, Component: p.Component, Slot: p.Slot, Node: p.Node, State: cluster.InstanceReady}
}

func write(t *testing.T, s *Store, hold cluster.Hold, writes ...cluster.PlacementWrite) {
	t.Helper()
	_, err := s.WritePlacements(t.Context(), hold, writes)
	must(t, err)
}

func placement(t *testing.T, s *Store, id string) cluster.Placement {
	t.Helper()
	p := all(t, s).Placements[id]
	if p == nil {
		t.Fatalf("no placement %s", id)
	}
	return *p
}

func TestPlacementsLife(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		hold := take(t, s, cluster.RolePlacement, "a")
		n, err := s.WritePlacements(t.Context(), hold, []cluster.PlacementWrite{insert(place("x", "web", 0)), insert(place("y", "web", 1))})
		must(t, err)
		got := placement(t, s, "x")
		wanted := *place("x", "web", 0)
		wanted.Version, wanted.CreatedAt = 1, got.CreatedAt
		if got != wanted || got.CreatedAt.IsZero() || number(t, s) != n {
			t.Fatalf("placement %+v", got)
		}
		write(t, s, hold, want(got, cluster.WantStop))
		if got = placement(t, s, "x"); got.Want != cluster.WantStop || got.Version != 2 {
			t.Fatalf("placement %+v", got)
		}
		// A slot is free for another in the transaction that removes its row.
		write(t, s, hold, insert(place("a", "web", 0)), remove(got))
		cs, err := s.Changes(t.Context(), n)
		must(t, err)
		if row, told := cs.Placements["x"]; !told || row != nil || cs.Placements["a"] == nil {
			t.Fatalf("changes %+v", cs.Placements)
		}
		commits := s.Stats().Commits
		if n, err := s.WritePlacements(t.Context(), hold, nil); err != nil || n != number(t, s) || s.Stats().Commits != commits {
			t.Fatalf("no writes: %d, %v", n, err)
		}
	})
}

func TestPlacementConflicts(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		hold := take(t, s, cluster.RolePlacement, "a")
		write(t, s, hold, insert(place("x", "web", 0)))
		stale := *place("x", "web", 0)
		stale.Version = 9
		before := all(t, s)
		for name, w := range map[string]cluster.PlacementWrite{
			"slot taken": insert(place("y", "web", 0)),
			"id taken":   insert(place("x", "web", 1)),
			"want":       want(stale, cluster.WantStop),
			"delete":     remove(stale),
			"unknown":    remove(cluster.Placement{ID: "unknown", Version: 1}),
		} {
			_, err := s.WritePlacements(t.Context(), hold, []cluster.PlacementWrite{insert(place("other", "other", 0)), w})
			if !errors.Is(err, cluster.ErrConflict) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if after := all(t, s); after.Number != before.Number || len(after.Placements) != 1 {
			t.Fatalf("something was written: %+v", after)
		}
		if _, err := s.WritePlacements(t.Context(), hold, []cluster.PlacementWrite{{}}); err == nil || errors.Is(err, cluster.ErrConflict) {
			t.Fatalf("empty write: %v", err)
		}
	})
}

func TestLateHolderIsFenced(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		first := take(t, s, cluster.RolePlacement, "a")
		second := take(t, s, cluster.RolePlacement, "b")
		before := number(t, s)
		_, err := s.WritePlacements(t.Context(), first, []cluster.PlacementWrite{insert(place("x", "web", 0))})
		wantError(t, err, cluster.ErrFenced)
		if cs := all(t, s); cs.Number != before || len(cs.Placements) != 0 {
			t.Fatalf("a late write was stored: %+v", cs)
		}
		write(t, s, second, insert(place("x", "web", 0)))
		must(t, s.GiveLease(t.Context(), second))
		_, err = s.WritePlacements(t.Context(), second, []cluster.PlacementWrite{insert(place("y", "web", 1))})
		wantError(t, err, cluster.ErrFenced)
		if refused := s.Stats().Refused; len(refused) != 1 || refused[cluster.RolePlacement] != 2 {
			t.Errorf("counted as refused: %v, want 2 of placement", refused)
		}
	})
}

// A write that is given up as its role is lost counts as refused, one that is
// given up for another reason does not.
func TestWritesOfALostRoleAreCounted(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		hold := take(t, s, cluster.RolePlacement, "a")
		for _, c := range []struct {
			cause error
			want  int64
		}{{nil, 0}, {cluster.ErrFenced, 1}} {
			ctx, end := context.WithCancelCause(t.Context())
			_, err := s.write(ctx, writeOptions{hold: &hold}, func(tx *tx) error {
				end(c.cause)
				return tx.writePlacement(ctx, insert(place("x", "web", 0)))
			})
			if refused := s.Stats().Refused[hold.Role]; err == nil || refused != c.want {
				t.Errorf("ended by %v: %v, %d counted, want %d", c.cause, err, refused, c.want)
			}
		}
	})
}

// A holder that freezes in the middle of a write keeps nobody from taking its
// role, and is refused when it goes on. SQLite has one writer at a time, and
// one daemon.
func TestFrozenHolderBlocksNobody(t *testing.T) {
	onServer(t, func(t *testing.T, d database, s *Store) {
		first := take(t, s, cluster.RolePlacement, "a")
		frozen, thaw := make(chan struct{}), make(chan struct{})
		done := make(chan error)
		go func() {
			_, err := s.write(t.Context(), writeOptions{hold: &first}, func(tx *tx) error {
				err := tx.writePlacement(t.Context(), insert(place("x", "web", 0)))
				close(frozen)
				<-thaw
				return err
			})
			done <- err
		}()
		<-frozen
		other := d.open(t)
		second := take(t, other, cluster.RolePlacement, "b")
		write(t, other, second, insert(place("y", "other", 0)))
		close(thaw)
		wantError(t, <-done, cluster.ErrFenced)
		if cs := all(t, s); len(cs.Placements) != 1 || cs.Placements["y"] == nil {
			t.Fatalf("placements %v", cs.Placements)
		}
	})
}

func TestPointOfNoReturn(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		hold := take(t, s, cluster.RolePlacement, "a")
		epoch, err := s.JoinNode(t.Context(), cluster.Node{ID: "a"})
		must(t, err)
		stopped := func(id string) cluster.Placement {
			p := place(id, id, 0)
			write(t, s, hold, insert(p))
			must(t, s.WriteInstances(t.Context(), "a", epoch, []cluster.Instance{instanceOf(p)}, nil))
			write(t, s, hold, want(placement(t, s, id), cluster.WantStop))
			return placement(t, s, id)
		}
		t.Run("wanted again before", func(t *testing.T) {
			p := stopped("before")
			write(t, s, hold, want(p, cluster.WantRun))
			marked, err := s.MarkStopping(t.Context(), instanceOf(&p), p.Version)
			if err != nil || marked {
				t.Fatalf("marked %v, %v", marked, err)
			}
			for _, i := range instances(t, s, "a") {
				if i.Placement == "before" && i.State != cluster.InstanceReady {
					t.Fatalf("instance %+v", i)
				}
			}
		})
		t.Run("wanted again after", func(t *testing.T) {
			p := stopped("after")
			for range 2 { // the second time as after a lost answer
				if marked, err := s.MarkStopping(t.Context(), instanceOf(&p), p.Version); err != nil || !marked {
					t.Fatalf("marked %v, %v", marked, err)
				}
			}
			_, err := s.WritePlacements(t.Context(), hold, []cluster.PlacementWrite{want(p, cluster.WantRun)})
			wantError(t, err, cluster.ErrConflict)
			if got := placement(t, s, "after"); got.Want != cluster.WantStop {
				t.Fatalf("placement %+v", got)
			}
			write(t, s, hold, remove(p))
		})
		t.Run("placement gone", func(t *testing.T) {
			p := place("gone", "gone", 0)
			if marked, err := s.MarkStopping(t.Context(), instanceOf(p), 4); err != nil || !marked {
				t.Fatalf("marked %v, %v", marked, err)
			}
		})
		t.Run("a new start of the node holds to it", func(t *testing.T) {
			p := stopped("again")
			if marked, err := s.MarkStopping(t.Context(), instanceOf(&p), p.Version); err != nil || !marked {
				t.Fatalf("marked %v, %v", marked, err)
			}
			later, err := s.JoinNode(t.Context(), cluster.Node{ID: "a"})
			must(t, err)
			_, err = s.WritePlacements(t.Context(), hold, []cluster.PlacementWrite{want(p, cluster.WantRun)})
			wantError(t, err, cluster.ErrConflict)
			must(t, s.WriteInstances(t.Context(), "a", later, []cluster.Instance{instanceOf(&p)}, nil))
			write(t, s, hold, want(p, cluster.WantRun))
		})
	})
}

// Whoever comes first, the node or the holder, the other sees it: never is an
// instance stopped whose placement wants it to run.
func TestStoppingRace(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		hold := take(t, s, cluster.RolePlacement, "a")
		other := d.open(t)
		stops := 0
		for n := range 30 {
			p := place("x", "web", 0)
			p.Want = cluster.WantStop
			write(t, s, hold, insert(p))
			p.Version = 1
			var marked, flipped bool
			var race sync.WaitGroup
			race.Go(func() {
				var err error
				if marked, err = other.MarkStopping(context.WithoutCancel(t.Context()), instanceOf(p), 1); err != nil {
					t.Error(err)
				}
			})
			race.Go(func() {
				_, err := s.WritePlacements(t.Context(), hold, []cluster.PlacementWrite{want(*p, cluster.WantRun)})
				flipped = err == nil
				if err != nil && !errors.Is(err, cluster.ErrConflict) {
					t.Error(err)
				}
			})
			race.Wait()
			if marked == flipped {
				t.Fatalf("round %d: marked %v, flipped %v", n, marked, flipped)
			}
			if marked {
				stops++
			}
			write(t, s, hold, remove(placement(t, s, "x")))
			must(t, s.WriteInstances(t.Context(), "a", 1, nil, []string{"x"}))
		}
		t.Logf("%d of 30 stopped", stops)
	})
}
