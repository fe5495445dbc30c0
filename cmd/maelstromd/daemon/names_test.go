package daemon

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	goruntime "runtime"
	"strings"
	"syscall"
	"testing"

	"maelstrom/cluster"
	"maelstrom/project"
	"maelstrom/runtime"
	"maelstrom/runtime/names"
	"maelstrom/runtime/proxy"
)

func TestPublicServes(t *testing.T) {
	v4, v6 := netip.MustParseAddr("172.17.0.1"), netip.MustParseAddr("fd00::1")
	for _, c := range []struct {
		address string
		port    int
		gateway netip.Addr
		want    bool
	}{
		{"::", 80, v4, true}, {"::", 80, v6, true}, {"::", 8080, v4, false},
		{"0.0.0.0", 80, v4, true}, {"0.0.0.0", 80, v6, false},
		{"172.17.0.1", 80, v4, true}, {"192.0.2.1", 80, v4, false}, {"127.0.0.1", 80, v4, false},
	} {
		d := &Daemon{opt: Options{PublicAddr: netip.MustParseAddr(c.address), PublicPort: c.port}}
		if got := d.publicServes(c.gateway); got != c.want {
			t.Errorf("%s port %d serves %s: %t", c.address, c.port, c.gateway, got)
		}
	}
}

// refusing is a host whose ports can't be had.
func refusing(err syscall.Errno, log *slog.Logger) *serviceNames {
	s := &serviceNames{
		listen: func(context.Context, string, string) (net.Listener, error) { return nil, err },
		public: func(netip.Addr) bool { return false },
		why:    map[runtime.Bridge]error{}, told: map[string]bool{}, log: log,
	}
	s.open.Store(&map[netip.Addr]*openNames{})
	return s
}

// What keeps names from being answered is said once, with the setting; for a
// user who may bind none of the ports once for all networks.
func TestWhyThereAreNoNames(t *testing.T) {
	for err, lines := range map[syscall.Errno]int{syscall.EACCES: 1, syscall.EADDRINUSE: 3} {
		var text bytes.Buffer
		s := refusing(err, slog.New(slog.NewTextHandler(&text, nil)))
		b := &bridgeGateways{names: s}
		var known []runtime.Bridge
		for i := range 3 {
			known = append(known, runtime.Bridge{Network: fmt.Sprint("net", i), Gateway: netip.AddrFrom4([4]byte{10, 0, byte(i), 1})})
		}
		b.remember(known)
		for range 2 {
			for _, bridge := range known {
				s.ensure(t.Context(), bridge)
			}
		}
		if got := strings.Count(text.String(), "MAEL_SERVICE_NAMES=off"); got != lines {
			t.Errorf("%v: %d lines, want %d:\n%s", err, got, lines, text.String())
		}
		if s.reason(known[2]) == nil {
			t.Errorf("%v: no reason is kept", err)
		}
		if got := s.serversOf(known[0]); got != nil {
			t.Errorf("%v: containers are told %v", err, got)
		}
		s.close(known[0])
	}
}

func TestNameServersOfNetworks(t *testing.T) {
	gateway := netip.MustParseAddr("172.17.0.1")
	s := refusing(0, slog.New(slog.DiscardHandler))
	s.open.Store(&map[netip.Addr]*openNames{gateway: {}})
	s.hosts = names.NewUpstream([]netip.AddrPort{
		netip.MustParseAddrPort("10.0.0.1:53"), netip.MustParseAddrPort("172.17.0.1:53"),
		netip.MustParseAddrPort("10.0.0.2:53"), netip.MustParseAddrPort("10.0.0.3:53"),
	})
	b := &bridgeGateways{
		names: s, log: slog.New(slog.DiscardHandler),
		list: func(context.Context) ([]runtime.Bridge, error) { return nil, syscall.ECONNREFUSED },
	}
	b.remember([]runtime.Bridge{{Network: "bridge", Gateway: netip.MustParseAddr("fd00::1")}, {Network: "bridge", Gateway: gateway}})
	for network, want := range map[string]string{
		"": "[172.17.0.1 10.0.0.1 10.0.0.2]", "default": "[172.17.0.1 10.0.0.1 10.0.0.2]", "bridge": "[172.17.0.1 10.0.0.1 10.0.0.2]",
		"host": "[]", "none": "[]", "container:x": "[]", "nobody-knows": "[]",
	} {
		if got := fmt.Sprint(b.nameServers(network)); got != want {
			t.Errorf("on %q: %s, want %s", network, got, want)
		}
	}
	b.names = nil
	if got := b.nameServers("bridge"); got != nil {
		t.Errorf("switched off: %v", got)
	}
}

