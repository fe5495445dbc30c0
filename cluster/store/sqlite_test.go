package store

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"maelstrom/cluster"
)

// file is an SQLite database, migrated.
func file(t *testing.T, name string) (*Store, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	s := database{"sqlite", path}.open(t)
	must(t, s.Migrate(t.Context(), "test"))
	return s, path
}

func TestFileIsPrivateWhateverItsName(t *testing.T) {
	for _, name := range []string{"maelstrom.db", "with blank # % & ü.db"} {
		s, path := file(t, name)
		apply1(t, s, projectOf("p", component("p", "p_c", "image")))
		for _, suffix := range []string{"", "-wal", "-shm"} {
			info, err := os.Stat(path + suffix)
			must(t, err)
			if info.Mode().Perm() != 0o600 {
				t.Errorf("%s has mode %v", info.Name(), info.Mode())
			}
		}
		entries, err := os.ReadDir(filepath.Dir(path))
		must(t, err)
		if len(entries) != 3 {
			t.Errorf("%v", entries)
		}
	}
}

func TestExistingFileBecomesPrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	must(t, os.WriteFile(path, nil, 0o644))
	s := database{"sqlite3", "file:" + path + "?cache=shared"}.open(t)
	must(t, s.Migrate(t.Context(), "test"))
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info.Mode(), err)
	}
}

func TestSettings(t *testing.T) {
	s, _ := file(t, "x.db")
	for query, want := range map[string]string{
		`pragma journal_mode`: "wal", `pragma synchronous`: "1", `pragma busy_timeout`: "5000",
	} {
		var got string
		must(t, s.writer.QueryRow(query).Scan(&got))
		if got != want {
			t.Errorf("%s = %s, want %s", query, got, want)
		}
	}
	if _, err := s.reader.Exec(`delete from mael_lease`); err == nil {
		t.Error("the pool for reads can write")
	}
}

func TestDurableOnlyWhereSomebodyWasTold(t *testing.T) {
	s, _ := file(t, "x.db")
	synchronous := func(tx *tx) (mode int) {
		must(t, tx.row(t.Context(), `pragma synchronous`).Scan(&mode))
		return mode
	}
	for _, durable := range []bool{true, false, true, false} {
		var mode int
		_, err := s.write(t.Context(), writeOptions{durable: durable}, func(tx *tx) error {
			mode = synchronous(tx)
			return nil
		})
		must(t, err)
		if want := map[bool]int{true: 2, false: 1}[durable]; mode != want {
			t.Errorf("durable %v: synchronous = %d", durable, mode)
		}
	}
}

