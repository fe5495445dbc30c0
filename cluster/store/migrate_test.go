package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"maelstrom/cluster"
	"maelstrom/schemas"
)

func known(t *testing.T, s *Store) []migration {
	t.Helper()
	migrations, err := loadMigrations(schemas.SQL, s.dialect.name)
	must(t, err)
	return migrations
}

func TestMigrateAgainWritesNothing(t *testing.T) {
	onEachEmpty(t, func(t *testing.T, d database, s *Store) {
		must(t, s.Migrate(t.Context(), "test"))
		commits := s.Stats().Commits
		must(t, s.Migrate(t.Context(), "again"))
		if s.Stats().Commits != commits {
			t.Fatal("a second migration wrote something")
		}
		if l, err := s.lease(t.Context(), cluster.RoleMigrate); err != nil || l.Holder != "" || l.Fence != 1 {
			t.Fatalf("lease %+v, %v", l, err)
		}
		newest := known(t, s)[len(known(t, s))-1].version
		if version, minReader, err := s.schemaVersion(t.Context()); err != nil || version != newest || minReader != 1 {
			t.Fatalf("schema %d for %d, %v", version, minReader, err)
		}
	})
}

func TestManyMigrateAtOnce(t *testing.T) {
	onEachEmpty(t, func(t *testing.T, d database, s *Store) {
		var wg sync.WaitGroup
		for _, holder := range []string{"a", "b", "c", "d"} {
			store := d.open(t)
			wg.Go(func() {
				if err := store.Migrate(t.Context(), holder); err != nil {
					t.Errorf("%s: %v", holder, err)
				}
			})
		}
		wg.Wait()
		apply1(t, s, projectOf("p", component("p", "p_c", "image")))
	})
}

// A daemon that dies in the middle of a migration, wherever that is, leaves
// what the next one completes.
func TestMigrationGoesOnAfterADeath(t *testing.T) {
	onEachEmpty(t, func(t *testing.T, d database, s *Store) {
		for _, m := range known(t, s) {
			for n := range m.statements {
				half := m
				half.statements = m.statements[:n+1]
				must(t, s.runStatements(t.Context(), half))
			}
		}
		take(t, s, cluster.RoleMigrate, "a")
		must(t, s.Migrate(t.Context(), "a"))
		apply1(t, s, projectOf("p", component("p", "p_c", "image")))
	})
}

func TestMigrationsFromEveryVersion(t *testing.T) {
	onEachEmpty(t, func(t *testing.T, d database, s *Store) {
		migrations := append(known(t, s), nextRelease(t, s)...)
		for n := 1; n <= len(migrations); n++ {
			must(t, s.migrate(t.Context(), "a", migrations[:n]))
			if version, _, err := s.schemaVersion(t.Context()); err != nil || version != int64(n) {
				t.Fatalf("schema %d, %v, want %d", version, err, n)
			}
		}
		apply1(t, s, projectOf("p", component("p", "p_c", "image")))
	})
}

// nextRelease is what a later release may do to the schema: expand it.
func nextRelease(t *testing.T, s *Store) []migration {
	t.Helper()
	version := int64(len(known(t, s)))
	var out []migration
	for _, text := range []string{
		"-- min_reader: 2\ncreate table if not exists mael_newer (id bigint not null primary key);\n" +
			"alter table mael_component add column mood varchar(191) not null default 'good';\n",
		"-- min_reader: 2\nalter table mael_lease add column since bigint not null default 0;\n" +
			"update mael_component set mood = 'better';\n",
	} {
		version++
		m, err := parseMigration(fmt.Sprintf("%04d_newer.sql", version), text)
		must(t, err)
		out = append(out, m)
	}
	return out
}

// A release of skew: what this one doesn't know of is left alone.
func TestNewerSchema(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		newest := append(known(t, s), nextRelease(t, s)...)
		must(t, s.migrate(t.Context(), "newer", newest))
		must(t, s.Migrate(t.Context(), "older"))
		apply1(t, s, projectOf("p", component("p", "p_c", "image")))
		breaking := migration{version: int64(len(newest)) + 1, name: "0009_breaks", minReader: int64(len(newest)) + 1, checksum: "sum"}
		must(t, s.migrate(t.Context(), "newer", append(newest, breaking)))
		if err := s.Migrate(t.Context(), "older"); err == nil || !strings.Contains(err.Error(), "install the newer release") {
			t.Fatalf("a schema that we can't use: %v", err)
		}
	})
}

