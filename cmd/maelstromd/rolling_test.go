package main

import (
	"cmp"
	"database/sql"
	"flag"
	"maps"
	"os"
	"slices"
	"syscall"
	"testing"
	"time"

	"maelstrom/cluster"
	"maelstrom/cluster/store/storetest"
)

var (
	rollingRate   = flag.Int("rolling.rate", 30, "requests a second while the nodes of a cluster are restarted, for each of four ways: through HAProxy and directly, to an instance on each node and to one")
	rollingRounds = flag.Int("rolling.rounds", 1, "how often all nodes are restarted, upgraded and downgraded")
	rollingServer = flag.String("rolling.server", "", "database of the nodes that are restarted, upgraded and downgraded: postgres or mariadb; without it, restarts have the one and upgrades the other")
)

// rolling is a cluster of three nodes under load, through HAProxy and directly.
type rolling struct {
	t       *testing.T
	driver  string
	dsn     string
	nodes   []*node
	through *balancer
	loads   map[string]*arrivals
	started []*history // of the containers of each node
}

// rollingHost is asked for the component that runs on each node; oneHost, for
// the one that has one instance, which the other nodes reach through its node.
const (
	rollingHost = "web.localhost"
	oneHost     = "one.localhost"
)

// rollingRest is how long a client that asks nodes itself may leave a connection
// by HTTP/1.1 unused: a node that is upgraded tells clients for longer than that
// to leave, so that none of what it closes then is one that they would use.
const rollingRest = 2 * time.Second

// rollingOn is what starts the database that the flag names; usual: without it.
func rollingOn(t *testing.T, usual string) func() (*storetest.Server, error) {
	t.Helper()
	name := cmp.Or(*rollingServer, usual)
	start := servers[name]
	if start == nil {
		t.Fatalf("-rolling.server %s: there are %v", name, slices.Sorted(maps.Keys(servers)))
	}
	return start
}

// newRolling starts a cluster whose nodes each run an instance of a component,
// and one of them that of another, with HAProxy in front.
func newRolling(t *testing.T, start func() (*storetest.Server, error), certificate string) *rolling {
	t.Helper()
	server, dsn := emptyDatabase(t, start)
	r := &rolling{t: t, driver: server.Driver, dsn: dsn, loads: map[string]*arrivals{}}
	for range 3 {
		_, env := peerEnv(t, "MAEL_SQL_DRIVER="+server.Driver, "MAEL_SQL_DSN="+dsn, "MAEL_TOTAL_MEMORY=1024",
			"MAEL_SHUTDOWN_PAUSE_SECONDS=2", "MAEL_TRUSTED_PROXIES=127.0.0.0/8", "MAEL_LOG_LEVEL=info")
		n := prepareNode(t, env...)
		n.turnTo(os.Args[0])
		n.start()
		r.nodes = append(r.nodes, n)
		r.started = append(r.started, n.engine.watch(t, n.id))
	}
	t.Cleanup(r.stop)
	r.awaitAll()
	first := r.nodes[0]
	w, one := release(t, "first", "mininstances: 3", "maxinstancespernode: 1"), release(t, "first", "mininstances: 1", "maxinstances: 1")
	one.name = "one"
	first.apply(projectOf("steady", w, one))
	for _, n := range r.nodes {
		n.await("an instance on each node", patience, func() bool {
			return len(n.placedOn("steady_web")) == len(r.nodes) && len(n.placedOn("steady_one")) == 1
		})
	}
	var addresses []string
	for _, n := range r.nodes {
		addresses = append(addresses, n.publicAddress())
	}
	r.through = balance(t, certificate, addresses...)
	return r
}

// load puts both components under load, through HAProxy and directly.
func (r *rolling) load() {
	r.t.Helper()
	nodes := choose(r.t, r.nodes...)
	for name, host := range map[string]string{"an instance on each node": rollingHost, "one instance": oneHost} {
		r.loads[name+", through HAProxy"] = r.arriveThrough(host)
		r.loads[name+", directly"] = arriveBy(r.t, *rollingRate, host,
			nodes.over(func(address string) exchanger {
				kept := newKeptConns(address, keptLimit)
				kept.rest = rollingRest
				return kept
			}),
			nodes.over(func(address string) exchanger { return newMuxConns(address, muxLimit) }))
	}
	r.awaitMore()
}

