package route

import (
	"net/http"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"maelstrom/project"
)

func TestTarget(t *testing.T) {
	for _, tt := range []struct{ prefix, uri, want string }{
		{"/api", "/api/users?a=b", "/users?a=b"},
		{"/api", "/api", "/"},
		{"/api", "/api?q", "/?q"},
		{"/api", "/apiary", "/ary"},
		{"/api/", "/api/users", "/users"},
		{"/api", "/api//x", "//x"},
		{"/api", "/%61pi/a%2Fb", "/a%2Fb"},
		{"/a b", "/a%20b/%zz", "/%zz"},
		{"/é", "/%C3%A9/x", "/x"},
		{"/api", "/api%2Fx", "/%2Fx"},
		{"/api", "http://host/api/x?y", "/x?y"},
		{"/", "/x", "/x"},
	} {
		rule := Rule{PathPrefix: tt.prefix, StripPrefix: true}
		if got := (Match{&rule}).Target(tt.uri); got != tt.want {
			t.Errorf("prefix %q: Target(%q) = %q, want %q", tt.prefix, tt.uri, got, tt.want)
		}
	}
	keep := Rule{PathPrefix: "/api"}
	for uri, want := range map[string]string{
		"/api/x?y": "/api/x?y", "*": "*", "http://host": "/", "http://host?q": "/?q", "HTTPS://u@host/a": "/a",
	} {
		if got := (Match{&keep}).Target(uri); got != want {
			t.Errorf("Target(%q) = %q, want %q", uri, got, want)
		}
	}
}

// Whatever is stripped: prefix and rest, decoded, are the path again, and the
// query is untouched.
func TestStripKeepsTheRest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		prefix := "/" + rapid.StringMatching(`[a-c%é/ ]{0,4}`).Draw(t, "prefix")
		rest := rapid.StringMatching(`[a-c/]{0,4}`).Draw(t, "rest")
		query := rapid.StringMatching(`(\?[a-c%?/]{0,4})?`).Draw(t, "query")
		raw := ""
		for i, c := range []byte(prefix) {
			if i > 0 && (c < '!' || c > '~' || c == '%' || rapid.Bool().Draw(t, "escape")) {
				raw += "%" + string("0123456789ABCDEF"[c>>4]) + string("0123456789abcdef"[c&15])
			} else {
				raw += string(c)
			}
		}
		m, ok := New([]Rule{{EventSource: "es", PathPrefix: prefix, StripPrefix: true}}).Match("", raw+rest)
		if !ok {
			t.Fatalf("prefix %q did not match %q", prefix, raw+rest)
		}
		want := rest + query
		if !strings.HasPrefix(want, "/") {
			want = "/" + want
		}
		if got := m.Target(raw + rest + query); got != want {
			t.Fatalf("Target(%q) = %q, want %q", raw+rest+query, got, want)
		}
	})
}

