package main

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"golang.org/x/net/dns/dnsmessage"

	"maelstrom/cluster/rpc"
	"maelstrom/runtime"
	"maelstrom/runtime/drivertest"
)

// outside is a name that only the name server of the tests knows.
const outside, outsideAddress = "outside.example.test", "192.0.2.77"

// bridge makes a bridge network of the engine and returns its gateway address.
func (e *engine) bridge(t testing.TB, name string) netip.Addr {
	t.Helper()
	if _, err := e.NetworkCreate(t.Context(), name, network.CreateOptions{Driver: "bridge"}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.NetworkRemove(context.Background(), name); err != nil {
			t.Errorf("clean up: %v", err)
		}
	})
	return e.gateway(t, name)
}

func (e *engine) gateway(t testing.TB, name string) netip.Addr {
	t.Helper()
	found, err := e.NetworkInspect(t.Context(), name, network.InspectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return netip.MustParseAddr(found.IPAM.Config[0].Gateway)
}

// serveOutside is the name server of a host, on port 53 of an address.
func serveOutside(t testing.TB, at netip.Addr) {
	t.Helper()
	packets, err := net.ListenPacket("udp", netip.AddrPortFrom(at, 53).String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { packets.Close() })
	go func() {
		buffer := make([]byte, 4096)
		for {
			n, from, err := packets.ReadFrom(buffer)
			if err != nil {
				return
			}
			if reply, err := replyOutside(buffer[:n]); err == nil {
				_, _ = packets.WriteTo(reply, from)
			}
		}
	}()
}

func replyOutside(query []byte) ([]byte, error) {
	var m dnsmessage.Message
	if err := m.Unpack(query); err != nil {
		return nil, err
	}
	m.Response, m.RecursionAvailable, m.Additionals = true, true, nil
	q := m.Questions[0]
	switch {
	case q.Name.String() != outside+".":
		m.RCode = dnsmessage.RCodeNameError
	case q.Type == dnsmessage.TypeA:
		m.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, TTL: 1},
			Body:   &dnsmessage.AResource{A: netip.MustParseAddr(outsideAddress).As4()},
		}}
	}
	return m.Pack()
}

// resolved is what /resolve tells of a name.
type resolved struct {
	Addresses []string
	NotFound  bool
	Error     string
}

// containerOf is the one container of a component.
func (n *node) containerOf(component string) container.InspectResponse {
	n.t.Helper()
	args := ofNode(n.id)
	args.Add("label", runtime.LabelComponent+"="+component)
	list, err := n.engine.ContainerList(n.t.Context(), container.ListOptions{Filters: args})
	if err != nil || len(list) != 1 {
		n.t.Fatalf("containers of %s: %v, %v", component, list, err)
	}
	found, err := n.engine.ContainerInspect(n.t.Context(), list[0].ID)
	if err != nil {
		n.t.Fatal(err)
	}
	return found
}

// inside asks a container itself: that works without the daemon.
func (n *node) inside(component, path string, query url.Values, to any) {
	n.t.Helper()
	for _, settings := range n.containerOf(component).NetworkSettings.Networks {
		r, err := http.NewRequest(http.MethodGet, "http://"+net.JoinHostPort(settings.IPAddress, "8080")+path+"?"+query.Encode(), nil)
		if err != nil {
			n.t.Fatal(err)
		}
		got := do(r)
		if got.err != nil || json.Unmarshal([]byte(got.body), to) != nil {
			n.t.Fatalf("%s of %s: %s", path, component, got)
		}
	}
}

func (n *node) wantResolved(component, name string, want ...string) {
	n.t.Helper()
	var got resolved
	n.inside(component, "/resolve", url.Values{"name": {name}}, &got)
	if !slices.Equal(got.Addresses, want) || len(want) == 0 && !got.NotFound {
		n.t.Errorf("%s resolves %s to %+v, want %v", component, name, got, want)
	}
}

// callAs lets a container send a request to any address, for any host.
func (n *node) callAs(component, method, base, path, host string) called {
	n.t.Helper()
	var got called
	n.inside(component, "/call", url.Values{"method": {method}, "base": {base}, "path": {path}, "host": {host}}, &got)
	if got.Error != "" {
		n.t.Fatalf("%s %s%s from %s: %s", method, base, path, component, got.Error)
	}
	return got
}

// namesYAML is a project with a component on each kind of network, and one
// that sleeps until it is called.
func namesYAML(image, user, taken string) string {
	return projectOf("names",
		web{name: "front", image: image},
		web{name: "usernet", image: image, lines: []string{"networkname: " + user}},
		web{name: "taken", image: image, lines: []string{"networkname: " + taken}},
		web{name: "hosted", image: image, lines: []string{"networkname: host", "httpport: 18973", environment("LISTEN=127.0.0.1:18973")}},
		web{name: "chosen", image: image, lines: []string{`dns: ["192.0.2.53"]`}},
	) + `
  inner_one:
    image: ` + image + `
    environment: ["ROLE=inner"]
`
}

