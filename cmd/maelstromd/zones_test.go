package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"maelstrom/cluster/rpc"
	"maelstrom/runtime/drivertest"
)

// called is what /call tells of a request that the container sent.
type called struct {
	Status      int
	Body, Error string
	Header      http.Header
}

// callFrom lets a container of a host send a request to the address for calls
// between components.
func (n *node) callFrom(host, method, path, component string) called {
	n.t.Helper()
	query := url.Values{"method": {method}, "path": {path}, "component": {component}}
	var got called
	if err := json.Unmarshal([]byte(n.mustGet(host, "/call?"+query.Encode()).body), &got); err != nil {
		n.t.Fatal(err)
	}
	if got.Error != "" {
		n.t.Fatalf("%s %s from a container: %s", method, path, got.Error)
	}
	return got
}

func TestZonesOfThePrivatePort(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	image := drivertest.BuildImage(t)
	front := web{name: "front", image: image, lines: []string{"maxconcurrency: 10"}}
	n.apply(projectOf("zones", front) + `
  inner:
    image: ` + image + `
    environment: ["ROLE=inner"]
`)
	t.Run("components call components, which wake", func(t *testing.T) {
		got := n.callFrom(front.host(), http.MethodGet, "/env", "zones_inner")
		if got.Status != http.StatusOK || !strings.Contains(got.Body, "ROLE=inner") {
			t.Errorf("a call to inner: %+v", got)
		}
		if state := n.component("zones_inner").State; state != rpc.ComponentReady {
			t.Errorf("inner is %s", state)
		}
		if got := n.callFrom(front.host(), http.MethodGet, "/_mael_health_check", ""); got.Status != http.StatusOK || got.Body != "OK" {
			t.Errorf("the health check: %+v", got)
		}
		if got := n.callFrom(front.host(), http.MethodGet, "/", "zones_nobody"); got.Status != http.StatusNotFound {
			t.Errorf("a call to nobody: %+v", got)
		}
	})
	t.Run("containers don't reach the API", func(t *testing.T) {
		for _, path := range []string{rpc.PathAPI, rpc.PathLogs, "/_mael/", "/_mael/pprof/heap", rpc.PathMetrics, rpc.PathReadyz} {
			for _, component := range []string{"", "zones_inner"} {
				got := n.callFrom(front.host(), http.MethodPost, path, component)
				ownPath := strings.HasPrefix(path, "/_mael")
				if component != "" && !ownPath {
					continue // that is a path of the component
				}
				if got.Status != http.StatusNotFound {
					t.Errorf("POST %s, component %q: %+v", path, component, got)
				}
			}
		}
	})
	t.Run("the header does not count on the public port", func(t *testing.T) {
		r := n.request(t.Context(), http.MethodGet, "nobody.localhost", "/env", nil)
		r.Header.Set("MAELSTROM-COMPONENT", "zones_inner")
		if got := do(r); got.status != http.StatusNotFound {
			t.Errorf("got %s", got)
		}
		if got := n.getPrivate("zones_inner", "/env"); got.status != http.StatusOK {
			t.Errorf("on the private port: %s", got)
		}
	})
	t.Run("the API takes a token, as bearer or as password", func(t *testing.T) { testTokens(t, n) })
}

func testTokens(t *testing.T, n *node) {
	ask := func(change func(*http.Request)) int {
		r, err := http.NewRequest(http.MethodPost, n.privateURL(rpc.PathAPI),
			strings.NewReader(`{"jsonrpc":"2.0","id":"1","method":"SystemService.Version","params":{}}`))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		change(r)
		return do(r).status
	}
	token := n.token()
	for _, test := range []struct {
		name   string
		change func(*http.Request)
		want   int
	}{
		{"no token", func(*http.Request) {}, http.StatusUnauthorized},
		{"wrong token", func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token+"x") }, http.StatusUnauthorized},
		{"bearer", func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }, http.StatusOK},
		{"password", func(r *http.Request) { r.SetBasicAuth("me", token) }, http.StatusOK},
		{"wrong password", func(r *http.Request) { r.SetBasicAuth(token, "x") }, http.StatusUnauthorized},
		{"another site", func(r *http.Request) {
			r.Header.Set("Authorization", "Bearer "+token)
			r.Header.Set("Origin", "https://evil.example")
		}, http.StatusForbidden},
	} {
		if got := ask(test.change); got != test.want {
			t.Errorf("%s: %d, want %d", test.name, got, test.want)
		}
	}
}
