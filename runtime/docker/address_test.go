package docker

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/network"

	"maelstrom/project"
	"maelstrom/runtime"
	"maelstrom/runtime/drivertest"
)

// answers asks a container until it answers.
func answers(t *testing.T, address string) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for {
		answer, err := http.Get("http://" + address + "/")
		if err == nil {
			answer.Body.Close()
			same(t, "status", answer.StatusCode, http.StatusOK)
			return
		}
		select {
		case <-deadline:
			t.Fatalf("no answer from %s: %v", address, err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func hostOf(t *testing.T, address string) netip.Addr {
	t.Helper()
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		t.Fatalf("address %q: %v", address, err)
	}
	return at.Addr()
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// newNetwork makes a bridge network that lives as long as the test.
func newNetwork(t *testing.T, d *Driver, options network.CreateOptions) string {
	t.Helper()
	name := "drivertest-" + strings.ToLower(rand.Text())
	options.Driver = "bridge"
	if _, err := d.client.NetworkCreate(t.Context(), name, options); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stopAll(t, d)
		if err := d.client.NetworkRemove(context.Background(), name); err != nil {
			t.Error(err)
		}
	})
	return name
}

// Containers on bridges are dialled at their own address.
func TestBridgeAddress(t *testing.T) {
	d := newDriver(t, Options{})
	for _, networkName := range []string{"", "bridge", newNetwork(t, d, network.CreateOptions{}), newNetwork(t, d, network.CreateOptions{Internal: true})} {
		ours, found := started(t, d, component(t, func(c *project.Component) { c.NetworkName = networkName }))
		same(t, "address on "+networkName, hostOf(t, ours.Address).String(), ownAddress(found.NetworkSettings.Networks))
		answers(t, ours.Address)
	}
}

// In the host's network the port is the host's, and the engine tells no address.
func TestHostNetworkAddress(t *testing.T) {
	d := newDriver(t, Options{})
	port := freePort(t)
	ours, _ := started(t, d, component(t, func(c *project.Component) {
		c.NetworkName, c.HTTPPort = "host", port
		c.Environment = []project.EnvVar{{Name: "LISTEN", Value: "127.0.0.1:" + strconv.Itoa(port)}}
	}))
	same(t, "address", ours.Address, "127.0.0.1:"+strconv.Itoa(port))
	answers(t, ours.Address)
	if again, ok := listOne(t, d); !ok || again != ours {
		t.Errorf("List = %+v, want %+v", again, ours)
	}
}

// A container in another's network is dialled at the other's address.
func TestSharedNetworkAddress(t *testing.T) {
	d := newDriver(t, Options{})
	holder, _ := started(t, d, component(t, func(c *project.Component) { c.Command = []string{"hold"} }))
	ours, _ := started(t, d, component(t, func(c *project.Component) { c.NetworkName = "container:" + holder.Name }))
	same(t, "address", ours.Address, holder.Address)
	answers(t, ours.Address)
}

// Where the container's address can't be reached its port is published, on
// loopback only, beside the ports of the user.
func TestPublishedAddress(t *testing.T) {
	d := newDriver(t, Options{Publish: true})
	ours, found := started(t, d, component(t, func(c *project.Component) { c.Ports = []string{"127.0.0.1:0:8080"} }))
	same(t, "host", hostOf(t, ours.Address).String(), "127.0.0.1")
	for _, binding := range found.NetworkSettings.Ports["8080/tcp"] {
		same(t, "published on", binding.HostIP, "127.0.0.1")
	}
	answers(t, ours.Address)
	if again, ok := listOne(t, d); !ok || again != ours {
		t.Errorf("List = %+v, want %+v", again, ours)
	}
}

// A port that the user publishes doesn't change how the container is dialled.
func TestUserPortAddress(t *testing.T) {
	d := newDriver(t, Options{})
	port := freePort(t)
	ours, found := started(t, d, component(t, func(c *project.Component) { c.Ports = []string{strconv.Itoa(port) + ":8080"} }))
	same(t, "address", hostOf(t, ours.Address).String(), ownAddress(found.NetworkSettings.Networks))
	answers(t, "127.0.0.1:"+strconv.Itoa(port))

	_, err := d.Start(t.Context(), drivertest.SpecOf(component(t, func(c *project.Component) { c.Ports = []string{strconv.Itoa(port) + ":8080"} })))
	if !errors.Is(err, runtime.ErrInvalidSpec) || !strings.Contains(err.Error(), strconv.Itoa(port)) {
		t.Errorf("start with the port in use = %v, want ErrInvalidSpec that names it", err)
	}
}

func listOne(t *testing.T, d *Driver) (runtime.Container, bool) {
	t.Helper()
	list, err := d.List(t.Context())
	if err != nil || len(list) != 1 {
		t.Fatalf("List = %+v, %v; want one", list, err)
	}
	return list[0], true
}

func TestBridges(t *testing.T) {
	d := newDriver(t, Options{})
	name := newNetwork(t, d, network.CreateOptions{})
	bridges, err := d.Bridges(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]netip.Addr)
	for _, b := range bridges {
		found[b.Network] = b.Gateway
	}
	for _, network := range []string{"bridge", name} {
		l, err := net.Listen("tcp", net.JoinHostPort(found[network].String(), "0"))
		if err != nil {
			t.Errorf("nothing can listen on the gateway of %s: %v", network, err)
			continue
		}
		l.Close()
	}
}

func TestBridgesOf(t *testing.T) {
	local := []netip.Addr{netip.MustParseAddr("172.17.0.1"), netip.MustParseAddr("fd00::1"), netip.MustParseAddr("10.0.0.5")}
	ipam := func(pairs ...string) network.IPAM {
		var i network.IPAM
		for at := 0; at < len(pairs); at += 2 {
			i.Config = append(i.Config, network.IPAMConfig{Subnet: pairs[at], Gateway: pairs[at+1]})
		}
		return i
	}
	got := bridgesOf([]network.Summary{
		{Name: "far", IPAM: ipam("192.168.9.0/24", "192.168.9.1")},
		{Name: "both", IPAM: ipam("fd00::/64", "fd00::1", "172.17.0.0/16", "172.17.0.1")},
		{Name: "another gateway", IPAM: ipam("10.0.0.0/24", "10.0.0.1")},
		{Name: "a gateway untold", IPAM: ipam("10.0.0.0/24", "")},
		{Name: "nonsense", IPAM: ipam("x", "y")},
	}, local)
	want := []runtime.Bridge{
		{Network: "a gateway untold", Gateway: local[2], Subnet: netip.MustParsePrefix("10.0.0.0/24")},
		{Network: "both", Gateway: local[0], Subnet: netip.MustParsePrefix("172.17.0.0/16")},
		{Network: "both", Gateway: local[1], Subnet: netip.MustParsePrefix("fd00::/64")},
	}
	if len(got) != len(want) {
		t.Fatalf("bridges = %+v, want %+v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("bridge %d = %+v, want %+v", i, got[i], want[i])
		}
	}
}
