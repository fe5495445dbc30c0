package reconcile

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func TestNetworksAllow(t *testing.T) {
	for _, c := range []struct {
		networks, addr string
		want           bool
	}{
		{"", "127.0.0.1", true},
		{"", "::1", true},
		{"", "10.1.2.3", true},
		{"", "203.0.113.7", true},
		{"", "169.254.169.254", false},
		{"", "::ffff:169.254.169.254", false},
		{"", "fe80::1", false},
		{"", "fe80::1%eth0", false},
		{"", "fd00:ec2::254", false},
		{"", "0.0.0.0", false},
		{"", "224.0.0.1", false},
		{"10.0.0.0/8 192.0.2.7/32", "10.255.0.1", true},
		{"10.0.0.0/8 192.0.2.7/32", "::ffff:10.255.0.1", true},
		{"10.0.0.0/8 192.0.2.7/32", "192.0.2.7", true},
		{"10.0.0.0/8 192.0.2.7/32", "192.0.2.8", false},
		{"10.0.0.0/8", "127.0.0.1", false},
		{"169.254.0.0/16", "169.254.1.1", true},
	} {
		var networks Networks
		for _, network := range strings.Fields(c.networks) {
			networks = append(networks, netip.MustParsePrefix(network))
		}
		if err := networks.Allow(netip.MustParseAddr(c.addr)); (err == nil) != c.want {
			t.Errorf("%q, %s: %v", c.networks, c.addr, err)
		}
	}
}

func TestDialerLooksAtWhatANameResolvedTo(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	conn, err := Networks(nil).Dialer(time.Minute).DialContext(t.Context(), "tcp4", "localhost:"+port)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	_, err = Networks{netip.MustParsePrefix("10.0.0.0/8")}.Dialer(time.Minute).DialContext(t.Context(), "tcp4", "localhost:"+port)
	if err == nil || !strings.Contains(err.Error(), "127.0.0.1") {
		t.Errorf("error %v", err)
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	for _, c := range []struct {
		header http.Header
		want   time.Duration
	}{
		{http.Header{}, 0},
		{http.Header{"Retry-After": {"7"}}, 7 * time.Second},
		{http.Header{"Retry-After": {"-7"}}, 0},
		{http.Header{"Retry-After": {now.Add(time.Minute).UTC().Format(http.TimeFormat)}}, time.Minute},
		{http.Header{"Retry-After": {now.Add(-time.Minute).UTC().Format(http.TimeFormat)}}, 0},
		{http.Header{"Retry-After": {"soon"}}, 0},
		{http.Header{"Retry-After": {"7200"}}, time.Hour},
		{http.Header{"Retry-After": {"99999999999999"}}, time.Hour},
		{http.Header{"X-Ratelimit-Remaining": {"0"}, "X-Ratelimit-Reset": {"1700000060"}}, time.Minute},
		{http.Header{"X-Ratelimit-Remaining": {"3"}, "X-Ratelimit-Reset": {"1700000060"}}, 0},
	} {
		if got := RetryAfter(c.header, now); got != c.want {
			t.Errorf("%v: %s, want %s", c.header, got, c.want)
		}
	}
}
