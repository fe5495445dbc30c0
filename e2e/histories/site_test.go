package histories

import (
	"context"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"maelstrom/cluster/store"
	"maelstrom/cluster/store/storetest"
)

// site is a database with its clients.
type site interface {
	// ledger returns the store of the client of a number.
	ledger(n int) ledger

	// process returns the client that is a process of its own, or nil.
	process() *process

	// disturb makes the faults of a history until ctx ends. They are over when
	// it returns.
	disturb(ctx context.Context, t *testing.T, w *world)

	// between makes the faults that need clients to be at rest.
	between(t *testing.T, w *world)
}

func openStore(t *testing.T, driver, dsn string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), store.Options{Driver: driver, DSN: dsn})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// embedded is an SQLite file: all clients are in one process and share its store.
type embedded struct {
	path  string
	store *store.Store
}

func openEmbedded(t *testing.T) *embedded {
	t.Helper()
	e := &embedded{path: filepath.Join(t.TempDir(), "maelstrom.db")}
	e.store = openStore(t, "sqlite", e.path)
	t.Cleanup(func() {
		if err := e.store.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := e.store.Migrate(t.Context(), "test"); err != nil {
		t.Fatal(err)
	}
	return e
}

func (e *embedded) ledger(int) ledger { return e.store }
func (e *embedded) process() *process { return nil }

func (e *embedded) disturb(ctx context.Context, _ *testing.T, _ *world) { <-ctx.Done() }

// between closes the file and opens it again.
func (e *embedded) between(t *testing.T, w *world) {
	if !w.faults.restart {
		return
	}
	if err := e.store.Close(); err != nil {
		t.Error(err)
	}
	e.store = openStore(t, "sqlite", e.path)
}

// server is a database server. Each client has a store, and its way to the
// server, of its own, as nodes have.
type server struct {
	*storetest.Server
	proxies []*proxy
	stores  []*store.Store
	client  *process
}

// openServer opens a new database of a server.
func openServer(t *testing.T, running *storetest.Server) *server {
	t.Helper()
	name, err := running.NewDatabase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s := &server{Server: running}
	way := func() string {
		p := startProxy(t, running.Address)
		s.proxies = append(s.proxies, p)
		return running.DSNAt(p.address, name)
	}
	for range storeCount {
		one := openStore(t, running.Driver, way())
		t.Cleanup(func() {
			if err := one.Close(); err != nil {
				t.Error(err)
			}
		})
		s.stores = append(s.stores, one)
	}
	s.client = startProcess(t, running.Driver, way())
	if err := s.stores[0].Migrate(t.Context(), "test"); err != nil {
		t.Fatal(err)
	}
	return s
}

// storeCount is how many nodes a database server has, beside the process.
const storeCount = 4

func (s *server) ledger(n int) ledger { return s.stores[n%len(s.stores)] }
func (s *server) process() *process   { return s.client }

// clientProxy is the process's way to the server.
func (s *server) clientProxy() *proxy { return s.proxies[len(s.proxies)-1] }

func (s *server) disturb(ctx context.Context, t *testing.T, w *world) {
	random := w.rand(faultStream)
	for i, p := range s.proxies {
		p.follow(w.faults.cutter(w.rand(faultStream + 1 + uint64(i))))
	}
	if w.faults.restart {
		pause(ctx, time.Duration(random.Int64N(int64(100*time.Millisecond))))
		s.restart(t, w)
	}
	for w.faults.freezes && ctx.Err() == nil {
		pause(ctx, time.Duration(random.Int64N(int64(30*time.Millisecond))))
		s.freezeClient(ctx, t, random)
	}
	<-ctx.Done()
	cuts := 0
	for _, p := range s.proxies {
		p.follow(nil)
		cuts += p.takeCuts()
	}
	if w.faults.doubt > 0 && cuts == 0 {
		t.Error("no connection was cut")
	}
}

func (s *server) between(*testing.T, *world) {}

func (s *server) freezeClient(ctx context.Context, t *testing.T, random *rand.Rand) {
	if err := s.client.freeze(); err != nil {
		t.Error(err)
	}
	pause(ctx, time.Duration(random.Int64N(int64(60*time.Millisecond))))
	if err := s.client.thaw(); err != nil {
		t.Error(err)
	}
}

func (s *server) restart(t *testing.T, w *world) {
	w.gate.shut()
	defer w.gate.reopen()
	if err := s.Pause(); err != nil {
		t.Error(err)
	}
	if err := s.Resume(); err != nil {
		t.Error(err)
	}
}
