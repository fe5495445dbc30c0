package main

import (
	"context"
	"crypto/rand"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"maelstrom/cluster"
	"maelstrom/cluster/rpc"
	"maelstrom/runtime/drivertest"
)

// A component with a named volume stays on the node that has it, although the
// other one is emptier and is asked, which is why one without goes there.
func TestANamedVolumeStaysOnItsNode(t *testing.T) {
	t.Parallel()
	_, dsn := emptyDatabase(t, postgres)
	settings := []string{"MAEL_SQL_DRIVER=postgres", "MAEL_SQL_DSN=" + dsn, "MAEL_TOTAL_MEMORY=1024"}
	_, env := peerEnv(t, append(settings, "MAEL_NODE_LABELS=at=n0")...)
	home := newNode(t, env...)
	_, env = peerEnv(t, append(settings, "MAEL_NODE_LABELS=at=n1", "MAEL_DOCKER_HOST=unix://"+withoutVolumes(t, home.engine))...)
	other := newNode(t, env...)
	home.await("the other node", patience, func() bool { return home.nodeRow(other.id).State == cluster.NodeUp })

	volume := "test-" + strings.ToLower(rand.Text())
	t.Cleanup(func() {
		home.cleanUp() // containers go before what they use
		other.cleanUp()
		if err := home.engine.VolumeRemove(context.Background(), volume, true); err != nil {
			t.Errorf("clean up: %v", err)
		}
	})
	image := drivertest.BuildImage(t)
	heavy := web{name: "heavy", image: image, lines: []string{atNode(0), "mininstances: 1", "reservememory: 512"}}
	lines := []string{"placement: spread", "reservememory: 16"}
	free := web{name: "free", image: image, lines: lines}
	kept := web{name: "kept", image: image, lines: append(lines[:2:2], "volumes: [{type: volume, source: "+volume+", target: /data}]")}
	first := kept
	first.lines = append(kept.lines[:3:3], atNode(0))
	home.apply(projectOf("bound", heavy, first))
	home.mustGet(first.host(), "/")
	home.awaitState("bound_heavy", rpc.ComponentReady)
	if _, err := home.client().Sleep(t.Context(), rpc.SleepRequest{Name: "bound_kept"}); err != nil {
		t.Fatal(err)
	}
	home.awaitState("bound_kept", rpc.ComponentAsleep)

	home.apply(projectOf("bound", heavy, kept, free))
	other.await("the project", patience, func() bool { return other.knows("bound") == 3 })
	for _, c := range []struct {
		web
		on *node
	}{{kept, home}, {free, other}} {
		other.mustGet(c.host(), "/")
		if on := other.placedOn("bound_" + c.name); len(on) != 1 || on[0] != c.on.id {
			t.Errorf("%s is on %v, want %s", c.name, on, c.on.id)
		}
	}
}

// withoutVolumes is the socket of an engine that lists no volumes, as one of
// another host would: daemons of these tests share theirs.
func withoutVolumes(t testing.TB, e *engine) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "engine") // a socket's path may not be long
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	dial := e.Dialer()
	through := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.Out.URL.Scheme, r.Out.URL.Host = "http", "engine" },
		Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dial(ctx)
		}},
		FlushInterval: -1,
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/volumes") {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(`{"Volumes": []}`))
			return
		}
		through.ServeHTTP(w, r)
	}))
	server.Listener.Close()
	path := filepath.Join(dir, "sock")
	if server.Listener, err = net.Listen("unix", path); err != nil {
		t.Fatal(err)
	}
	server.Start()
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return path
}