// The ports of names are there once: these tests run one after the other, and
// before those that run in parallel.
func TestServiceNames(t *testing.T) {
	e, image := hostEngine(t), drivertest.BuildImage(t)
	suffix := strconv.Itoa(freePort(t))
	taken, user := "names-taken-"+suffix, "names-user-"+suffix
	upstream, userGateway := e.bridge(t, taken), e.bridge(t, user)
	defaultGateway := e.gateway(t, "bridge")
	serveOutside(t, upstream)
	n := newNode(t, "MAEL_SERVICE_NAMES=on", "MAEL_SERVICE_NAMES_UPSTREAM="+upstream.String())
	n.apply(namesYAML(image, user, taken))
	for _, name := range []string{"front", "usernet", "taken", "hosted", "chosen"} {
		n.mustGet(name+".localhost", "/")
	}

	for component, gateway := range map[string]netip.Addr{"names_front": defaultGateway, "names_usernet": userGateway} {
		t.Run(component, func(t *testing.T) { testNamesFrom(t, n, component, gateway) })
	}
	t.Run("what containers are told", func(t *testing.T) { testNameServers(t, n, upstream, defaultGateway, userGateway, taken) })
	t.Run("a network of today", func(t *testing.T) { testNewNetwork(t, n, "names-new-"+suffix, image) })
	t.Run("doctor", func(t *testing.T) {
		checks := n.doctor()
		for name, want := range map[string]rpc.CheckStatus{"names.bridge": rpc.CheckOK, "names." + user: rpc.CheckOK, "names." + taken: rpc.CheckWarning} {
			if c := checks[name]; c.Status != want {
				t.Errorf("%s: %+v", name, c)
			}
		}
	})
	t.Run("without the daemon", func(t *testing.T) {
		n.signal(syscall.SIGKILL)
		n.awaitExit()
		for _, component := range []string{"names_front", "names_usernet"} {
			n.wantResolved(component, outside, outsideAddress)
			n.wantResolved(component, "missing.example.test")
		}
		n.wantResolved("names_front", "inner_one.names.internal", defaultGateway.String()) // known without asking
		n.start()
		n.wantResolved("names_front", "inner_one.names.internal", defaultGateway.String())
		n.wantResolved("names_usernet", "inner_one.names.internal", userGateway.String())
	})
}

// testNamesFrom calls components by name from inside one.
func testNamesFrom(t *testing.T, n *node, component string, gateway netip.Addr) {
	const name = "inner_one.names.internal"
	n.wantResolved(component, name, gateway.String())
	n.wantResolved(component, strings.ToUpper(name)+".", gateway.String())
	n.wantResolved(component, "nobody.names.internal")
	n.wantResolved(component, outside, outsideAddress)
	n.wantResolved(component, "missing.example.test")
	n.wantResolved(component, "metadata.google.internal")

	if _, err := n.client().Sleep(t.Context(), rpc.SleepRequest{Name: "names_inner_one"}); err != nil {
		t.Fatal(err)
	}
	n.awaitState("names_inner_one", rpc.ComponentAsleep)
	private := strconv.Itoa(n.private)
	for _, base := range []string{"http://" + name, "http://" + strings.ToUpper(name) + ".:80", "http://" + name + ":" + private} {
		if got := n.callAs(component, http.MethodGet, base, "/env", ""); got.Status != http.StatusOK || !strings.Contains(got.Body, "ROLE=inner") {
			t.Errorf("GET %s: %+v", base, got)
		}
	}
	if got := n.callFrom(strings.TrimPrefix(component, "names_")+".localhost", http.MethodGet, "/env", "names_inner_one"); !strings.Contains(got.Body, "ROLE=inner") {
		t.Errorf("by MAELSTROM_PRIVATE_URL: %+v", got)
	}

	at := "http://" + gateway.String()
	for _, c := range []struct {
		method, path, host string
		status             int
	}{
		{http.MethodGet, "/", "nobody.names.internal", http.StatusNotFound},
		{http.MethodGet, "/", "names.internal", http.StatusNotFound},
		{http.MethodGet, "/", "", http.StatusNotFound},
		{http.MethodGet, "/", "front.localhost", http.StatusNotFound},
		{http.MethodPost, rpc.PathAPI, "", http.StatusNotFound},
		{http.MethodPost, rpc.PathAPI, name, http.StatusNotFound},
		{http.MethodGet, rpc.PathLogs, name, http.StatusNotFound},
		{http.MethodGet, rpc.PathMetrics, "", http.StatusNotFound},
		{http.MethodGet, "/_mael_health_check", "", http.StatusOK},
		{http.MethodGet, "/_mael_health_check", name, http.StatusOK},
	} {
		if got := n.callAs(component, c.method, at, c.path, c.host); got.Status != c.status {
			t.Errorf("%s %s for %q: %+v", c.method, c.path, c.host, got)
		}
	}
}

