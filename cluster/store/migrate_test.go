package store

import (
	"context"
	"errors"
	"regexp"
	"slices"
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
	onEach(t, func(t *testing.T, d database, s *Store) {
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

func TestMigrationGoesOnAfterADeath(t *testing.T) {
	onEachEmpty(t, func(t *testing.T, d database, s *Store) {
		migrations := known(t, s)
		must(t, s.runStatements(t.Context(), migrations[0]))
		// A daemon died in the middle of the second, and is back.
		take(t, s, cluster.RoleMigrate, "a")
		half := migrations[1]
		half.statements = half.statements[:5]
		must(t, s.runStatements(t.Context(), half))
		must(t, s.Migrate(t.Context(), "a"))
		apply1(t, s, projectOf("p", component("p", "p_c", "image")))
	})
}

func TestMigrationsFromEveryVersion(t *testing.T) {
	onEachEmpty(t, func(t *testing.T, d database, s *Store) {
		migrations := known(t, s)
		for n := 1; n <= len(migrations); n++ {
			must(t, s.migrate(t.Context(), "a", migrations[:n]))
			if version, _, err := s.schemaVersion(t.Context()); err != nil || version != int64(n) {
				t.Fatalf("schema %d, %v, want %d", version, err, n)
			}
		}
		apply1(t, s, projectOf("p", component("p", "p_c", "image")))
	})
}

func TestNewerSchema(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		newer := migration{version: 3, name: "0003_newer", minReader: 2, checksum: "sum",
			statements: []string{`create table if not exists mael_newer (id bigint not null primary key)`}}
		ours := known(t, s)
		must(t, s.migrate(t.Context(), "newer", append(slices.Clone(ours), newer)))
		// A release of skew: what we don't know is left alone.
		must(t, s.Migrate(t.Context(), "older"))
		apply1(t, s, projectOf("p", component("p", "p_c", "image")))
		newer.version, newer.name, newer.minReader = 4, "0004_breaks", 4
		all := append(slices.Clone(ours), migration{version: 3, name: "0003_newer", minReader: 2, checksum: "sum"}, newer)
		must(t, s.migrate(t.Context(), "newer", all))
		if err := s.Migrate(t.Context(), "older"); err == nil || !strings.Contains(err.Error(), "install the newer release") {
			t.Fatalf("a schema that we can't use: %v", err)
		}
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

// The dialects agree on tables, columns, keys and what can be null.
func TestDialectsAgree(t *testing.T) {
	want := shape(t, "sqlite")
	for _, dialect := range []string{"postgres", "mysql"} {
		got := shape(t, dialect)
		if !slices.Equal(got, want) {
			t.Errorf("%s differs from sqlite:\n%s\n\n%s", dialect, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	if len(want) < 16 {
		t.Fatalf("only %d statements were read", len(want))
	}
}

var (
	columnTypes = regexp.MustCompile(`\b(varchar\(191\) collate "C"|varbinary\(191\)|bigint|integer|mediumtext|text)`)
	tableEnd    = regexp.MustCompile(`\) engine=InnoDB default character set utf8mb4 collate utf8mb4_bin$`)
	innerIndex  = regexp.MustCompile(`, index (\w+) (\([^)]*\))`)
)

// shape is the schema of a dialect with types and other accents taken out.
func shape(t *testing.T, dialect string) []string {
	t.Helper()
	migrations, err := loadMigrations(schemas.SQL, dialect)
	must(t, err)
	var out []string
	for _, m := range migrations {
		out = append(out, m.name)
		for _, s := range m.statements {
			s = strings.Join(strings.Fields(tableEnd.ReplaceAllString(s, ")")), " ")
			s = strings.NewReplacer(" from dual", "", "( ", "(", " )", ")").Replace(columnTypes.ReplaceAllString(s, "T"))
			if table := strings.Fields(s)[5]; strings.HasPrefix(s, "create table") {
				for _, index := range innerIndex.FindAllStringSubmatch(s, -1) {
					out = append(out, "create index if not exists "+index[1]+" on "+table+" "+index[2])
				}
			}
			out = append(out, innerIndex.ReplaceAllString(s, ""))
		}
	}
	slices.Sort(out)
	return out
}
