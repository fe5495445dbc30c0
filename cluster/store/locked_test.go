package store

import (
	"database/sql"
	"path/filepath"
	"testing"
)

// TestALockedFileIsTold: our own writers queue, so what is locked is locked by
// another program, and a transaction has waited for it already.
func TestALockedFileIsTold(t *testing.T) {
	file := filepath.Join(t.TempDir(), "maelstrom.db")
	open := func() *sql.DB {
		db, err := sql.Open("sqlite", file+"?_txlock=immediate&_pragma=busy_timeout(1)")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		return db
	}
	other, err := open().Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer other.Rollback()
	_, err = open().Begin()
	if class := sqliteDialect.classify(err); class != classBusy {
		t.Fatalf("%v is of class %d", err, class)
	}
	s := &Store{dialect: sqliteDialect}
	if !s.again(t.Context(), classBusy, 1) || s.again(t.Context(), classBusy, attemptsBusy) {
		t.Error("a locked file is not given up after a second try")
	}
}
