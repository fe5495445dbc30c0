package store

import (
	"errors"
	"strconv"
	"sync"
	"testing"

	"maelstrom/cluster"
)

func TestTheFirstAuthorityStays(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		if _, err := s.Authority(t.Context()); !errors.Is(err, cluster.ErrNotFound) {
			t.Fatalf("authority of a new cluster: %v", err)
		}
		first, err := s.KeepAuthority(t.Context(), cluster.Authority{Certificate: "first", SealedKey: "grüße 🌪"})
		must(t, err)
		if first.Certificate != "first" || first.CreatedAt.IsZero() {
			t.Fatalf("kept %+v", first)
		}
		second, err := d.open(t).KeepAuthority(t.Context(), cluster.Authority{Certificate: "second", SealedKey: "other"})
		must(t, err)
		read, err := s.Authority(t.Context())
		must(t, err)
		if second != first || read != first {
			t.Fatalf("kept %+v, then %+v, and read %+v", first, second, read)
		}
	})
}

func TestOneOfManyAuthoritiesStays(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		kept := make([]cluster.Authority, 8)
		var all sync.WaitGroup
		for i := range kept {
			all.Go(func() {
				var err error
				kept[i], err = s.KeepAuthority(t.Context(), cluster.Authority{Certificate: strconv.Itoa(i), SealedKey: strconv.Itoa(i)})
				if err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		for _, a := range kept {
			if a != kept[0] || a.SealedKey != a.Certificate || a.Certificate == "" {
				t.Errorf("kept %+v and %+v", kept[0], a)
			}
		}
	})
}

// Of several that seal the authority anew, each has to have read what it
// replaces.
func TestAnAuthorityIsResealedOnce(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		if err := s.ResealAuthority(t.Context(), cluster.Authority{}, "new"); !errors.Is(err, cluster.ErrNotFound) {
			t.Fatalf("without one: %v", err)
		}
		first, err := s.KeepAuthority(t.Context(), cluster.Authority{Certificate: "first", SealedKey: "old"})
		must(t, err)
		done := make([]error, 8)
		var all sync.WaitGroup
		for i := range done {
			all.Go(func() { done[i] = s.ResealAuthority(t.Context(), first, strconv.Itoa(i)) })
		}
		all.Wait()
		read, err := d.open(t).Authority(t.Context())
		must(t, err)
		for i, err := range done {
			if won := read.SealedKey == strconv.Itoa(i); won != (err == nil) || !won && !errors.Is(err, cluster.ErrConflict) {
				t.Errorf("%q is stored; %d: %v", read.SealedKey, i, err)
			}
		}
		if read.Certificate != "first" || read.CreatedAt != first.CreatedAt {
			t.Errorf("%+v became %+v", first, read)
		}
	})
}

// A program that asks before it migrates, as one that is checked for an
// upgrade does, finds none.
func TestAnOlderDatabaseHasNoAuthority(t *testing.T) {
	onEachEmpty(t, func(t *testing.T, d database, s *Store) {
		if _, err := s.Authority(t.Context()); !errors.Is(err, cluster.ErrNotFound) {
			t.Fatalf("authority of an empty database: %v", err)
		}
	})
}