// Daemons of this release work on while two of the next one upgrade the schema
// at once, each of which dies once on its way, and after it.
func TestUpgradeUnderLoad(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		hold := take(t, s, cluster.RolePlacement, "old")
		newest := append(known(t, s), nextRelease(t, s)...)
		stop, done := make(chan struct{}), make(chan int)
		go func() {
			n := 0
			defer func() { done <- n }()
			for {
				select {
				case <-stop:
					return
				default:
				}
				n++
				image := fmt.Sprint("image:", n)
				if _, err := s.ApplyProject(t.Context(), request(projectOf("p", component("p", "p_c", image), component("p", "p_"+fmt.Sprint(n), image)))); err != nil {
					t.Error(err)
				}
				if _, err := s.WritePlacements(t.Context(), hold, []cluster.PlacementWrite{insert(place(image, "web", n))}); err != nil {
					t.Error(err)
				}
			}
		}()
		var upgrades sync.WaitGroup
		for _, holder := range []string{"a", "b"} {
			store := d.open(t)
			upgrades.Go(func() {
				half := newest[len(newest)-2]
				half.statements = half.statements[:1]
				if err := store.runStatements(t.Context(), half); err != nil {
					t.Error(err)
				}
				if err := store.migrate(t.Context(), holder, newest); err != nil {
					t.Error(err)
				}
			})
		}
		upgrades.Wait()
		must(t, s.Migrate(t.Context(), "old"))
		close(stop)
		if n := <-done; n == 0 || len(all(t, s).Placements) != n {
			t.Fatalf("%d rounds, %d placements", n, len(all(t, s).Placements))
		}
		apply1(t, s, projectOf("p", component("p", "p_c", "last")))
	})
}

func TestChangedMigrationIsRefused(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		_, err := s.writer.Exec(`update mael_migration set checksum = 'other' where version = 1`)
		must(t, err)
		if err := s.Migrate(t.Context(), "a"); err == nil || !strings.Contains(err.Error(), "0001_lease") {
			t.Fatalf("error %v", err)
		}
	})
}

func TestMigrationThatLosesItsLeaseStops(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		err := s.underLease(t.Context(), "a", func(ctx context.Context, hold cluster.Hold) error {
			take(t, s, cluster.RoleMigrate, "b")
			<-ctx.Done()
			return ctx.Err()
		})
		wantError(t, err, cluster.ErrFenced)
		l, err := s.lease(t.Context(), cluster.RoleMigrate)
		if err != nil || l.Holder != "b" {
			t.Fatalf("lease %+v, %v", l, err)
		}
	})
}

func TestMigrateWaitsForALivingHolder(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		hold := take(t, s, cluster.RoleMigrate, "other")
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() {
			_, err := s.takeMigrate(ctx, "a")
			done <- err
		}()
		must(t, s.GiveLease(t.Context(), hold))
		must(t, <-done)
		take(t, s, cluster.RoleMigrate, "other")
		go func() {
			_, err := s.takeMigrate(ctx, "b")
			done <- err
		}()
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Fatalf("error %v", err)
		}
	})
}

func TestParseMigrationRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"initial.sql":      "-- min_reader: 1\nselect 1;\n",
		"0001_head.sql":    "select 1;\n",
		"0001_reader.sql":  "-- min_reader: one\nselect 1;\n",
		"0001_pending.sql": "-- min_reader: 1\nselect 1;\nselect",
	} {
		if m, err := parseMigration(name, text); err == nil {
			t.Errorf("%s: %+v", name, m)
		}
	}
	files := fstest.MapFS{"sql/x/0002_gap.sql": {Data: []byte("-- min_reader: 1\nselect 1;\n")}}
	if _, err := loadMigrations(files, "x"); err == nil {
		t.Error("a gap in the numbers was accepted")
	}
}
