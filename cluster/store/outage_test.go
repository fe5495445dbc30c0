package store

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"maelstrom/cluster"
	"maelstrom/cluster/roles"
	"maelstrom/cluster/store/storetest"
)

// outagePatience bounds how long things may take to notice an outage, and to
// go on after it.
const outagePatience = 10 * time.Second

// member is what of a daemon depends on the database.
type member struct {
	feed   *cluster.Feed
	keeper *roles.Keeper
}

// join runs a feed and a keeper of one role on a store until the test ends.
func join(t *testing.T, s *Store) member {
	t.Helper()
	m := member{cluster.NewFeed(s, cluster.FeedOptions{}), roles.New(s, roles.Options{Node: "a"})}
	m.keeper.Add(cluster.RolePlacement, func(ctx context.Context, _ cluster.Hold) error {
		<-ctx.Done()
		return ctx.Err()
	})
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { m.feed.Run(ctx) })
	running.Go(func() { m.keeper.Run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })
	return m
}

// eventually waits for a state that has to come by itself.
func eventually(t *testing.T, what string, reached func() bool) {
	t.Helper()
	deadline, tick := time.After(outagePatience), time.NewTicker(5*time.Millisecond)
	defer tick.Stop()
	for !reached() {
		select {
		case <-deadline:
			t.Fatalf("%s: not within %v", what, outagePatience)
		case <-tick.C:
		}
	}
}

func (m member) healthy() bool {
	err, _ := m.feed.Health()
	_, held := m.keeper.Hold(cluster.RolePlacement)
	return err == nil && held && m.feed.Snapshot().Number > 0
}

// away: the feed says so, and the role is no longer acted on.
func (m member) away() bool {
	err, _ := m.feed.Health()
	_, held := m.keeper.Hold(cluster.RolePlacement)
	return err != nil && !held
}

// writes checks that the role's holder can write, and that the feed sees it.
func (m member) writes(t *testing.T, s *Store, id string) {
	t.Helper()
	hold, held := m.keeper.Hold(cluster.RolePlacement)
	if !held {
		t.Fatal("role is not held")
	}
	write(t, s, hold, insert(place(id, id, 0)))
	eventually(t, "feed sees the write", func() bool { return m.feed.Snapshot().Placements.Len() > 0 && m.seen(id) })
}

func (m member) seen(id string) bool {
	_, ok := m.feed.Snapshot().Placements.Get(id)
	return ok
}

// outage takes the database away with lose, and gives it back with find.
func outage(t *testing.T, d database, proxy *storetest.Proxy, lose, find func()) {
	t.Helper()
	s := d.open(t)
	must(t, s.Migrate(t.Context(), "test"))
	apply1(t, s, projectOf("p", component("p", "p_c", "image")))
	m := join(t, s)
	eventually(t, "start", m.healthy)
	m.writes(t, s, "before")
	dials, since := proxy.Dials(), time.Now()
	lose()
	eventually(t, "outage is noticed", m.away)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err := s.WritePlacements(ctx, cluster.Hold{Role: cluster.RolePlacement, Holder: "a"}, []cluster.PlacementWrite{insert(place("during", "web", 0))})
	if err == nil || errors.Is(err, cluster.ErrConflict) || errors.Is(err, cluster.ErrFenced) {
		t.Errorf("write without a database: %v", err)
	}
	// Each loop connects a few times a second at most.
	if n, seconds := proxy.Dials()-dials, time.Since(since)/time.Second+1; n > 20*int(seconds)+50 {
		t.Errorf("%d connections within %d seconds", n, seconds)
	}
	find()
	eventually(t, "recovery", m.healthy)
	m.writes(t, s, "after")
}

// The server goes away, and is found at another address.
func TestFailover(t *testing.T) {
	behindProxies(t, func(t *testing.T, d database, proxy *storetest.Proxy) {
		second := proxyTo(t, proxy.Target())
		outage(t, d, proxy, proxy.Sever, func() { proxy.MoveTo(second.Address) })
	})
}

