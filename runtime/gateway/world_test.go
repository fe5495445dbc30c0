package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

const node = "node-1"

// world is what a gateway sees: a snapshot that the test changes, a scripted
// waker, and instances on a network in memory.
type world struct {
	t    testing.TB
	g    *Gateway
	snap atomic.Pointer[cluster.Snapshot]

	mu        sync.Mutex
	changed   []chan struct{}
	counter   int64
	instances []cluster.Instance
	upstreams map[string]*memory
	waker     func(ctx context.Context, component string) error
	wakes     atomic.Int32
	stop      []func()
	others    others
}

// newWorld runs a gateway until end is called. No wake succeeds until the
// test says how.
func newWorld(t testing.TB, opt Options) *world {
	w := &world{t: t, upstreams: map[string]*memory{}}
	w.waker = func(context.Context, string) error { return cluster.ErrNotHolder }
	w.snap.Store(cluster.NewSnapshot())
	opt.Node = node
	if opt.Dial == nil {
		opt.Dial = w.dial
	}
	w.g = New(opt, Deps{Snapshots: w, Waker: w, Peers: &w.others})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := w.g.Run(ctx); err != nil {
			t.Errorf("run: %v", err)
		}
	}()
	w.atEnd(func() { cancel(); <-ended })
	return w
}

func (w *world) end() {
	w.mu.Lock()
	stops := w.stop
	w.stop = nil
	w.mu.Unlock()
	for _, stop := range slices.Backward(stops) {
		stop()
	}
}

func (w *world) atEnd(stop func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stop = append(w.stop, stop)
}

func (w *world) Snapshot() *cluster.Snapshot { return w.snap.Load() }

func (w *world) Subscribe() (<-chan struct{}, func()) {
	c := make(chan struct{}, 1)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.changed = append(w.changed, c)
	return c, func() {}
}

func (w *world) Wake(ctx context.Context, component string) error {
	w.wakes.Add(1)
	w.mu.Lock()
	wake := w.waker
	w.mu.Unlock()
	return wake(ctx, component)
}

func (w *world) onWake(f func(ctx context.Context, component string) error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waker = f
}