func TestResolve(t *testing.T) {
	table := New([]Rule{
		{EventSource: "shop_web-http", Component: "shop_web", Hostname: "shop.test"},
		{EventSource: "shop_api-http", Component: "shop_api", Hostname: "shop.test", PathPrefix: "/api", StripPrefix: true},
	})
	disabled := New([]Rule{
		{EventSource: "shop_web-http-1", Component: "shop_web", Hostname: "off.test"},
		{EventSource: "shop_web-http-2", Component: "shop_web", Hostname: "shop.test", PathPrefix: "/x"},
	})
	component := http.Header{"Maelstrom-Component": {"shop_api"}}
	unknown := http.Header{"Maelstrom-Component": {"shop_gone"}}
	for _, tt := range []struct {
		name string
		req  Request
		want Resolution
	}{
		{"by host", Request{Host: "shop.test", Target: "/a?b"},
			Resolution{Matched: true, EventSource: "shop_web-http", Component: "shop_web", UpstreamTarget: "/a?b"}},
		{"stripped", Request{Host: "shop.test", Target: "/api/a?b"},
			Resolution{Matched: true, EventSource: "shop_api-http", Component: "shop_api", UpstreamTarget: "/a?b"}},
		{"authority wins", Request{Host: "other", Target: "https://SHOP.test:8443/api#top"},
			Resolution{Matched: true, EventSource: "shop_api-http", Component: "shop_api", UpstreamTarget: "/"}},
		{"asterisk", Request{Host: "shop.test", Target: "*"},
			Resolution{Matched: true, EventSource: "shop_web-http", Component: "shop_web", UpstreamTarget: "*"}},
		{"no host", Request{Target: "/"}, Resolution{Status: 404, Body: NotFoundBody}},
		{"no match", Request{Host: "nowhere.test", Target: "/"}, Resolution{Status: 404, Body: NotFoundBody}},
		{"disabled", Request{Host: "off.test", Target: "/x", Disabled: disabled}, Resolution{Status: 503, Body: DisabledBody}},
		{"disabled, and another matches", Request{Host: "shop.test", Target: "/x", Disabled: disabled},
			Resolution{Matched: true, EventSource: "shop_web-http", Component: "shop_web", UpstreamTarget: "/x"}},
		{"health check", Request{Host: "anything", Target: "/_mael_health_check"}, Resolution{Status: 200, Body: "OK"}},
		{"health check as a URL", Request{Target: "http://x/_mael_health_check"}, Resolution{Status: 200, Body: "OK"}},
		{"health check with a query", Request{Host: "nowhere", Target: "/_mael_health_check?x"}, Resolution{Status: 404, Body: NotFoundBody}},
		{"header on the private gateway", Request{Gateway: Private, Host: "shop.test", Target: "/api/x", Headers: component},
			Resolution{Matched: true, Component: "shop_api", UpstreamTarget: "/api/x"}},
		{"header on the public gateway", Request{Gateway: Public, Host: "shop.test", Target: "/x", Headers: component},
			Resolution{Matched: true, EventSource: "shop_web-http", Component: "shop_web", UpstreamTarget: "/x"}},
		{"empty header on the private gateway", Request{Gateway: Private, Host: "shop.test", Target: "/x", Headers: http.Header{"Maelstrom-Component": {""}}},
			Resolution{Status: 404, Body: NotFoundBody}},
		{"header names no component", Request{Gateway: Private, Host: "shop.test", Target: "/x", Headers: unknown},
			Resolution{Status: 404, Body: NotFoundBody}},
		{"header names one without a rule", Request{Gateway: Private, Target: "/x", Headers: unknown,
			Component: func(name string) bool { return name == "shop_gone" }},
			Resolution{Matched: true, Component: "shop_gone", UpstreamTarget: "/x"}},
		{"host with a blank", Request{Host: "a b", Target: "/"}, Resolution{Status: 400, Body: "Bad Request"}},
		{"host with a slash", Request{Host: "a/b", Target: "/"}, Resolution{Status: 400, Body: "Bad Request"}},
		{"host with a bad port", Request{Host: "a:http", Target: "/"}, Resolution{Status: 400, Body: "Bad Request"}},
		{"open bracket", Request{Host: "[::1", Target: "/"}, Resolution{Status: 400, Body: "Bad Request"}},
		{"relative target", Request{Host: "shop.test", Target: "a"}, Resolution{Status: 400, Body: "Bad Request"}},
		{"empty target", Request{Host: "shop.test"}, Resolution{Status: 400, Body: "Bad Request"}},
		{"blank in the target", Request{Host: "shop.test", Target: "/a b"}, Resolution{Status: 400, Body: "Bad Request"}},
		{"bad escape", Request{Host: "shop.test", Target: "/a%2"}, Resolution{Status: 400, Body: "Bad Request"}},
		{"bad escape in the query", Request{Host: "shop.test", Target: "/a?%2"},
			Resolution{Matched: true, EventSource: "shop_web-http", Component: "shop_web", UpstreamTarget: "/a?%2"}},
		{"other scheme", Request{Target: "ftp://shop.test/"}, Resolution{Status: 400, Body: "Bad Request"}},
		{"URL without a host", Request{Target: "http:///x"}, Resolution{Status: 400, Body: "Bad Request"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := Resolve(table, tt.req)
			if got.Reason == "" {
				t.Error("no reason given")
			}
			got.Reason = ""
			if got != tt.want {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

func TestNormalHost(t *testing.T) {
	for host, want := range map[string]string{
		"A.b.:80": "a.b", "[::1]:80": "::1", "2001:DB8:0:0::1": "2001:db8::1", "a": "a", "": "", ".": "",
		"1.2.3.4:5": "1.2.3.4", "*.A.b": "*.a.b",
	} {
		if got, ok := NormalHost(host); got != want || !ok {
			t.Errorf("NormalHost(%q) = %q, %v, want %q", host, got, ok, want)
		}
	}
	for _, host := range []string{"a b", "[::1", "a]b", "a:b", "a:123456", "ä", strings.Repeat("a", 256)} {
		if got, ok := NormalHost(host); ok {
			t.Errorf("NormalHost(%q) = %q, want none", host, got)
		}
	}
}

// Validation refuses two routes that are the same; the table must not see it
// otherwise.
func TestNormalHostAgreesWithValidation(t *testing.T) {
	hosts := rapid.OneOf(
		rapid.StringMatching(`(\*\.)?([A-Za-z0-9_-]{1,3}\.){0,3}[A-Za-z0-9]{1,3}\.?`),
		rapid.StringMatching(`\[?[0-9A-F]{1,4}(:[0-9a-f]{1,4}){7}\]?`),
		rapid.SampledFrom([]string{"::1", "[::1]", "2001:DB8::", "[2001:db8:0:0::0]", "::ffff:1.2.3.4", "1.2.3.4"}),
	)
	rapid.Check(t, func(t *rapid.T) {
		host := hosts.Draw(t, "host")
		if strings.HasPrefix(host, "[") != strings.HasSuffix(host, "]") {
			return
		}
		if got, ok := NormalHost(host); !ok || got != project.NormalHost(host) {
			t.Fatalf("%q: the table reads %q, validation %q", host, got, project.NormalHost(host))
		}
	})
}