// What writes nothing leaves every byte as it was.
func TestReadsAndEmptyWritesLeaveTheFileAlone(t *testing.T) {
	s, path := file(t, "x.db")
	p := projectOf("p", component("p", "p_c", "image"), route("p", "p_r", "p_c", "host"))
	apply1(t, s, p)
	_, err := s.ClusterID(t.Context())
	must(t, err)
	before := contents(t, path)
	if _, err := s.LoadProject(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	apply1(t, s, p)
	all(t, s)
	number(t, s)
	_, err = s.SetEventSourcesEnabled(t.Context(), []string{"p_r"}, true)
	must(t, err)
	_, err = s.WritePlacements(t.Context(), cluster.Hold{}, nil)
	must(t, err)
	must(t, s.WriteInstances(t.Context(), "a", 1, nil, nil))
	must(t, s.Migrate(t.Context(), "test"))
	_, err = s.ClusterID(t.Context())
	must(t, err)
	for _, read := range []func() error{
		func() error { _, err := s.Leases(t.Context()); return err },
		func() error { _, err := s.Tokens(t.Context()); return err },
		func() error { _, err := s.Nodes(t.Context()); return err },
		func() error { _, err := s.InstanceLists(t.Context()); return err },
		func() error { _, err := s.LastFirings(t.Context(), "x", 1); return err },
		func() error { _, err := s.Revisions(t.Context(), "p", 1); return err },
	} {
		must(t, read())
	}
	if after := contents(t, path); !bytes.Equal(before, after) {
		t.Fatal("the file has changed")
	}
	apply1(t, s, projectOf("p", component("p", "p_c", "image:2")))
	if after := contents(t, path); bytes.Equal(before, after) {
		t.Fatal("a change does not show in the files that are compared")
	}
}

// contents are the bytes of a database and its write-ahead log.
func contents(t *testing.T, path string) []byte {
	t.Helper()
	a, err := os.ReadFile(path)
	must(t, err)
	b, err := os.ReadFile(path + "-wal")
	must(t, err)
	return append(a, b...)
}

func TestBackup(t *testing.T) {
	s, path := file(t, "x.db")
	apply1(t, s, projectOf("p", component("p", "p_c", "image")))
	copied := filepath.Join(filepath.Dir(path), "it's a copy.db")
	must(t, s.Backup(t.Context(), copied))
	if info, err := os.Stat(copied); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info, err)
	}
	apply1(t, s, projectOf("p", component("p", "p_c", "later")))
	if err := s.Backup(t.Context(), copied); !errors.Is(err, fs.ErrExist) {
		t.Fatalf("written over: %v", err)
	}
	other := database{"sqlite", copied}.open(t)
	must(t, other.Migrate(t.Context(), "test"))
	if got := all(t, other).Components["p_c"].Spec.Image; got != "image" {
		t.Fatalf("the copy has %s", got)
	}
	if err := s.Backup(t.Context(), filepath.Join(t.TempDir(), "missing", "x.db")); err == nil {
		t.Fatal("a copy in a missing directory")
	}
}

func TestBackupOfAServerIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	s := database{"postgres", "postgres://x@127.0.0.1:1/x"}.open(t)
	if err := s.Backup(t.Context(), path); err == nil {
		t.Fatal("accepted")
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("something was made: %v", err)
	}
}

// The embedded database keeps the time of the tests that need it to.
func TestStoreInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := Open(t.Context(), Options{Driver: "sqlite", DSN: filepath.Join(t.TempDir(), "x.db")})
		must(t, err)
		must(t, s.Migrate(t.Context(), "test"))
		epoch, err := s.JoinNode(t.Context(), cluster.Node{ID: "a"})
		must(t, err)
		joined := node(t, s, "a").SeenAt
		for range 60 {
			<-time.After(time.Minute)
			must(t, s.WriteNode(t.Context(), cluster.Node{ID: "a", Epoch: epoch, State: cluster.NodeUp, StartedAt: joined}))
		}
		if got := node(t, s, "a").SeenAt.Sub(joined); got != time.Hour {
			t.Errorf("an hour took %v", got)
		}
		if stats := s.Stats(); stats.Rows["mael_node"] != 61 || stats.Rows["mael_change"] != 1 {
			t.Errorf("an idle hour wrote %v", stats.Rows)
		}
		// Another daemon holds the lease and is silent: it is waited for.
		take(t, s, cluster.RoleMigrate, "other")
		start := time.Now()
		if _, err := s.takeMigrate(t.Context(), "a"); err != nil || time.Since(start) < leaseTime || time.Since(start) > leaseTime+leaseLook {
			t.Errorf("taken after %v, %v", time.Since(start), err)
		}
		must(t, s.Close())
	})
}

func TestCancelledWriteWritesNothing(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		ctx, cancel := context.WithCancel(t.Context())
		_, err := s.write(ctx, writeOptions{}, func(tx *tx) error {
			tx.changed(cluster.ChangeNode, "x")
			cancel()
			return nil
		})
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("error %v", err)
		}
		if n := number(t, s); n != 0 {
			t.Fatalf("number %d", n)
		}
		apply1(t, s, projectOf("p", component("p", "p_c", "image")))
	})
}
