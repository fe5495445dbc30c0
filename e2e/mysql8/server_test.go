package mysql8

import (
	"io"
	"net"
	"path/filepath"
	"testing"

	sqle "github.com/dolthub/go-mysql-server"
	"github.com/dolthub/go-mysql-server/memory"
	"github.com/dolthub/go-mysql-server/server"
	"github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/types"
	"github.com/sirupsen/logrus"

	"maelstrom/cluster/store"
)

// start starts a server with an empty database and returns its DSN.
func start(t *testing.T) string {
	t.Helper()
	logrus.SetOutput(io.Discard) // it warns of what MySQL doesn't know in it
	db := memory.NewDatabase("maelstrom")
	db.EnablePrimaryKeyIndexes()
	provider := memory.NewDBProvider(db)
	engine := sqle.NewDefault(provider)
	// To MySQL 8 it is a variable of sessions too, with this range.
	sql.SystemVariables.AddSystemVariables([]sql.SystemVariable{&sql.MysqlSystemVariable{
		Name: "innodb_lock_wait_timeout", Scope: sql.GetMysqlScope(sql.SystemVariableScope_Both), Dynamic: true,
		Type: types.NewSystemIntType("innodb_lock_wait_timeout", 1, 1073741824, false), Default: int64(50),
	}})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	s, err := server.NewServer(server.Config{Protocol: "tcp", Listener: listener}, engine, sql.NewContext, memory.NewSessionBuilder(provider), nil)
	must(t, err)
	done := make(chan error)
	go func() { done <- s.Start() }()
	t.Cleanup(func() {
		must(t, s.Close())
		must(t, <-done)
	})
	return "root@tcp(" + listener.Addr().String() + ")/maelstrom"
}

func open(t *testing.T, driver, dsn string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), store.Options{Driver: driver, DSN: dsn})
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	must(t, s.Migrate(t.Context(), "a"))
	return s
}

// file opens an SQLite database, which the same calls must treat alike.
func file(t *testing.T) *store.Store {
	t.Helper()
	return open(t, "sqlite", filepath.Join(t.TempDir(), "maelstrom.db"))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
