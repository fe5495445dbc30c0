package names

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

// upstreamOf reads two files in place of the host's.
func upstreamOf(t *testing.T, host, resolved string, fixed ...string) *Upstream {
	t.Helper()
	var servers []netip.AddrPort
	for _, text := range fixed {
		servers = append(servers, netip.MustParseAddrPort(text))
	}
	u := NewUpstream(servers)
	dir := t.TempDir()
	u.files = []string{filepath.Join(dir, "host"), filepath.Join(dir, "resolved")}
	for i, text := range []string{host, resolved} {
		if text == "" {
			continue
		}
		if err := os.WriteFile(u.files[i], []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return u
}

func TestUpstream(t *testing.T) {
	const one, two = "# mine\nsearch lan\nnameserver 10.0.0.1\nnameserver\t10.0.0.2 # second\nnameserver 10.0.0.1\nnameserver x\n", "nameserver 192.168.1.1\n"
	for _, c := range []struct {
		name           string
		host, resolved string
		fixed          []string
		ipv6           bool
		asked, told    string
	}{
		{name: "the host's", host: one, resolved: two, asked: "[10.0.0.1:53 10.0.0.2:53]", told: "[10.0.0.1 10.0.0.2]"},
		{name: "those behind systemd-resolved", host: "nameserver 127.0.0.53\n", resolved: two, asked: "[192.168.1.1:53]", told: "[192.168.1.1]"},
		{name: "loopback among others", host: "nameserver ::1\n" + two, asked: "[192.168.1.1:53]", told: "[192.168.1.1]"},
		{name: "loopback alone", host: "nameserver 127.0.0.1\n", asked: "[127.0.0.1:53]", told: "[8.8.8.8 8.8.4.4]"},
		{name: "no file", asked: "[8.8.8.8:53 8.8.4.4:53]", told: "[8.8.8.8 8.8.4.4]"},
		{name: "no line", host: "options rotate\n", asked: "[8.8.8.8:53 8.8.4.4:53]", told: "[8.8.8.8 8.8.4.4]"},
		{name: "IPv6 where containers have none", host: "nameserver fd00::53\n" + two, asked: "[[fd00::53]:53 192.168.1.1:53]", told: "[192.168.1.1]"},
		{name: "IPv6", host: "nameserver fd00::53\nnameserver fe80::1%eth0\n", ipv6: true, asked: "[[fd00::53]:53 [fe80::1%eth0]:53]", told: "[fd00::53]"},
		{name: "given", host: one, fixed: []string{"10.9.9.9:53", "127.0.0.1:53", "10.9.9.8:5353"}, asked: "[10.9.9.9:53 127.0.0.1:53 10.9.9.8:5353]", told: "[10.9.9.9]"},
		{name: "given, out of containers' reach", host: two, fixed: []string{"127.0.0.1:5353"}, asked: "[127.0.0.1:5353]", told: "[192.168.1.1]"},
	} {
		u := upstreamOf(t, c.host, c.resolved, c.fixed...)
		if got := fmt.Sprint(u.Servers()); got != c.asked {
			t.Errorf("%s: asked %s, want %s", c.name, got, c.asked)
		}
		if got := fmt.Sprint(u.Containers(c.ipv6)); got != c.told {
			t.Errorf("%s: containers are told %s, want %s", c.name, got, c.told)
		}
	}
}

func TestUpstreamFollowsTheFile(t *testing.T) {
	u := upstreamOf(t, "nameserver 10.0.0.1\n", "")
	synctest.Test(t, func(t *testing.T) {
		want := func(servers string) {
			t.Helper()
			<-time.After(lookAgain)
			if got := fmt.Sprint(u.Servers()); got != servers {
				t.Errorf("asked %s, want %s", got, servers)
			}
		}
		want("[10.0.0.1:53]")
		if err := os.WriteFile(u.files[0], []byte("nameserver 10.0.0.200\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		want("[10.0.0.200:53]")
		if err := os.Remove(u.files[0]); err != nil {
			t.Fatal(err)
		}
		want("[8.8.8.8:53 8.8.4.4:53]")
	})
}