func (r *rolling) arriveThrough(host string) *arrivals {
	return arriveBy(r.t, *rollingRate, host, newKeptConns(r.through.address(), keptLimit), newMuxConns(r.through.address(), muxLimit))
}

// awaitMore waits for a second's answers of each load.
func (r *rolling) awaitMore() {
	r.t.Helper()
	for _, load := range r.loads {
		load.awaitMore(r.nodes[0], *rollingRate)
	}
}

// awaitAll waits until each node knows that all are up.
func (r *rolling) awaitAll() {
	r.t.Helper()
	for _, n := range r.nodes {
		for _, other := range r.nodes {
			n.await("node "+other.id, steadyPatience, func() bool { return n.nodeRow(other.id).State == cluster.NodeUp })
		}
	}
}

// turnTo makes a program the one that this node is started from, by a symbolic
// link.
func (n *node) turnTo(program string) {
	n.t.Helper()
	if n.program == os.Args[0] {
		n.program = n.dir + "-maelstromd"
		n.t.Cleanup(func() { os.Remove(n.program) })
	} else if err := os.Remove(n.program); err != nil {
		n.t.Fatal(err)
	}
	if err := os.Symlink(program, n.program); err != nil {
		n.t.Fatal(err)
	}
}

// stop tells all nodes to end at once, each of which takes its time.
func (r *rolling) stop() {
	for _, n := range r.nodes {
		if !n.hasExited() {
			n.signal(syscall.SIGTERM)
		}
	}
}

// check ends the load: no request has failed, and no container was started but
// the first.
func (r *rolling) check() {
	r.t.Helper()
	for name, load := range r.loads {
		r.t.Run(name, func(t *testing.T) { load.check(t, nil) })
	}
	total := 0
	for _, seen := range r.started {
		total += seen.starts("")
	}
	if want := len(r.nodes) + 1; total != want {
		r.t.Errorf("%d containers were started, want %d", total, want)
	}
}

// A node after the other is stopped and started: the load balancer, and clients
// that look for themselves, go elsewhere first.
func TestARollingRestartFailsNoRequest(t *testing.T) {
	t.Parallel()
	r := newRolling(t, rollingOn(t, "postgres"), "")
	r.load()
	for range *rollingRounds {
		for i, n := range r.nodes {
			n.signal(syscall.SIGTERM)
			if code := n.awaitExit(); code != 0 {
				t.Fatalf("exit code %d\n%s", code, n.log.tail(20))
			}
			n.start()
			r.through.await(i, "UP")
			r.awaitAll()
			r.awaitMore()
		}
	}
	r.check()
}

// All nodes are upgraded in place, one after the other, to a release that
// migrates the database, and go back to the one before. On MariaDB each statement
// of a migration counts at once, by itself.
func TestARollingUpgradeAndDowngradeFailNoRequest(t *testing.T) {
	t.Parallel()
	next := nextProgram(t)
	r := newRolling(t, rollingOn(t, "mariadb"), "")
	r.load()
	schema := r.schema()
	for range *rollingRounds {
		for _, to := range []struct{ program, version string }{{next, nextVersion}, {os.Args[0], version}} {
			for i, n := range r.nodes {
				n.turnTo(to.program)
				served := n.log.count("msg=serving ")
				n.signal(syscall.SIGUSR2)
				n.await("the other release", steadyPatience, func() bool { return n.log.count("msg=serving ") == served+1 })
				r.through.await(i, "UP")
				r.awaitAll()
				r.awaitMore()
				if got := n.nodeRow(n.id).Version; got != to.version {
					t.Errorf("node %d is of release %q, want %q", i+1, got, to.version)
				}
			}
		}
	}
	r.check()
	if now := r.schema(); now != schema+1 {
		t.Errorf("schema %d became %d", schema, now)
	}
}

// schema is the version of the database's tables.
func (r *rolling) schema() (version int) {
	r.t.Helper()
	db, err := sql.Open(r.driver, r.dsn)
	if err == nil {
		defer db.Close()
		err = db.QueryRowContext(r.t.Context(), `select version from mael_schema`).Scan(&version)
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return version
}