// Containers on the default network know the components of their project.
func TestHostsOfTheDefaultNetwork(t *testing.T) {
	gateway, other, six := netip.MustParseAddr("172.17.0.1"), netip.MustParseAddr("172.18.0.1"), netip.MustParseAddr("fd00::1")
	bridges := []runtime.Bridge{{Network: "bridge", Gateway: six}, {Network: "bridge", Gateway: gateway}, {Network: "mine", Gateway: other}}
	open := map[netip.Addr]*openNames{}
	for _, bridge := range bridges {
		open[bridge.Gateway] = &openNames{bridge: bridge}
	}
	snap := new(cluster.Snapshot)
	snap.Components = snap.Components.With(map[string]*cluster.ComponentRow{
		"shop_web": {Spec: &project.Component{Project: "shop"}},
		"shop_api": {Spec: &project.Component{Project: "shop"}},
		"blog_web": {Spec: &project.Component{Project: "blog"}},
	}, nil)
	s := refusing(0, slog.New(slog.DiscardHandler))
	s.deps = fixedSnapshot{snap}
	s.open.Store(&open)
	b := &bridgeGateways{names: s, log: slog.New(slog.DiscardHandler), list: func(context.Context) ([]runtime.Bridge, error) { return nil, syscall.ECONNREFUSED }}
	b.remember(bridges)
	all := "[api.shop.internal:172.17.0.1 api.shop.internal:fd00::1 web.shop.internal:172.17.0.1 web.shop.internal:fd00::1]"
	for network, want := range map[string]string{"": all, "default": all, "bridge": all, "mine": "[]", "host": "[]", "container:x": "[]"} {
		if got := fmt.Sprint(b.hosts(&project.Component{Project: "shop", NetworkName: network})); got != want {
			t.Errorf("on %q: %s, want %s", network, got, want)
		}
	}
	s.open.Store(&map[netip.Addr]*openNames{})
	if got := b.hosts(&project.Component{Project: "shop"}); got != nil {
		t.Errorf("where nothing answers: %v", got)
	}
	b.names = nil
	if got := b.hosts(&project.Component{Project: "shop"}); got != nil {
		t.Errorf("switched off: %v", got)
	}
}

type componentsStub struct{}

func (componentsStub) ServeComponent(w http.ResponseWriter, _ *http.Request, component string) {
	fmt.Fprint(w, component)
}

