package store

import (
	"errors"
	flags "flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"maelstrom/cluster/store/storetest"
)

// kind is a database that the contract tests run against.
type kind struct {
	name   string
	server *lazyServer // nil: a file
}

var databases = []kind{{name: "sqlite"}, {"postgres", &postgres}, {"pgbouncer", &pgbouncer}, {"mariadb", &mariadb}}

// The servers of this test run.
var (
	postgres  = lazyServer{start: func() (*storetest.Server, error) { return storetest.StartPostgres() }}
	pgbouncer = lazyServer{start: func() (*storetest.Server, error) {
		server, err := postgres.running()
		if err != nil {
			return nil, err
		}
		return storetest.StartPgBouncer(server)
	}}
	mariadb = lazyServer{start: func() (*storetest.Server, error) { return storetest.StartMariaDB() }}
)

// lazyServer is started when it is first needed.
type lazyServer struct {
	start  func() (*storetest.Server, error)
	once   sync.Once
	server *storetest.Server
	err    error
}

func (l *lazyServer) get(t testing.TB) *storetest.Server {
	t.Helper()
	s, err := l.running()
	must(t, err)
	return s
}

func (l *lazyServer) running() (*storetest.Server, error) {
	l.once.Do(func() { l.server, l.err = l.start() })
	return l.server, l.err
}

func (l *lazyServer) stop() error {
	if l.server == nil {
		return nil
	}
	return l.server.Stop()
}

func TestMain(m *testing.M) {
	if dsn := os.Getenv(applyForeverEnv); dsn != "" {
		applyForever(dsn)
	}
	if dsn := os.Getenv(freezeEnv); dsn != "" {
		writeSlowly(dsn)
	}
	flags.Parse()
	// Many tests wait for a server; flags given win.
	if !slices.ContainsFunc(os.Args, func(a string) bool { return strings.HasPrefix(a, "-test.parallel=") }) {
		_ = flags.Set("test.parallel", "8")
	}
	code := m.Run()
	if err := errors.Join(pgbouncer.stop(), postgres.stop(), mariadb.stop(), durable[1].server.stop(), durable[2].server.stop()); err != nil {
		fmt.Fprintln(os.Stderr, "stop servers:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// empty makes a database of the kind, without a schema.
func (k kind) empty(t testing.TB) database {
	t.Helper()
	if k.server == nil {
		return database{"sqlite", filepath.Join(t.TempDir(), "maelstrom.db")}
	}
	s := k.server.get(t)
	name, err := s.NewDatabase(t.Context())
	must(t, err)
	return database{s.Driver, s.DSN(name)}
}

// onEachEmpty runs a test against every database, before any migration.
func onEachEmpty(t *testing.T, test func(t *testing.T, d database, s *Store)) {
	on(t, databases, test)
}

func on(t *testing.T, kinds []kind, test func(t *testing.T, d database, s *Store)) {
	t.Parallel()
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			d := k.empty(t)
			test(t, d, d.open(t))
		})
	}
}

// onEach runs a test against every database.
func onEach(t *testing.T, test func(t *testing.T, d database, s *Store)) {
	onEachEmpty(t, migrated(test))
}

// onEachDirectly runs a test of much data against every database; a pooler, which
// only passes it on, would take as long again.
func onEachDirectly(t *testing.T, test func(t *testing.T, d database, s *Store)) {
	direct := slices.DeleteFunc(slices.Clone(databases), func(k kind) bool { return k.server == &pgbouncer })
	on(t, direct, migrated(test))
}

// onServer runs a test against every database that is a server.
func onServer(t *testing.T, test func(t *testing.T, d database, s *Store)) {
	on(t, databases[1:], migrated(test))
}

func migrated(test func(t *testing.T, d database, s *Store)) func(*testing.T, database, *Store) {
	return func(t *testing.T, d database, s *Store) {
		must(t, s.Migrate(t.Context(), "test"))
		test(t, d, s)
	}
}
