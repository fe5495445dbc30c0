package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"

	"maelstrom/cluster"
	"maelstrom/runtime/drivertest"
)

// line is a socket that leads to the host's engine and can be cut: for a
// daemon that has no other, the engine is down then.
type line struct {
	t      testing.TB
	engine *engine
	path   string

	mu       sync.Mutex
	listener net.Listener
	conns    map[net.Conn]bool
}

func newLine(t testing.TB, e *engine) *line {
	t.Helper()
	dir, err := os.MkdirTemp("", "line") // a socket's path may not be long
	if err != nil {
		t.Fatal(err)
	}
	l := &line{t: t, engine: e, path: filepath.Join(dir, "sock"), conns: map[net.Conn]bool{}}
	t.Cleanup(func() {
		l.cut()
		os.RemoveAll(dir)
	})
	l.mend()
	return l
}

// mend lets connections through.
func (l *line) mend() {
	l.t.Helper()
	listener, err := net.Listen("unix", l.path)
	if err != nil {
		l.t.Fatal(err)
	}
	l.mu.Lock()
	l.listener = listener
	l.mu.Unlock()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go l.relay(conn)
		}
	}()
}

// cut ends every connection; new ones are refused.
func (l *line) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.listener.Close()
	for conn := range l.conns {
		conn.Close()
	}
}

// keep notes a connection that a cut ends.
func (l *line) keep(conn net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conns[conn] = true
}

func (l *line) relay(down net.Conn) {
	up, err := l.engine.Dialer()(context.Background())
	if err != nil {
		l.t.Errorf("reach the engine: %v", err)
		down.Close()
		return
	}
	l.keep(down)
	l.keep(up)
	ended := make(chan struct{}, 2)
	for _, way := range []struct{ to, from net.Conn }{{up, down}, {down, up}} {
		go func() {
			_, _ = io.Copy(way.to, way.from) // it ends when either does
			ended <- struct{}{}
		}()
	}
	<-ended
	up.Close()
	down.Close()
}

func TestAnEngineThatGoesAwayAndComesBack(t *testing.T) {
	t.Parallel()
	n := prepareNode(t)
	wire := newLine(t, n.engine)
	n.env = append(n.env, "MAEL_DOCKER_HOST=unix://"+wire.path)
	n.start()
	image := drivertest.BuildImage(t)
	awake := web{name: "awake", image: image, lines: []string{"maxconcurrency: 5"}}
	asleep := web{name: "asleep", image: image, lines: []string{"maxdurationseconds: 3"}}
	patient := web{name: "patient", image: image}
	n.apply(projectOf("outage", awake, asleep, patient))
	n.mustGet(awake.host(), "/")
	before := n.engine.only(t, n.id)

	// The engine is away for a moment, as while it is restarted: who asks waits.
	wire.cut()
	waited := make(chan answer, 1)
	go func() { waited <- n.get(patient.host(), "/") }()
	n.await("a request that waits", patience, func() bool {
		return strings.Contains(n.getPrivate("", "/metrics").body, `maelstrom_requests_queued{component="outage_patient"} 1`)
	})
	wire.mend()
	if got := <-waited; got.err != nil || got.status != http.StatusOK {
		t.Errorf("who asked while the engine was away for a moment: %s", got)
	}
	n.checkEngineBack(awake.host())

	// The engine is away, its containers run on, as they do while it is upgraded.
	wire.cut()
	n.checkEngineDown(asleep.host())
	n.mustGet(awake.host(), "/")
	wire.mend()
	n.checkEngineBack(awake.host(), asleep.host())
	if found, err := n.engine.ContainerInspect(t.Context(), before.ID); err != nil || found.State.StartedAt != before.State.StartedAt {
		t.Errorf("the container that ran through the outage: %v", err)
	}

	// The engine is away and takes its containers with it. Nobody can tell the
	// daemon, and nobody asks: an address may belong to another container now.
	wire.cut()
	for _, c := range n.engine.containers(t, n.id) {
		if err := n.engine.ContainerStop(t.Context(), c.ID, container.StopOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	wire.mend()
	n.checkEngineBack(awake.host(), asleep.host(), patient.host())
	n.await("one container each", patience, func() bool { return len(n.engine.containers(t, n.id)) == 3 })
}

// checkEngineDown checks what everybody is told of an engine that is down.
func (n *node) checkEngineDown(asleep string) {
	n.t.Helper()
	began := time.Now()
	got := n.get(asleep, "/")
	checkRefusal(n.t, "waiting for the engine", got, cluster.ReasonEngineDown)
	checkRefusal(n.t, "and again", n.get(asleep, "/"), cluster.ReasonEngineDown)
	n.await("readyz that names the engine", patience, func() bool {
		ready := n.getPrivate("", "/readyz")
		if ready.status != http.StatusOK {
			n.t.Fatalf("readyz: %s", ready)
		}
		return strings.Contains(ready.body, "engine: ")
	})
	n.await("the engine in the node's row", patience, func() bool {
		nodes, err := n.client().Nodes(n.t.Context())
		return err == nil && len(nodes.Nodes) == 1 && nodes.Nodes[0].Engine != ""
	})
	n.await("the engine in the log", patience, func() bool { return n.log.has("container engine does not answer") })
	n.t.Logf("all told within %s", time.Since(began).Round(time.Millisecond))
}

// checkEngineBack checks that everything is served again without help.
func (n *node) checkEngineBack(hosts ...string) {
	n.t.Helper()
	began := time.Now()
	for _, host := range hosts {
		n.await(host+" served", patience, func() bool { return n.get(host, "/").status == http.StatusOK })
	}
	n.t.Logf("served again %s after the engine was back", time.Since(began).Round(time.Millisecond))
	n.await("readyz without the engine", patience, func() bool { return !strings.Contains(n.getPrivate("", "/readyz").body, "engine") })
}
