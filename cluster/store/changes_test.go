package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"maelstrom/cluster"
)

func TestChangesSince(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		if n := number(t, s); n != 0 {
			t.Fatalf("an empty database is at change %d", n)
		}
		if cs := all(t, s); !cs.Full || cs.Number != 0 {
			t.Fatalf("empty: %+v", cs)
		}
		first := apply1(t, s, projectOf("p", component("p", "p_c", "image:1"))).ChangeNumber
		apply1(t, s, projectOf("p", component("p", "p_c", "image:2")))
		third := apply1(t, s, projectOf("p", component("p", "p_c", "image:3"))).ChangeNumber
		for since, want := range map[int64]struct {
			full       bool
			components int
		}{
			-1: {true, 1}, 0: {true, 1}, first: {false, 1}, third - 1: {false, 1}, third: {false, 0},
			third + 1: {true, 1}, // a database that was put back to a backup
		} {
			cs, err := s.Changes(t.Context(), since)
			must(t, err)
			if cs.Full != want.full || len(cs.Components) != want.components || cs.Number != third {
				t.Errorf("since %d: full %v, %d components, number %d", since, cs.Full, len(cs.Components), cs.Number)
			}
		}
	})
}

func TestLogIsPrunedAndThoseBehindReload(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		s.logKept = 20
		for n := range 30 {
			apply1(t, s, projectOf("p", component("p", "p_c", fmt.Sprint("image:", n))))
		}
		s.prune(t.Context(), 1)
		last := number(t, s)
		var rows int
		must(t, s.reader.QueryRow(`select count(*) from mael_change`).Scan(&rows))
		if rows != 20 {
			t.Fatalf("%d rows kept", rows)
		}
		kept := last - 10 // two rows each
		for since, full := range map[int64]bool{kept - 1: true, kept: false, last: false, 1: true} {
			cs, err := s.Changes(t.Context(), since)
			must(t, err)
			if cs.Full != full {
				t.Errorf("since %d of %d: full %v", since, last, cs.Full)
			}
		}
		s.prune(t.Context(), 1)
		if cs, err := s.Changes(t.Context(), kept); err != nil || cs.Full {
			t.Fatalf("pruning twice cut more: %v", err)
		}
	})
}

func TestLogIsPrunedByItself(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		s.logKept = 1
		for n := range 5 {
			apply1(t, s, projectOf("p", component("p", "p_c", fmt.Sprint("image:", n))))
		}
		_, err := s.writer.Exec(`update mael_change_counter set n = ` + fmt.Sprint(pruneEvery-1))
		must(t, err)
		apply1(t, s, projectOf("p", component("p", "p_c", "last")))
		var rows int
		must(t, s.reader.QueryRow(`select count(*) from mael_change`).Scan(&rows))
		if rows > 2 {
			t.Fatalf("%d rows after the change that prunes", rows)
		}
	})
}

// A number that was given out but not committed holds up the next: a reader
// can never see a number without those below it.
func TestNumbersCommitInOrder(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		apply1(t, s, projectOf("p", component("p", "p_c", "image")))
		before := number(t, s)
		slow, err := s.begin(t.Context(), s.writer)
		must(t, err)
		slow.changed(cluster.ChangeComponent, "slow")
		must(t, slow.logChanges(t.Context()))
		other := d.open(t)
		done := make(chan int64)
		go func() {
			n, err := other.BumpComponents(t.Context(), []string{"p_c"}, "x")
			if err != nil {
				t.Error(err)
			}
			done <- n["p_c"]
		}()
		if n := number(t, s); n != before {
			t.Errorf("number %d is seen before its commit", n)
		}
		select {
		case <-done:
			t.Error("a later number was committed before an earlier one")
		default:
		}
		must(t, slow.Commit())
		<-done
		cs, err := s.Changes(t.Context(), before)
		must(t, err)
		if _, seen := cs.Components["slow"]; !seen || cs.Components["p_c"].Version != 2 || cs.Number != before+2 {
			t.Fatalf("changes %+v", cs)
		}
	})
}

