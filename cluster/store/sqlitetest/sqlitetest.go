// Package sqlitetest gives tests SQLite databases that have their tables.
package sqlitetest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"maelstrom/cluster/store"
)

// Open opens a database of the test's own, and closes it when the test ends.
func Open(t testing.TB) *store.Store {
	t.Helper()
	path := filepath.Join(t.TempDir(), "maelstrom.db")
	if err := Write(path); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.Context(), store.Options{Driver: "sqlite", DSN: path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// Write makes the file of a database.
func Write(path string) error {
	data, err := migrated()
	if err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o600)
}

// migrated is a file that was migrated. To migrate takes much longer than to
// write what comes of it.
var migrated = sync.OnceValues(func() (data []byte, err error) {
	dir, err := os.MkdirTemp("", "maelstrom-sqlite-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	ctx, path := context.Background(), filepath.Join(dir, "maelstrom.db")
	s, err := store.Open(ctx, store.Options{Driver: "sqlite", DSN: path})
	if err != nil {
		return nil, err
	}
	if err := errors.Join(s.Migrate(ctx, "test"), s.Close()); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})
