package daemon

import (
	"net/netip"
	"testing"
)

func TestWhereANodeIsReached(t *testing.T) {
	for _, c := range []struct{ bound, said, want string }{
		{"", "", "127.0.0.1:8374"},
		{"10.0.0.5:8376", "", "10.0.0.5:8376"},
		{"node1.example:8376", "", "node1.example:8376"},
		{":8376", "10.0.0.9", "10.0.0.9:8376"},
		{":8376", "node1.example:443", "node1.example:443"},
		{"10.0.0.5:8376", "fd00::7", "[fd00::7]:8376"},
		{"10.0.0.5:8376", "[fd00::7]:443", "[fd00::7]:443"},
	} {
		opt := DefaultOptions()
		opt.PeerAddr, opt.PeerAdvertise = c.bound, c.said
		if got := (&Daemon{opt: opt}).address(); got != c.want {
			t.Errorf("bound %q, said %q: %s, want %s", c.bound, c.said, got, c.want)
		}
	}
}

// What is detected is an address of this machine that others can dial, with
// the bound port, or this machine alone where there is none.
func TestAnAddressIsDetected(t *testing.T) {
	for _, bound := range []string{":8376", "0.0.0.0:8376", "[::]:8376"} {
		for _, dsn := range []string{"", "host=127.0.0.1 dbname=x", "host=203.0.113.7 dbname=x", "host=/run/postgresql dbname=x"} {
			opt := DefaultOptions()
			opt.SQLDriver, opt.SQLDSN, opt.PeerAddr = "postgres", dsn, bound
			found, err := netip.ParseAddrPort((&Daemon{opt: opt}).address())
			if err != nil || found.Port() != 8376 || found.Addr().IsUnspecified() {
				t.Errorf("bound %q, database %q: %v, %v", bound, dsn, found, err)
			}
		}
	}
}

func TestWhatCanBeAdvertised(t *testing.T) {
	for value, good := range map[string]bool{
		"10.0.0.5": true, "node1": true, "node1.example:8376": true, "fd00::7": true, "[fd00::7]": true, "[fd00::7]:1": true,
		"": false, ":8376": false, "0.0.0.0": false, "[::]:8376": false, "http://node1": false, "node1:0": false, "node1:x": false, "a b": false,
		"user@node1": false, "10.0.0.5:70000": false,
	} {
		if _, err := parseAdvertised(value); (err == nil) != good {
			t.Errorf("%q: %v", value, err)
		}
	}
}