func (w *world) change(step func(s *cluster.Snapshot) *cluster.Snapshot) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.snap.Store(step(w.snap.Load()))
	for _, c := range w.changed {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

func (w *world) put(cs cluster.ChangeSet) {
	w.change(func(s *cluster.Snapshot) *cluster.Snapshot {
		cs.Number = s.Number + 1
		return s.With(cs)
	})
}

// component stores a component with one slot per instance, or as edit says,
// and a route from the host of the same name.
func (w *world) component(name string, edit func(*project.Component)) {
	spec := &project.Component{Name: name, Image: "image"}
	if edit != nil {
		edit(spec)
	}
	effective := spec.Effective()
	w.put(cluster.ChangeSet{
		Components: map[string]*cluster.ComponentRow{name: {Spec: spec, Effective: &effective, Version: 1}},
	})
	w.route(name+"-http", name, project.HTTPSource{Hostname: name})
}

func (w *world) route(name, component string, source project.HTTPSource) {
	w.put(cluster.ChangeSet{EventSources: map[string]*cluster.EventSourceRow{name: {
		Spec: &project.EventSource{Name: name, Component: component, HTTP: &source}, Enabled: true,
	}}})
}

func (w *world) disabled(name, component string, source project.HTTPSource) {
	w.put(cluster.ChangeSet{EventSources: map[string]*cluster.EventSourceRow{name: {
		Spec: &project.EventSource{Name: name, Component: component, HTTP: &source},
	}}})
}

func (w *world) place(id, component string, slot int) {
	w.put(cluster.ChangeSet{Placements: map[string]*cluster.Placement{id: {
		ID: id, Component: component, Slot: slot, Node: node, Want: cluster.WantRun, PlacedVersion: 1,
	}}})
}

func (w *world) want(id string, want cluster.Want) {
	p, ok := w.Snapshot().Placements.Get(id)
	if !ok {
		w.t.Fatalf("no placement %s", id)
	}
	changed := *p
	changed.Want = want
	w.put(cluster.ChangeSet{Placements: map[string]*cluster.Placement{id: &changed}})
}

func (w *world) remove(id string) {
	w.put(cluster.ChangeSet{Placements: map[string]*cluster.Placement{id: nil}})
}

// report changes one instance and pushes the node's list.
func (w *world) report(id string, edit func(*cluster.Instance)) {
	w.mu.Lock()
	at := slices.IndexFunc(w.instances, func(i cluster.Instance) bool { return i.Placement == id })
	if at < 0 {
		at = len(w.instances)
		w.instances = append(w.instances, cluster.Instance{Placement: id, Node: node, State: cluster.InstanceStarting})
	}
	edit(&w.instances[at])
	w.counter++
	list := cluster.InstanceList{Node: node, Counter: w.counter, Instances: slices.Clone(w.instances)}
	w.mu.Unlock()
	w.change(func(s *cluster.Snapshot) *cluster.Snapshot { return s.WithInstances(list) })
}

func (w *world) state(id string, state cluster.InstanceState) {
	w.report(id, func(i *cluster.Instance) { i.State = state })
}

func (w *world) backoff(id string, reason cluster.Reason, d time.Duration) {
	w.report(id, func(i *cluster.Instance) {
		i.State, i.Reason, i.Message = cluster.InstanceBackoff, reason, "/secret/path on host-17"
		i.BackoffUntil = time.Now().Add(d)
	})
}

// run starts an upstream for a placement and reports it ready.
func (w *world) run(id string, h http.HandlerFunc) {
	m := newMemory()
	w.mu.Lock()
	address := fmt.Sprintf("upstream-%d:80", len(w.upstreams))
	w.upstreams[address] = m
	w.mu.Unlock()
	var p http.Protocols
	p.SetHTTP1(true)
	p.SetUnencryptedHTTP2(true)
	server := &http.Server{Handler: h, Protocols: &p}
	ended := make(chan struct{})
	go func() { defer close(ended); server.Serve(m) }()
	w.atEnd(func() { server.Close(); m.Close(); <-ended })
	w.ready(id, address)
}

func (w *world) ready(id, address string) {
	w.report(id, func(i *cluster.Instance) {
		i.State, i.Address, i.ContainerID = cluster.InstanceReady, address, "container at "+address
	})
}

// serving places and runs one instance of a component.
func (w *world) serving(id, component string, slot int, h http.HandlerFunc) {
	w.place(id, component, slot)
	w.run(id, h)
}

// kill lets an instance's process vanish without a word.
func (w *world) kill(id string) {
	in, _ := w.Snapshot().Instances.Get(id)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.upstreams[in.Address].Close()
}

func (w *world) dial(ctx context.Context, network, address string) (net.Conn, error) {
	w.mu.Lock()
	m := w.upstreams[address]
	w.mu.Unlock()
	if m == nil {
		return nil, errors.New("no route to host")
	}
	return m.dial(ctx, network, address)
}

// get sends a request for a host through the public handler.
func (w *world) get(host string) *httptest.ResponseRecorder {
	return w.do(w.g.Public(), httptest.NewRequest("GET", "http://"+host+"/", nil))
}

func (w *world) do(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	if r.URL.Host != "" {
		r.RequestURI = r.URL.RequestURI() // as a server sees it
	}
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	return rec
}

// begin sends a request and returns at once.
func (w *world) begin(host string) <-chan *httptest.ResponseRecorder {
	answer := make(chan *httptest.ResponseRecorder, 1)
	go func() { answer <- w.get(host) }()
	return answer
}

func wantAnswer(t testing.TB, rec *httptest.ResponseRecorder, status int, reason cluster.Reason) {
	t.Helper()
	if rec.Code != status || rec.Header().Get("Maelstrom-Reason") != string(reason) {
		t.Errorf("answer %d %q (%s), want %d %q", rec.Code, rec.Header().Get("Maelstrom-Reason"),
			strings.TrimSpace(rec.Body.String()), status, reason)
	}
}

func ok(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "ok") }

// held is a handler whose requests stay until release is closed; arrived
// gets one value for each.
type held struct{ arrived, release chan struct{} }

func newHeld() *held { return &held{make(chan struct{}, 10_000), make(chan struct{})} }

func (h *held) serve(w http.ResponseWriter, r *http.Request) {
	h.arrived <- struct{}{}
	select {
	case <-h.release:
	case <-r.Context().Done():
	}
}

// memory is a network inside the test.
type memory struct {
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func newMemory() *memory { return &memory{conns: make(chan net.Conn), done: make(chan struct{})} }

func (m *memory) Accept() (net.Conn, error) {
	select {
	case c := <-m.conns:
		return c, nil
	case <-m.done:
		return nil, net.ErrClosed
	}
}

func (m *memory) Close() error   { m.once.Do(func() { close(m.done) }); return nil }
func (m *memory) Addr() net.Addr { return &net.TCPAddr{} }

func (m *memory) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case m.conns <- far:
		return near, nil
	case <-m.done:
		return nil, errors.New("connection refused")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
