package storetest

import (
	"database/sql"
	"path/filepath"
	"testing"
)

// A server that starts removes the temporary tables that it finds, in use or
// not. Many are started side by side.
func TestMariaDBHasTemporaryTablesOfItsOwn(t *testing.T) {
	s, err := StartMariaDB()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	db, err := sql.Open(s.Driver, s.DSN("mysql"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var data, temporary string
	if err := db.QueryRowContext(t.Context(), "select @@datadir, @@tmpdir").Scan(&data, &temporary); err != nil {
		t.Fatal(err)
	}
	if filepath.Dir(filepath.Clean(data)) != filepath.Clean(temporary) {
		t.Errorf("data in %s, temporary tables in %s", data, temporary)
	}
}
