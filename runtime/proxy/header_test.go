package proxy

import (
	"crypto/tls"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var proxies = Trust{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}

func TestClient(t *testing.T) {
	for _, c := range []struct {
		name, peer string
		chain      []string
		want       string
	}{
		{"direct", "203.0.113.9:4711", nil, "203.0.113.9"},
		{"direct, makes one up", "203.0.113.9:4711", []string{"198.51.100.1"}, "203.0.113.9"},
		{"behind a proxy", "10.0.0.1:80", []string{"203.0.113.9"}, "203.0.113.9"},
		{"behind two", "10.0.0.1:80", []string{"203.0.113.9, 10.0.0.2"}, "203.0.113.9"},
		{"behind a proxy, makes one up", "10.0.0.1:80", []string{"198.51.100.1, 203.0.113.9"}, "203.0.113.9"},
		{"several fields", "10.0.0.1:80", []string{"198.51.100.1", "203.0.113.9", "10.0.0.2"}, "203.0.113.9"},
		{"with port", "10.0.0.1:80", []string{"203.0.113.9:1234"}, "203.0.113.9"},
		{"IPv6 with port", "[fd00::1]:80", []string{"[2001:db8::1]:1234"}, "2001:db8::1"},
		{"IPv6 in brackets", "[fd00::1]:80", []string{"[2001:db8::1]"}, "2001:db8::1"},
		{"mapped peer", "[::ffff:10.0.0.1]:80", []string{"203.0.113.9"}, "203.0.113.9"},
		{"nonsense in the chain", "10.0.0.1:80", []string{"203.0.113.9, unknown, 10.0.0.2"}, "10.0.0.2"},
		{"nothing but nonsense", "10.0.0.1:80", []string{"unknown"}, "10.0.0.1"},
		{"proxy is the client", "10.0.0.1:80", nil, "10.0.0.1"},
		{"all trusted", "10.0.0.1:80", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		{"empty hop", "10.0.0.1:80", []string{"203.0.113.9,"}, "10.0.0.1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := &http.Request{RemoteAddr: c.peer, Header: http.Header{fieldFor: c.chain}}
			if got := proxies.Client(r); got.String() != c.want {
				t.Errorf("client %v, want %v", got, c.want)
			}
		})
	}
}

func TestClientWithoutAddress(t *testing.T) {
	if got := proxies.Client(&http.Request{RemoteAddr: "pipe"}); got.IsValid() {
		t.Errorf("client %v, want none", got)
	}
}

func TestRewrite(t *testing.T) {
	start := time.Unix(1_700_000_000, 123_456_789)
	base := func(more http.Header) http.Header {
		h := http.Header{
			fieldFor: {"203.0.113.9"}, fieldProto: {"http"}, fieldHost: {"shop.example"}, fieldPort: {"80"},
			fieldRequestID: {"id"}, fieldArrival: {"t=1700000000.123"}, fieldStart: {"1700000000123456789"},
		}
		for k, v := range more {
			h[k] = v
		}
		return h
	}
	for _, c := range []struct {
		name    string
		peer    string
		host    string
		tls     bool
		private bool
		in      http.Header
		late    time.Duration
		want    http.Header
	}{
		{name: "nothing said", want: base(nil)},
		{name: "a client's own words", in: http.Header{
			"Forwarded": {"for=1.2.3.4"}, "X-Forwarded-For": {"1.2.3.4"}, "X-Forwarded-Proto": {"https"},
			"X-Forwarded-Host": {"evil"}, "X-Forwarded-Port": {"1"}, "X-Forwarded-Prefix": {"/admin"},
			"X_forwarded_for": {"1.2.3.4"}, "X-Forwarded_for": {"1.2.3.4"}, "X-Request-Start": {"t=1"},
			"X_request_id": {"x"}, "Maelstrom-Component": {"other"}, "Maelstrom_component": {"other"},
			"Maelstrom-Deadline-Nano": {"9"}, "Maelstrom-Start-Nano": {"9"}, "Maelstrom-Relay-Path": {"a"},
			"X-Requested-With": {"kept"}, "Traceparent": {"00-1-2-01"}, "Forwarded-Not": {"kept"},
		}, want: base(http.Header{
			"X-Requested-With": {"kept"}, "Traceparent": {"00-1-2-01"}, "Forwarded-Not": {"kept"},
		})},
		{name: "https", tls: true, want: base(http.Header{fieldProto: {"https"}, fieldPort: {"443"}})},
		{name: "port in the host", host: "shop.example:8008", want: base(http.Header{
			fieldHost: {"shop.example:8008"}, fieldPort: {"8008"}})},
		{name: "IPv6 host", host: "[2001:db8::1]", want: base(http.Header{fieldHost: {"[2001:db8::1]"}})},
		{name: "trusted proxy", peer: "10.0.0.1:5", in: http.Header{
			fieldFor: {"198.51.100.1, 203.0.113.9", "10.0.0.2"}, fieldProto: {"https"},
			fieldHost: {"front.example"}, fieldPort: {"8443"},
		}, want: base(http.Header{
			fieldFor: {"203.0.113.9, 10.0.0.2, 10.0.0.1"}, fieldProto: {"https"},
			fieldHost: {"front.example"}, fieldPort: {"8443"},
		})},
		{name: "trusted proxy, nonsense", peer: "10.0.0.1:5", in: http.Header{
			fieldFor: {"-"}, fieldProto: {"gopher"}, fieldPort: {"99999"},
		}, want: base(http.Header{fieldFor: {"10.0.0.1"}})},
		{name: "trusted proxy, no port", peer: "10.0.0.1:5", in: http.Header{fieldProto: {"http, HTTPS"}},
			want: base(http.Header{fieldFor: {"10.0.0.1"}, fieldProto: {"https"}, fieldPort: {"443"}})},
		{name: "deadline", late: time.Second, want: base(http.Header{fieldDeadline: {"1700000001123456789"}})},
		{name: "between components", private: true, in: http.Header{
			"Maelstrom-Component": {"shop_web"}, "Maelstrom-Start-Nano": {"17"}, "Maelstrom-Note": {"kept"},
			"Maelstrom-Deadline-Nano": {"18"}, "X-Forwarded-For": {"1.2.3.4"},
			FieldForward: {"shop_web p"}, FieldDeadlineMs: {"1"}, FieldExpect: {"100-continue"},
			"Maelstrom_forward": {"shop_web p"}, "Maelstrom_deadline-Ms": {"1"}, "Maelstrom_expect": {"100-continue"},
		}, want: base(http.Header{fieldStart: {"17"}, "Maelstrom-Note": {"kept"}})},
		{name: "peer without address", peer: "pipe", want: func() http.Header {
			h := base(nil)
			delete(h, fieldFor)
			return h
		}()},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := &http.Request{RemoteAddr: "203.0.113.9:4711", Host: "shop.example", Header: c.in}
			if c.peer != "" {
				r.RemoteAddr = c.peer
			}
			if c.host != "" {
				r.Host = c.host
			}
			if c.tls {
				r.TLS = &tls.ConnectionState{}
			}
			up := Upstream{RequestID: "id", Public: !c.private, Start: start}
			if c.late > 0 {
				up.Deadline = start.Add(c.late)
			}
			out := c.in.Clone()
			if out == nil {
				out = http.Header{}
			}
			proxies.rewrite(out, r, &up)
			if diff := cmp.Diff(c.want, out); diff != "" {
				t.Errorf("header (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRequestID(t *testing.T) {
	for _, c := range []struct {
		name string
		ids  []string
		kept bool
	}{
		{"none", nil, false},
		{"sane", []string{"01HZX-7_a.b:c/d+e=f@g"}, true},
		{"two", []string{"a", "b"}, false},
		{"empty", []string{""}, false},
		{"blank inside", []string{"a b"}, false},
		{"not ASCII", []string{"\u00e4"}, false},
		{"longest", []string{strings.Repeat("a", maxRequestID)}, true},
		{"too long", []string{strings.Repeat("a", maxRequestID+1)}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := RequestID(http.Header{fieldRequestID: c.ids})
			if !saneID(got) || c.kept != (len(c.ids) > 0 && got == c.ids[0]) {
				t.Errorf("id %q of %q, kept should be %v", got, c.ids, c.kept)
			}
		})
	}
	if RequestID(nil) == RequestID(nil) {
		t.Error("two requests got the same id")
	}
}

func TestGRPCTimeout(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"1H": time.Hour, "2M": 2 * time.Minute, "3S": 3 * time.Second, "4m": 4 * time.Millisecond,
		"5u": 5 * time.Microsecond, "6n": 6, "99999999S": 99999999 * time.Second,
		"99999999H": 1e6 * time.Hour,
		"":          -1, "S": -1, "1": -1, "1s": -1, "-1S": -1, "1.5S": -1, "123456789S": -1,
	} {
		got, ok := GRPCTimeout(http.Header{"Content-Type": {"application/grpc+proto"}, "Grpc-Timeout": {text}})
		if !ok {
			got = -1
		}
		if got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
	if _, ok := GRPCTimeout(http.Header{"Content-Type": {"text/html"}, "Grpc-Timeout": {"1S"}}); ok {
		t.Error("a request that is not gRPC has a gRPC timeout")
	}
}

// FuzzRewrite holds what no client may change: the peer's address ends the
// chain, and nothing of a stranger's own chain gets through.
func FuzzRewrite(f *testing.F) {
	f.Add("X-Forwarded-For", "1.2.3.4", "203.0.113.9:1", "a.example")
	f.Add("x_forwarded-for", "1.2.3.4,,", "10.0.0.1:1", "[::1]:80")
	f.Add("Forwarded", "for=\"[::1]\"", "[fd00::1]:1", "")
	f.Fuzz(func(t *testing.T, name, value, peer, host string) {
		in := &http.Request{RemoteAddr: peer, Host: host, Header: http.Header{}}
		in.Header.Add(name, value)
		if _, empty := in.Header[""]; empty {
			return // no server passes a field without a name on
		}
		out := in.Header.Clone()
		proxies.rewrite(out, in, &Upstream{RequestID: "id", Public: true, Start: time.Unix(1, 0)})
		addr := peerAddr(in)
		if chain := out.Get(fieldFor); addr.IsValid() && !strings.HasSuffix(chain, addr.String()) {
			t.Errorf("chain %q does not end with the peer %v", chain, addr)
		}
		if chain := out.Get(fieldFor); addr.IsValid() && !proxies.Has(addr) && chain != addr.String() {
			t.Errorf("chain %q of a stranger %v", chain, addr)
		}
		for got := range out {
			plain := strings.ReplaceAll(strings.ToLower(got), "_", "-")
			if strings.HasPrefix(plain, "x-forwarded-") && got != http.CanonicalHeaderKey(plain) {
				t.Errorf("field %q got through", got)
			}
		}
		if len(out[fieldProto]) != 1 || len(out[fieldHost]) != 1 || len(out[fieldPort]) != 1 {
			t.Errorf("origin missing or doubled: %v", out)
		}
		if client := proxies.Client(in); addr.IsValid() && !client.IsValid() {
			t.Errorf("peer %v has no client", addr)
		}
	})
}
