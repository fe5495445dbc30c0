package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"maelstrom/cluster/rpc"
	"maelstrom/runtime/drivertest"
)

// A container has of every node routes and other components, and nothing else.
// What it asks of another project's component goes by that component's rules, on
// whatever node it is.
func testInside(t *testing.T, c *trio) {
	image := drivertest.BuildImage(t)
	inside := web{name: "inside", image: image, lines: []string{atNode(0), "reservememory: 16", "mininstances: 1", "maxconcurrency: 5"}}
	public := web{name: "public", image: image, lines: []string{atNode(1), "reservememory: 16", "mininstances: 1"}}
	c.declare("mine", projectOf("mine", inside, public))
	c.declare("theirs", projectOf("theirs", web{name: "guarded", image: image, lines: []string{
		atNode(2), "reservememory: 16", "maxconcurrency: 5", "wake: [{paths: [/status], answer: 204}]",
	}}))
	own := c.nodes[0]
	own.await("who asks", patience, func() bool { return len(own.placedOn("mine_inside")) == 1 })
	own.await("who is public", patience, func() bool { return len(own.placedOn("mine_public")) == 1 })
	gateway := own.engine.gateway(t, "bridge").String()
	for i, n := range c.nodes {
		base := fmt.Sprintf("http://%s:%d", gateway, n.private)
		for _, c := range []struct {
			method, path, host string
			status             int
		}{
			{http.MethodPost, rpc.PathAPI, "", http.StatusNotFound},
			{http.MethodPost, rpc.PathAPI, "localhost", http.StatusNotFound},
			{http.MethodGet, rpc.PathLogs, "", http.StatusNotFound},
			{http.MethodGet, rpc.PathMetrics, "", http.StatusNotFound},
			{http.MethodGet, "/", public.host(), http.StatusOK},
			{http.MethodPost, rpc.PathAPI, public.host(), http.StatusNotFound},
			{http.MethodGet, "/_mael/pprof/heap", public.host(), http.StatusNotFound},
			{http.MethodGet, "/_mael_health_check", "", http.StatusOK},
		} {
			if got := own.callAs("mine_inside", c.method, base, c.path, c.host); got.Status != c.status {
				t.Errorf("%s %s for %q at node %d: %+v, want %d", c.method, c.path, c.host, i, got, c.status)
			}
		}
	}
	call := func(path, component string) called {
		return own.callFrom(inside.host(), http.MethodGet, path, component)
	}
	if got := call("/status", "theirs_guarded"); got.Status != http.StatusNoContent {
		t.Errorf("what does not wake it is answered %+v", got)
	}
	if on := own.ps("theirs_guarded"); len(on) > 0 {
		t.Errorf("it is awake: %+v", on)
	}
	if got := call("/env", "theirs_guarded"); got.Status != http.StatusOK || !strings.Contains(got.Body, "MAELSTROM_PRIVATE_URL=") {
		t.Errorf("what wakes it is answered %+v", got)
	}
	if got := call("/status", "theirs_guarded"); got.Status != http.StatusOK {
		t.Errorf("once it is awake it answers %+v", got)
	}
	if got := call("/", "theirs_nobody"); got.Status != http.StatusNotFound {
		t.Errorf("what is not there is answered %+v", got)
	}
}

// Of requests and calls that go from one node to another, and from maelctl to a
// node, nobody on the way hears a token, a secret or what they are about.
func testCapture(t *testing.T, c *trio) {
	const password, bearer, body = "a-secret-of-a-component", "a-token-of-a-client", "a-text-that-is-sent"
	image := drivertest.BuildImage(t)
	for _, w := range c.peers {
		w.keep()
	}
	clear := wireTo(t, c.nodes[0].publicAddress(), nil)
	clear.keep()
	pin := rpc.Pin{Fingerprint: c.nodes[0].fingerprint()}
	for i, n := range c.nodes {
		client := rpc.NewPinnedClient("https://"+c.peers[i].address, n.token(), pin)
		yml := projectOf(fmt.Sprint("capture", i), web{name: fmt.Sprint("kept", i), image: image, lines: []string{atNode(i), "reservememory: 16", environment("PASSWORD=" + password)}})
		if _, err := client.ApplyProject(t.Context(), rpc.ApplyRequest{ProjectFiles: rpc.ProjectFiles{Base: rpc.SourceFile{Path: "maelstrom.yml", Data: []byte(yml)}}}); err != nil {
			t.Fatal(err)
		}
		for _, asked := range c.nodes {
			asked.await("the project", patience, func() bool { return asked.knows(fmt.Sprint("capture", i)) == 1 })
			checkCarried(t, asked.publicURL("/echo"), fmt.Sprintf("kept%d.localhost", i), bearer, body)
		}
		if _, err := client.Instances(t.Context(), rpc.InstancesRequest{}); err != nil {
			t.Error(err)
		}
		if _, err := client.Sleep(t.Context(), rpc.SleepRequest{Name: fmt.Sprintf("capture%d_kept%d", i, i)}); err != nil {
			t.Error(err)
		}
	}
	checkCarried(t, "http://"+clear.address+"/echo", "kept1.localhost", bearer, body)
	if heard := clear.all(); !strings.Contains(heard, bearer) || !strings.Contains(heard, body) || !strings.Contains(heard, "kept1.localhost") {
		t.Error("the ear is deaf")
	}
	for i, w := range c.peers {
		heard := w.all()
		secrets := map[string]string{"secret": password, "client's token": bearer, "body": body, "key": clusterKey, "host": "kept", "method": "ApplyProject"}
		for j, n := range c.nodes {
			secrets[fmt.Sprint("token of node ", j)] = n.token()
		}
		for name, text := range secrets {
			if strings.Contains(heard, text) {
				t.Errorf("the %s was heard on the way to node %d", name, i)
			}
		}
		if len(heard) < 1_000 {
			t.Errorf("%d bytes were heard on the way to node %d", len(heard), i)
		}
	}
}

// checkCarried sends a request with what must not be heard, and checks that it
// has arrived.
func checkCarried(t *testing.T, to, host, bearer, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, to, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Host = host
	r.Header.Set("Authorization", "Bearer "+bearer)
	if got := do(r); got.err != nil || got.status != http.StatusOK || !strings.Contains(got.body, bearer) || !strings.Contains(got.body, body) {
		t.Errorf("POST to %s for %s: %s", to, host, got)
	}
}