// testNameServers looks at what the engine was told of each container.
func testNameServers(t *testing.T, n *node, upstream, defaultGateway, userGateway netip.Addr, taken string) {
	for component, want := range map[string][]string{
		"names_front":   {defaultGateway.String(), upstream.String()},
		"names_usernet": {userGateway.String(), upstream.String()},
		"names_taken":   nil,
		"names_hosted":  nil,
		"names_chosen":  {"192.0.2.53"},
	} {
		if got := n.containerOf(component).HostConfig.DNS; !slices.Equal(got, want) && len(got)+len(want) > 0 {
			t.Errorf("%s has %q, want %q", component, got, want)
		}
	}
	hosts := []string{}
	for _, name := range []string{"chosen", "front", "hosted", "inner_one", "taken", "usernet"} {
		hosts = append(hosts, name+".names.internal:"+defaultGateway.String())
	}
	for component, want := range map[string][]string{"names_front": hosts, "names_usernet": nil, "names_hosted": nil, "names_chosen": nil} {
		if got := n.containerOf(component).HostConfig.ExtraHosts; !slices.Equal(got, want) && len(got)+len(want) > 0 {
			t.Errorf("%s knows %q, want %q", component, got, want)
		}
	}
	if !n.log.has("level=WARN", "find no components by name", taken, "port 53", "MAEL_SERVICE_NAMES") {
		t.Error("nothing says why a network has no names")
	}
}

// testNewNetwork starts a component on a network that the daemon has never
// seen.
func testNewNetwork(t *testing.T, n *node, name, image string) {
	gateway := n.engine.bridge(t, name)
	t.Cleanup(func() {
		if _, err := n.client().RemoveProject(context.Background(), rpc.RemoveProjectRequest{Name: "newer"}); err != nil {
			t.Fatal(err)
		}
		n.awaitGone("newer_web")
	})
	n.apply(projectOf("newer", web{name: "web", image: image, lines: []string{"networkname: " + name}}))
	n.mustGet("web.localhost", "/")
	n.wantResolved("newer_web", "web.newer.internal", gateway.String())
	if got := n.callFrom("web.localhost", http.MethodGet, "/env", "names_inner_one"); got.Status != http.StatusOK {
		t.Errorf("by MAELSTROM_PRIVATE_URL: %+v", got)
	}
}

// awaitGone waits until the engine has no container of a component.
func (n *node) awaitGone(component string) {
	n.t.Helper()
	args := ofNode(n.id)
	args.Add("label", runtime.LabelComponent+"="+component)
	n.await("no container of "+component, patience, func() bool {
		list, err := n.engine.ContainerList(context.Background(), container.ListOptions{All: true, Filters: args})
		return err == nil && len(list) == 0
	})
}

// Where the public port is 80, it is the one that answers by name too, before
// its own rules, and only to containers.
func TestServiceNamesOnThePublicPort(t *testing.T) {
	image := drivertest.BuildImage(t)
	n := prepareNode(t, "MAEL_SERVICE_NAMES=on", "MAEL_PUBLIC_ADDR=0.0.0.0")
	n.public = 80
	n.start()
	n.apply(`
name: public
components:
  front:
    image: ` + image + `
    environment: ["ROLE=front"]
    eventsources:
      front-http: {http: {hostname: front.localhost}}
      same-http: {http: {hostname: inner.public.internal}}
  inner:
    image: ` + image + `
    environment: ["ROLE=inner"]
`)
	n.mustGet("front.localhost", "/")
	const name = "http://inner.public.internal"
	if got := n.callAs("public_front", http.MethodGet, name, "/env", ""); !strings.Contains(got.Body, "ROLE=inner") {
		t.Errorf("from inside: %+v", got)
	}
	if got := n.get("inner.public.internal", "/env"); !strings.Contains(got.body, "ROLE=front") {
		t.Errorf("from outside: %s", got)
	}
	at := "http://" + n.engine.gateway(t, "bridge").String()
	if got := n.callAs("public_front", http.MethodGet, at, "/env", "front.localhost"); !strings.Contains(got.Body, "ROLE=front") {
		t.Errorf("a rule, from inside: %+v", got)
	}
	if got := n.callAs("public_front", http.MethodPost, name, rpc.PathAPI, ""); got.Status != http.StatusNotFound {
		t.Errorf("the API by a name: %+v", got)
	}
	if got := n.callAs("public_front", http.MethodGet, at, "/", "nobody.public.internal"); got.Status != http.StatusNotFound {
		t.Errorf("nobody: %+v", got)
	}
}
