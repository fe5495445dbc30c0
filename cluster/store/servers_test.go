package store

import (
	"context"
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

	migrate  sync.Once
	from     string // the name of a database that was migrated
	migrated error
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

// template is the name of a database that was migrated. A pooler would hold on
// to its connections, so it has that of its server.
func (l *lazyServer) template() (string, error) {
	if l == &pgbouncer {
		return postgres.template()
	}
	l.migrate.Do(func() {
		server, err := l.running()
		if err == nil {
			l.from, err = server.NewDatabase(context.Background())
		}
		if err == nil {
			err = database{server.Driver, server.DSN(l.from)}.migrate()
		}
		l.migrated = err
	})
	return l.from, l.migrated
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

// migrated makes a database of the kind as a migration leaves it: a copy of one
// that was migrated, where that takes less than to migrate each.
func (k kind) migrated(t testing.TB) database {
	t.Helper()
	if k.server == nil {
		data, err := migratedFile()
		must(t, err)
		d := k.empty(t)
		must(t, os.WriteFile(d.dsn, data, 0o600))
		return d
	}
	s := k.server.get(t)
	if s.Driver == "mysql" {
		d := k.empty(t)
		must(t, d.migrate())
		return d
	}
	from, err := k.server.template()
	must(t, err)
	name, err := s.CopyDatabase(t.Context(), from)
	must(t, err)
	return database{s.Driver, s.DSN(name)}
}

// migratedFile is an SQLite file that was migrated.
var migratedFile = sync.OnceValues(func() (data []byte, err error) {
	dir, err := os.MkdirTemp("", "maelstrom-sqlite-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	d := database{"sqlite", filepath.Join(dir, "maelstrom.db")}
	if err := d.migrate(); err != nil {
		return nil, err
	}
	return os.ReadFile(d.dsn)
})

// migrate leaves nobody connected.
func (d database) migrate() error {
	ctx := context.Background()
	s, err := Open(ctx, Options{Driver: d.driver, DSN: d.dsn})
	if err != nil {
		return err
	}
	return errors.Join(s.Migrate(ctx, "test"), s.Close())
}

// onEachEmpty runs a test against every database, before any migration.
func onEachEmpty(t *testing.T, test func(t *testing.T, d database, s *Store)) {
	on(t, databases, kind.empty, test)
}

func on(t *testing.T, kinds []kind, prepare func(kind, testing.TB) database, test func(t *testing.T, d database, s *Store)) {
	t.Parallel()
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			d := prepare(k, t)
			test(t, d, d.open(t))
		})
	}
}

// onEach runs a test against every database.
func onEach(t *testing.T, test func(t *testing.T, d database, s *Store)) {
	on(t, databases, kind.migrated, test)
}

// onEachDirectly runs a test of much data against every database; a pooler, which
// only passes it on, would take as long again.
func onEachDirectly(t *testing.T, test func(t *testing.T, d database, s *Store)) {
	direct := slices.DeleteFunc(slices.Clone(databases), func(k kind) bool { return k.server == &pgbouncer })
	on(t, direct, kind.migrated, test)
}

// onServer runs a test against every database that is a server.
func onServer(t *testing.T, test func(t *testing.T, d database, s *Store)) {
	on(t, databases[1:], kind.migrated, test)
}
