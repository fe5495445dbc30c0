package main

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"maelstrom/cluster"
	"maelstrom/cluster/store"
	"maelstrom/cluster/store/storetest"
)

// servers are the databases that a cluster can have.
var servers = map[string]func() (*storetest.Server, error){"postgres": postgres, "mariadb": mariadb}

// onServers runs a test with each database.
func onServers(t *testing.T, test func(*testing.T, func() (*storetest.Server, error))) {
	t.Parallel()
	for name, start := range servers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, start)
		})
	}
}

// trio are three daemons that share a database and an engine. The ways between
// all of these are in the hands of the test if it asks for that.
type trio struct {
	t     testing.TB
	nodes []*node
	ports []int // of peers
	db    *storetest.Server
	store *store.Store // that the test itself looks into

	// Where there are wires, one for each node.
	peers     []*wire // to it
	databases []*wire // from it
	engines   []*wire // from it

	mu   sync.Mutex
	pids map[int]string // of the daemons, and their ids
}

// trioOptions say what a trio is like.
type trioOptions struct {
	taps  bool // wires to the nodes, for other nodes
	wires bool // those, and from each node to its database and its engine
	env   []string
}

// newTrio starts three daemons, which hear each other. Each has a label that
// says which of them it is.
func newTrio(t *testing.T, start func() (*storetest.Server, error), opt trioOptions) *trio {
	t.Helper()
	server, dsn := emptyDatabase(t, start)
	c := &trio{t: t, db: server, pids: map[int]string{}}
	for i := range 3 {
		port, env := peerEnv(t, "MAEL_SQL_DRIVER="+server.Driver, "MAEL_SQL_DSN="+dsn, "MAEL_TOTAL_MEMORY=1024", "MAEL_NODE_LABELS=at=n"+strconv.Itoa(i))
		n := prepareNode(t, append(env, opt.env...)...)
		c.nodes, c.ports = append(c.nodes, n), append(c.ports, port)
		if opt.taps || opt.wires {
			peers := wireTo(t, "127.0.0.1:"+strconv.Itoa(port), c.asker)
			n.env = append(n.env, "MAEL_PEER_ADVERTISE="+peers.address)
			c.peers = append(c.peers, peers)
		}
		if opt.wires {
			c.wire(t, n, dsn)
		}
	}
	var err error
	if c.store, err = store.Open(t.Context(), store.Options{Driver: server.Driver, DSN: dsn}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.store.Close() })
	t.Cleanup(c.end)
	for _, n := range c.nodes {
		c.run(n)
	}
	for _, n := range c.nodes {
		n.awaitReady()
	}
	c.awaitHeard(c.nodes...)
	return c
}

// end stops all nodes and removes their containers, at the same time.
func (c *trio) end() {
	var all sync.WaitGroup
	for _, n := range c.nodes {
		all.Go(func() {
			if n.cmd != nil && !n.hasExited() {
				_ = n.cmd.Process.Signal(syscall.SIGCONT) // a test may have failed with a frozen one
				_ = n.cmd.Process.Signal(syscall.SIGTERM)
				holdsWithin(patience, n.hasExited)
			}
			n.engine.removeAll(c.t, n.id)
		})
	}
	all.Wait()
}

// wire puts wires between a node that does not run yet and what it needs.
func (c *trio) wire(t *testing.T, n *node, dsn string) {
	t.Helper()
	database := wireTo(t, c.db.Address, nil)
	engine := newWire(t, "unix", nil, func() (net.Conn, error) { return n.engine.Dialer()(t.Context()) })
	c.databases, c.engines = append(c.databases, database), append(c.engines, engine)
	n.env = append(n.env, "MAEL_DOCKER_HOST=unix://"+engine.address,
		"MAEL_SQL_DSN="+strings.Replace(dsn, c.db.Address, database.address, 1))
}

// asker is the id of the node that has made a connection of peers.
func (c *trio) asker(conn net.Conn) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var pids []int
	for pid := range c.pids {
		pids = append(pids, pid)
	}
	return c.pids[processOf(conn, pids)]
}

// run starts a daemon and returns at once.
func (c *trio) run(n *node) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n.run()
	c.pids[n.cmd.Process.Pid] = n.id
}

// awaitHeard waits until some nodes hear each other.
func (c *trio) awaitHeard(nodes ...*node) {
	c.t.Helper()
	for _, n := range nodes {
		for _, other := range nodes {
			if n != other {
				n.await("hears "+other.id, patience, func() bool { return n.hears(other.id) && n.nodeRow(other.id).State == cluster.NodeUp })
			}
		}
	}
}

// hears tells what the log says last of another node.
func (n *node) hears(id string) bool {
	text := n.log.String()
	heard := strings.LastIndex(text, `msg="node is heard" part=peers node=`+id)
	lost := strings.LastIndex(text, `msg="node is no longer heard by this stream" part=peers node=`+id)
	return heard > lost
}

// number is which of the nodes has an id.
func (c *trio) number(id string) int {
	return slices.IndexFunc(c.nodes, func(n *node) bool { return n.id == id })
}

// but are all nodes without one.
func (c *trio) but(n *node) []*node {
	return slices.DeleteFunc(slices.Clone(c.nodes), func(other *node) bool { return other == n })
}

// leases are who holds what, as the database says.
func (c *trio) leases() map[string]cluster.Lease {
	c.t.Helper()
	all, err := c.store.Leases(c.t.Context())
	if err != nil {
		c.t.Fatal(err)
	}
	byRole := map[string]cluster.Lease{}
	for _, l := range all {
		byRole[l.Role] = l
	}
	return byRole
}

// holder is the node that holds a role, once there is one.
func (c *trio) holder(role string) *node {
	c.t.Helper()
	at := -1
	c.nodes[0].await("a holder of "+role, patience, func() bool {
		at = c.number(c.leases()[role].Holder)
		return at >= 0
	})
	return c.nodes[at]
}

// at places a component on one node.
func atNode(i int) string { return fmt.Sprintf("nodes: {at: n%d}", i) }