// Many writers, and readers that follow them: whatever number a reader has
// reached, it has seen every write up to it, and each write has its own.
func TestReadersMissNothing(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		const writers, rounds = 4, 25
		hold := take(t, s, cluster.RolePlacement, "a")
		var mu sync.Mutex
		written := map[int64]string{} // change number to the placement it inserted
		ctx, stop := context.WithCancel(t.Context())
		var readers, all sync.WaitGroup
		for range 2 {
			store := d.open(t)
			readers.Go(func() { follow(ctx, t, store, &mu, written) })
		}
		for w := range writers {
			store := d.open(t)
			all.Go(func() {
				for n := range rounds {
					id := fmt.Sprintf("%d-%d", w, n)
					number, err := store.WritePlacements(t.Context(), hold, []cluster.PlacementWrite{{Insert: &cluster.Placement{
						ID: id, Component: "c" + id, Node: "a", Want: cluster.WantRun}}})
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					if other, twice := written[number]; twice {
						t.Errorf("number %d is of %s and %s", number, other, id)
					}
					written[number] = id
					mu.Unlock()
				}
			})
		}
		all.Wait()
		stop()
		readers.Wait()
		if n := number(t, s); n != writers*rounds || len(written) != writers*rounds {
			t.Fatalf("%d changes, number %d", len(written), n)
		}
	})
}

// follow reads changes as a Feed does until ctx ends and it has caught up.
func follow(ctx context.Context, t *testing.T, s *Store, mu *sync.Mutex, written map[int64]string) {
	type view struct {
		number int64
		seen   map[string]bool
	}
	var views []view
	seen := map[string]bool{}
	var at int64
	for last := false; ; {
		cs, err := s.Changes(t.Context(), at)
		if err != nil {
			t.Error(err)
			return
		}
		if cs.Number < at {
			t.Errorf("number went from %d to %d", at, cs.Number)
		}
		if !cs.Full && len(cs.Placements) != int(cs.Number-at) {
			t.Errorf("%d placements from %d to %d", len(cs.Placements), at, cs.Number)
		}
		for id := range cs.Placements {
			if seen[id] && !cs.Full {
				t.Errorf("placement %s seen twice", id)
			}
			seen[id] = true
		}
		if at != cs.Number {
			views = append(views, view{cs.Number, cloneSet(seen)})
		}
		at = cs.Number
		if last {
			break
		}
		last = ctx.Err() != nil
	}
	mu.Lock()
	defer mu.Unlock()
	for _, v := range views {
		for n, id := range written {
			if (n <= v.number) != v.seen[id] {
				t.Errorf("at %d: placement %s of change %d: seen %v", v.number, id, n, v.seen[id])
			}
		}
	}
}

func cloneSet(m map[string]bool) map[string]bool {
	out := make(map[string]bool, len(m))
	for k := range m {
		out[k] = true
	}
	return out
}

func TestReadSeesOneMoment(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		apply1(t, s, projectOf("p", component("p", "p_c", "image")))
		other := d.open(t)
		must(t, s.read(t.Context(), func(tx *tx) error {
			before, err := tx.components(t.Context(), ``)
			if err != nil {
				return err
			}
			if _, err := other.BumpComponents(t.Context(), []string{"p_c"}, "x"); err != nil {
				return err
			}
			after, err := tx.components(t.Context(), ``)
			if err == nil && after["p_c"].Version != before["p_c"].Version {
				err = errors.New("a write of another shows up in the middle of a read")
			}
			return err
		}))
	})
}

func TestReadsDoNotWaitForWrites(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		apply1(t, s, projectOf("p", component("p", "p_c", "image")))
		slow, err := s.begin(t.Context(), s.writer)
		must(t, err)
		defer slow.Rollback()
		_, err = slow.exec(t.Context(), `update mael_component set row_version = 99`)
		must(t, err)
		must(t, slow.logChanges(t.Context()))
		if row := all(t, s).Components["p_c"]; row.Version != 1 {
			t.Fatalf("read version %d", row.Version)
		}
		if leases, err := s.Leases(t.Context()); err != nil || !slices.ContainsFunc(leases, func(l cluster.Lease) bool { return l.Role == cluster.RoleMigrate }) {
			t.Fatalf("leases %v, %v", leases, err)
		}
	})
}