// The network between swallows everything: nobody ever hears that a
// connection is gone.
func TestFailoverFromAServerThatHangs(t *testing.T) {
	behindProxies(t, func(t *testing.T, d database, proxy *storetest.Proxy) {
		second := proxyTo(t, proxy.Target())
		outage(t, d, proxy, proxy.Freeze, func() { proxy.MoveTo(second.Address) })
	})
}

// A server that stops is an error soon, not a hang, and no error once it is
// back: no connection of before is in the way.
func TestServerThatRestarts(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(...string) (*storetest.Server, error){
		"postgres": storetest.StartPostgres, "mariadb": storetest.StartMariaDB,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, err := start()
			must(t, err)
			t.Cleanup(func() { must(t, server.Stop()) })
			name, err := server.NewDatabase(t.Context())
			must(t, err)
			proxy := proxyTo(t, server.Address)
			outage(t, database{server.Driver, server.DSNAt(proxy.Address, name)}, proxy,
				func() { must(t, server.Pause()) }, func() { must(t, server.Resume()) })
		})
	}
}

// A pooler that restarts before a server that doesn't.
func TestPoolerThatRestarts(t *testing.T) {
	t.Parallel()
	pooler, err := storetest.StartPgBouncer(postgres.get(t))
	must(t, err)
	t.Cleanup(func() { must(t, pooler.Stop()) })
	name, err := pooler.NewDatabase(t.Context())
	must(t, err)
	proxy := proxyTo(t, pooler.Address)
	outage(t, database{pooler.Driver, pooler.DSNAt(proxy.Address, name)}, proxy,
		func() { must(t, pooler.Kill()) }, func() { must(t, pooler.Resume()) })
}

// A connection that leads to a replica is not used again.
func TestReplicaIsLeft(t *testing.T) {
	t.Parallel()
	server, err := storetest.StartPostgres()
	must(t, err)
	t.Cleanup(func() { must(t, server.Stop()) })
	name, err := server.NewDatabase(t.Context())
	must(t, err)
	s := database{server.Driver, server.DSN(name)}.open(t)
	must(t, s.Migrate(t.Context(), "test"))
	hold := take(t, s, cluster.RolePlacement, "a")
	must(t, server.Pause())
	must(t, server.Demote())
	must(t, server.Resume())
	if n := number(t, s); n != 0 || s.writer.Stats().Idle == 0 {
		t.Fatalf("number %d, %+v", n, s.writer.Stats())
	}
	_, err = s.WritePlacements(t.Context(), hold, []cluster.PlacementWrite{insert(place("x", "web", 0))})
	if s.dialect.classify(err) != classLost || s.writer.Stats().Idle > 0 {
		t.Fatalf("write to a replica: %v, %+v", err, s.writer.Stats())
	}
	number(t, s)
	if _, err := s.RenewLeases(t.Context(), "a", []cluster.Hold{hold}); s.dialect.classify(err) != classLost || s.writer.Stats().Idle > 0 {
		t.Fatalf("renewal at a replica: %v, %+v", err, s.writer.Stats())
	}
	_, err = s.reader.ExecContext(t.Context(), `select pg_promote()`)
	must(t, err)
	write(t, s, hold, insert(place("x", "web", 0)))
}

// MariaDB's replicas answer as read-only transactions do, and once.
func TestReadOnlySessionIsLeft(t *testing.T) {
	t.Parallel()
	d := kind{"mariadb", &mariadb}.empty(t)
	s := d.open(t)
	must(t, s.Migrate(t.Context(), "test"))
	hold := take(t, s, cluster.RolePlacement, "a")
	conn, err := s.writer.Conn(t.Context())
	must(t, err)
	_, err = conn.ExecContext(t.Context(), `set session transaction read only`)
	must(t, err)
	must(t, conn.Close())
	write(t, s, hold, insert(place("x", "web", 0)))
}