// The public port answers by name to the containers of a network, at its
// gateway address, and to nobody else.
func TestServedOnThePublicPort(t *testing.T) {
	snap := new(cluster.Snapshot)
	snap.Projects = snap.Projects.With(map[string]*cluster.ProjectRow{"shop": {}}, nil)
	snap.Components = snap.Components.With(map[string]*cluster.ComponentRow{"shop_web": {}}, nil)
	s := refusing(0, slog.New(slog.DiscardHandler))
	s.door = &names.Door{Snapshots: fixedSnapshot{snap}, Components: componentsStub{}}
	gateway := netip.MustParseAddr("172.17.0.1")
	s.open.Store(&map[netip.Addr]*openNames{gateway: {bridge: runtime.Bridge{Gateway: gateway, Subnet: netip.MustParsePrefix("172.17.0.0/16")}}})
	for _, c := range []struct {
		local, remote, host string
		want                bool
	}{
		{"[::ffff:172.17.0.1]:80", "172.17.0.9:4000", "web.shop.internal", true},
		{"172.17.0.1:80", "[::ffff:172.17.0.9]:4000", "WEB.shop.internal.:80", true},
		{"172.17.0.1:80", "172.18.0.9:4000", "web.shop.internal", false},
		{"172.18.0.1:80", "172.17.0.9:4000", "web.shop.internal", false},
		{"172.17.0.1:8080", "172.17.0.9:4000", "web.shop.internal", false},
		{"172.17.0.1:80", "172.17.0.9:4000", "web.other.internal", false},
		{"172.17.0.1:80", "172.17.0.9:4000", "www.example.com", false},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Host, r.RemoteAddr = c.host, c.remote
		local := net.TCPAddrFromAddrPort(netip.MustParseAddrPort(c.local))
		r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, net.Addr(local)))
		if got := s.served(httptest.NewRecorder(), r); got != c.want {
			t.Errorf("%s -> %s for %s: %t", c.remote, c.local, c.host, got)
		}
	}
	s.proxies = proxy.Trust{netip.MustParsePrefix("172.17.0.9/32")}
	for remote, want := range map[string]bool{"172.17.0.9:4000": false, "[::ffff:172.17.0.9]:4000": false, "172.17.0.8:4000": true} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Host, r.RemoteAddr = "web.shop.internal", remote
		local := net.TCPAddrFromAddrPort(netip.AddrPortFrom(gateway, 80))
		r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, net.Addr(local)))
		if !s.served(httptest.NewRecorder(), r) {
			t.Errorf("a call of %s itself is not served", remote)
		}
		r.Header.Set("X-Forwarded-For", "203.0.113.7")
		if got := s.served(httptest.NewRecorder(), r); got != want {
			t.Errorf("passed on by %s: served %t", remote, got)
		}
	}
	if (*serviceNames)(nil).served(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil)) {
		t.Error("served though switched off")
	}
}

type fixedSnapshot struct{ snap *cluster.Snapshot }

func (f fixedSnapshot) Snapshot() *cluster.Snapshot { return f.snap }

// failingPackets is a socket that breaks when it is told to.
type failingPackets struct {
	net.PacketConn
	broken chan struct{}
}

func (f *failingPackets) ReadFrom([]byte) (int, net.Addr, error) {
	<-f.broken
	return 0, nil, syscall.ENODEV
}

// A socket that breaks is closed with what belongs to it, and opened again.
func TestNamesComeBack(t *testing.T) {
	broken := make(chan struct{})
	s := refusing(0, slog.New(slog.DiscardHandler))
	s.door = &names.Door{}
	s.server = func(h http.Handler) *http.Server { return &http.Server{Handler: h} }
	var web []net.Listener
	s.listen = func(ctx context.Context, _, _ string) (net.Listener, error) {
		listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
		web = append(web, listener)
		return listener, err
	}
	s.packets = func(ctx context.Context, _, _ string) (net.PacketConn, error) {
		packets, err := new(net.ListenConfig).ListenPacket(ctx, "udp", "127.0.0.1:0")
		return &failingPackets{PacketConn: packets, broken: broken}, err
	}
	bridge := runtime.Bridge{Network: "bridge", Gateway: netip.MustParseAddr("172.17.0.1")}
	s.ensure(t.Context(), bridge)
	first := s.at(bridge.Gateway)
	if first == nil {
		t.Fatal(s.reason(bridge))
	}
	close(broken)
	<-first.ended
	for s.at(bridge.Gateway) == first {
		goruntime.Gosched()
	}
	broken = make(chan struct{})
	s.ensure(t.Context(), bridge)
	if s.at(bridge.Gateway) == nil || len(web) != 4 {
		t.Errorf("not opened again: %v", s.reason(bridge))
	}
	defer close(broken)
	_, err := web[0].Accept()
	if err == nil {
		t.Error("its door is still open")
	}
}
