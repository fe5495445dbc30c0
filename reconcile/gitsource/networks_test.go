package gitsource

import (
	"net"
	"net/netip"
	"strings"
	"testing"
)

func TestAllowed(t *testing.T) {
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
		{"10.0.0.0/8, 192.0.2.7", "10.255.0.1", true},
		{"10.0.0.0/8, 192.0.2.7", "::ffff:10.255.0.1", true},
		{"10.0.0.0/8, 192.0.2.7", "192.0.2.7", true},
		{"10.0.0.0/8, 192.0.2.7", "192.0.2.8", false},
		{"10.0.0.0/8", "127.0.0.1", false},
		{"169.254.0.0/16", "169.254.1.1", true},
	} {
		networks, err := ParseNetworks(c.networks)
		if err != nil {
			t.Fatal(err)
		}
		if err := allowed(networks, netip.MustParseAddr(c.addr)); (err == nil) != c.want {
			t.Errorf("%q, %s: %v", c.networks, c.addr, err)
		}
	}
}

func TestParseNetworksNamesWhatItCantRead(t *testing.T) {
	if _, err := ParseNetworks("10.0.0.0/8,example.com"); err == nil || !strings.Contains(err.Error(), "example.com") {
		t.Errorf("error %v", err)
	}
}

func TestGuardedDialerLooksAtWhatANameResolvedTo(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	conn, err := guardedDialer(nil).DialContext(t.Context(), "tcp4", "localhost:"+port)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	_, err = guardedDialer([]netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}).DialContext(t.Context(), "tcp4", "localhost:"+port)
	if err == nil || !strings.Contains(err.Error(), "127.0.0.1") {
		t.Errorf("error %v", err)
	}
}
