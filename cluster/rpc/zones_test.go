package rpc

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
)

// zoneRequest is one request at a zone of the private port.
type zoneRequest struct {
	name    string
	target  string
	from    string // default: a peer that the zone accepts
	host    string
	headers map[string]string
	status  int
	body    string
}

func (z zoneRequest) run(t *testing.T, zone http.Handler, from string) {
	t.Helper()
	method := http.MethodGet
	if z.target == PathAPI {
		method = http.MethodPost
	}
	r := httptest.NewRequest(method, "/", strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"SystemService.Version"}`))
	r.RequestURI = z.target
	u, err := r.URL.Parse(z.target)
	if err != nil {
		t.Fatal(err)
	}
	r.URL = u
	r.Host, r.RemoteAddr = "127.0.0.1:8374", from
	if z.host != "" {
		r.Host = z.host
	}
	if z.from != "" {
		r.RemoteAddr = z.from
	}
	for key, value := range z.headers {
		r.Header.Set(key, value)
	}
	answer := httptest.NewRecorder()
	zone.ServeHTTP(answer, r)
	if answer.Code != z.status || !strings.Contains(answer.Body.String(), z.body) {
		t.Errorf("%s: %d %q, want %d %q", z.target, answer.Code, answer.Body, z.status, z.body)
	}
	if answer.Header().Get("Location") != "" {
		t.Error("redirected")
	}
}

func TestLoopbackZone(t *testing.T) {
	w := newWorld(t)
	_, port, _ := w.port()
	token := map[string]string{"Authorization": "Bearer " + w.secret}
	component := map[string]string{"MAELSTROM-COMPONENT": "shop_web"}
	tests := []zoneRequest{
		{name: "API without token", target: PathAPI, status: 401},
		{name: "API with token", target: PathAPI, headers: token, status: 200, body: `"result"`},
		{name: "unknown path of ours", target: "/_mael/pprof/heap", headers: token, status: 404},
		{name: "API with a slash", target: PathAPI + "/", headers: token, status: 404},
		{name: "metrics", target: PathMetrics, status: 200, body: "metrics"},
		{name: "metrics by IPv6", target: PathMetrics, from: "[::1]:1", host: "[::1]:8374", status: 200, body: "metrics"},
		{name: "metrics as localhost", target: PathMetrics, host: "localhost:8374", status: 200, body: "metrics"},
		{name: "metrics from elsewhere", target: PathMetrics, from: "192.0.2.1:1", status: 401},
		{name: "metrics from elsewhere with token", target: PathMetrics, from: "192.0.2.1:1", headers: token, status: 200},
		{name: "metrics through a proxy", target: PathMetrics, headers: map[string]string{"X-Forwarded-For": "192.0.2.1"}, status: 401},
		{name: "metrics under a name made to point here", target: PathMetrics, host: "evil.example:8374", status: 401},
		{name: "metrics for another site", target: PathMetrics, headers: map[string]string{"Sec-Fetch-Site": "cross-site"}, status: 403},
		{name: "metrics of a component", target: PathMetrics, headers: component, status: 200, body: "gateway"},
		{name: "logs", target: PathLogs + "?follow=false", status: 200},
		{name: "logs from elsewhere", target: PathLogs, from: "192.0.2.1:1", status: 401},
		{name: "logs with a bad query", target: PathLogs + "?since=soon", status: 400, body: "since"},
		{name: "alive", target: PathHealthz, from: "192.0.2.1:1", status: 200, body: "ok"},
		{name: "ready", target: PathReadyz, from: "192.0.2.1:1", status: 200, body: `{"ready":true,"notes":[]}`},
		{name: "health check", target: "/_mael_health_check", status: 200, body: "gateway"},
		{name: "health check with a query", target: "/_mael_health_check?x", status: 404},
		{name: "root", target: "/", status: 200, body: "gateway"},
		{name: "unclean path", target: "//a/../b", status: 200, body: "gateway"},
		{name: "component", target: "/", headers: component, status: 200, body: "gateway"},
		{name: "component with a path of ours", target: PathAPI + "x", headers: component, status: 404},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { test.run(t, port.Loopback(), "127.0.0.1:40000") })
	}
}

func TestProfilesNeedATokenEvenHere(t *testing.T) {
	w := newWorld(t)
	_, port, _ := w.port()
	token := map[string]string{"Authorization": "Bearer " + w.secret}
	heap := ProfilesPrefix + "heap"
	zoneRequest{target: heap, headers: token, status: 404}.run(t, port.Loopback(), "127.0.0.1:1")
	port.Profiles = text("profile")
	for _, test := range []zoneRequest{
		{target: heap, headers: token, status: 200, body: "profile"},
		{target: heap, status: 401},
		{target: heap, headers: map[string]string{"Authorization": token["Authorization"], "Origin": "https://evil.example"}, status: 403},
	} {
		test.run(t, port.Loopback(), "127.0.0.1:1")
	}
	zoneRequest{target: heap, headers: token, status: 404}.run(t, port.Bridge(netip.MustParsePrefix("172.17.0.0/16")), "172.17.0.2:1")
}

func TestNotReady(t *testing.T) {
	w := newWorld(t)
	_, port, _ := w.port()
	port.Ready = func() Readiness { return Readiness{Notes: []string{"engine: docker does not answer"}} }
	zoneRequest{target: PathReadyz, status: 503, body: `{"ready":false,"notes":["engine: docker does not answer"]}`}.run(t, port.Loopback(), "127.0.0.1:1")
}

func TestBridgeZone(t *testing.T) {
	w := newWorld(t)
	_, port, _ := w.port()
	zone := port.Bridge(netip.MustParsePrefix("172.17.0.0/16"))
	token := map[string]string{"Authorization": "Bearer " + w.secret}
	tests := []zoneRequest{
		{name: "component", target: "/", headers: map[string]string{"MAELSTROM-COMPONENT": "shop_web"}, status: 200, body: "gateway"},
		{name: "health check", target: "/_mael_health_check", status: 200, body: "gateway"},
		{name: "mapped source", target: "/", from: "[::ffff:172.17.0.2]:1", status: 200, body: "gateway"},
		{name: "source outside", target: "/", from: "192.0.2.1:1", status: 403},
		{name: "health check from outside", target: "/_mael_health_check", from: "192.0.2.1:1", status: 403},
		{name: "loopback is outside too", target: "/", from: "127.0.0.1:1", status: 403},
		{name: "no source", target: "/", from: "@", status: 403},
		{name: "API", target: PathAPI, headers: token, status: 404},
		{name: "logs", target: PathLogs, headers: token, status: 404},
		{name: "encoded API", target: "/%5Fmael/v1", headers: token, status: 404},
		{name: "all that begins like ours", target: "/_maelstrom", headers: token, status: 404},
		{name: "absolute API", target: "http://172.17.0.1:8374/_mael/v1", headers: token, status: 404},
		{name: "a component's metrics", target: PathMetrics, status: 200, body: "gateway"},
		{name: "a component's readiness", target: PathReadyz, status: 200, body: "gateway"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { test.run(t, zone, "172.17.0.2:40000") })
	}
}

func TestPathsAreNotCleaned(t *testing.T) {
	w := newWorld(t)
	_, port, _ := w.port()
	var seen string
	port.Gateway = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen = r.RequestURI })
	zoneRequest{target: "/a//b/../c?x=//y", status: 200}.run(t, port.Loopback(), "127.0.0.1:1")
	if seen != "/a//b/../c?x=//y" {
		t.Errorf("the gateway got %q", seen)
	}
}

func TestRemoteZone(t *testing.T) {
	w := newWorld(t)
	_, port, _ := w.port()
	port.Profiles = text("profile")
	token := map[string]string{"Authorization": "Bearer " + w.secret}
	component := map[string]string{"MAELSTROM-COMPONENT": "shop_web", "Authorization": token["Authorization"]}
	foreign := map[string]string{"Origin": "https://evil.example", "Authorization": token["Authorization"]}
	tests := []zoneRequest{
		{name: "API without token", target: PathAPI, status: 401},
		{name: "API with token", target: PathAPI, headers: token, status: 200, body: `"result"`},
		{name: "API for another site", target: PathAPI, headers: foreign, status: 403},
		{name: "API of a component", target: PathAPI, headers: component, status: 200, body: `"result"`},
		{name: "logs without token, from this machine", target: PathLogs + "?follow=false", from: "127.0.0.1:1", host: "localhost", status: 401},
		{name: "logs with token", target: PathLogs + "?follow=false", headers: token, status: 200},
		{name: "logs for another site", target: PathLogs, headers: foreign, status: 403},
		{name: "events without token, from this machine", target: PathEvents, from: "127.0.0.1:1", host: "localhost", status: 401},
		{name: "events with token", target: PathEvents, headers: token, status: 200},
		{name: "command without token", target: PathCommand, status: 401},
		{name: "command that is none", target: PathCommand, headers: token, status: 400, body: "Upgrade"},
		{name: "metrics", target: PathMetrics, headers: token, status: 404},
		{name: "metrics, from this machine", target: PathMetrics, from: "127.0.0.1:1", host: "localhost", status: 404},
		{name: "profiles", target: ProfilesPrefix + "heap", headers: token, status: 404},
		{name: "alive", target: PathHealthz, headers: token, status: 404},
		{name: "ready", target: PathReadyz, headers: token, status: 404},
		{name: "health check", target: "/_mael_health_check", headers: token, status: 404},
		{name: "root", target: "/", headers: token, status: 404},
		{name: "component", target: "/", headers: component, status: 404},
		{name: "API with a slash", target: PathAPI + "/", headers: token, status: 404},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { test.run(t, port.Remote(), "192.0.2.1:40000") })
	}
}
