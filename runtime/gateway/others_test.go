package gateway

import (
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"

	"maelstrom/cluster"
	"maelstrom/runtime/proxy"
)

// others are the other nodes of a world, reached in memory.
type others struct {
	mu    sync.Mutex
	nodes map[string]*other
}

// other is a node whose peer port is answered by a handler of the test.
type other struct {
	w      *world
	id     string
	port   *memory
	server *http.Server
	dials  atomic.Int32

	mu        sync.Mutex
	conns     []*lossy
	live      bool
	counter   int64
	instances []cluster.Instance
}

// lossy is a connection that can lose what goes through it.
type lossy struct {
	net.Conn
	lost atomic.Bool
}

func (l *lossy) Read(p []byte) (int, error) {
	n, err := l.Conn.Read(p)
	for l.lost.Load() && err == nil {
		n, err = l.Conn.Read(p)
	}
	return n, err
}

func (l *lossy) Write(p []byte) (int, error) {
	if l.lost.Load() {
		return len(p), nil
	}
	return l.Conn.Write(p)
}

// Live implements Peers.
func (o *others) Live(node string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := o.nodes[node]
	if n == nil {
		return false
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.live
}

// Dial implements Peers.
func (o *others) Dial(ctx context.Context, node, _ string) (net.Conn, error) {
	o.mu.Lock()
	n := o.nodes[node]
	o.mu.Unlock()
	if n == nil {
		return nil, errors.New("no such node")
	}
	n.dials.Add(1)
	n.mu.Lock()
	port := n.port
	n.mu.Unlock()
	conn, err := port.dial(ctx, "", "")
	if err != nil {
		return nil, err
	}
	l := &lossy{Conn: conn}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.conns = append(n.conns, l)
	return l, nil
}

// other adds a node that answers with h.
func (w *world) other(id string, h http.HandlerFunc) *other {
	n := &other{w: w, id: id, live: true}
	n.start(h)
	w.others.mu.Lock()
	if w.others.nodes == nil {
		w.others.nodes = map[string]*other{}
	}
	w.others.nodes[id] = n
	w.others.mu.Unlock()
	w.put(cluster.ChangeSet{Nodes: map[string]*cluster.Node{id: {ID: id, State: cluster.NodeUp, Peers: true}}})
	return n
}

// start opens its port.
func (n *other) start(h http.HandlerFunc) {
	var p http.Protocols
	p.SetHTTP1(true)
	p.SetUnencryptedHTTP2(true)
	port := newMemory()
	server := &http.Server{Handler: h, Protocols: &p}
	ended := make(chan struct{})
	go func() { defer close(ended); server.Serve(port) }()
	n.w.atEnd(func() { server.Close(); port.Close(); <-ended })
	n.mu.Lock()
	defer n.mu.Unlock()
	n.port, n.server = port, server
}

// kill breaks all that it serves and closes its port.
func (n *other) kill() {
	n.mu.Lock()
	port, server := n.port, n.server
	n.mu.Unlock()
	port.Close()
	server.Close()
}

// freeze lets it say and hear nothing by the connections that there are.
func (n *other) freeze() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range n.conns {
		c.lost.Store(true)
	}
}

// heard says whether it shows signs of life.
func (n *other) heard(live bool) {
	n.mu.Lock()
	n.live = live
	n.mu.Unlock()
	n.w.change(func(s *cluster.Snapshot) *cluster.Snapshot {
		silent := map[string]bool{}
		for id := range s.Silent.All() {
			silent[id] = true
		}
		if silent[n.id] = true; live {
			delete(silent, n.id)
		}
		return s.WithSilent(silent)
	})
}

// serving has an instance of a component there.
func (n *other) serving(id, component string, slot int) {
	n.w.put(cluster.ChangeSet{Placements: map[string]*cluster.Placement{id: {
		ID: id, Component: component, Slot: slot, Node: n.id, Want: cluster.WantRun, PlacedVersion: 1,
	}}})
	n.report(id, func(i *cluster.Instance) {
		i.State, i.Address, i.ContainerID = cluster.InstanceReady, "172.17.0.2:80", "container of "+id
	})
}

// report changes one instance and pushes its node's list.
func (n *other) report(id string, edit func(*cluster.Instance)) {
	n.mu.Lock()
	at := slices.IndexFunc(n.instances, func(i cluster.Instance) bool { return i.Placement == id })
	if at < 0 {
		at = len(n.instances)
		n.instances = append(n.instances, cluster.Instance{Placement: id, Node: n.id})
	}
	edit(&n.instances[at])
	n.counter++
	list := cluster.InstanceList{Node: n.id, Counter: n.counter, Instances: slices.Clone(n.instances)}
	n.mu.Unlock()
	n.w.change(func(s *cluster.Snapshot) *cluster.Snapshot { return s.WithInstances(list) })
}

// goesBack answers as a node that does not take a request.
func goesBack(w http.ResponseWriter, reason cluster.Reason) {
	w.Header().Set(proxy.FieldForward, proxy.ForwardRefused)
	w.Header().Set("Maelstrom-Reason", string(reason))
	w.WriteHeader(http.StatusMisdirectedRequest)
}
