package main

import (
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"maelstrom/cluster"
	"maelstrom/cluster/rpc"
	"maelstrom/runtime/drivertest"
)

// newAsked returns a node that runs nothing itself, and one that runs all.
func newAsked(t *testing.T) (asker, owner *node) {
	t.Helper()
	_, dsn := emptyDatabase(t, postgres)
	var pair []*node
	for _, memory := range []string{"0", "1024"} {
		_, env := peerEnv(t, "MAEL_SQL_DRIVER=postgres", "MAEL_SQL_DSN="+dsn, "MAEL_TOTAL_MEMORY="+memory)
		pair = append(pair, newNode(t, env...))
	}
	awaitHeard(pair...)
	return pair[0], pair[1]
}

// awaitHeard waits until nodes hear each other.
func awaitHeard(nodes ...*node) {
	for _, n := range nodes {
		for _, other := range nodes {
			if n != other {
				n.t.Helper()
				n.await("hears "+other.id, patience, func() bool {
					return n.nodeRow(other.id).State == cluster.NodeUp && n.log.has("node is heard", other.id)
				})
			}
		}
	}
}

// placeEverywhere starts one instance of a component on each of two nodes.
func placeEverywhere(t *testing.T, n *node, lines ...string) web {
	t.Helper()
	w := web{name: "web", image: drivertest.BuildImage(t), lines: append(lines, "mininstances: 2", "maxinstancespernode: 1", "reservememory: 16")}
	n.apply(projectOf("shop", w))
	n.await("an instance on each node", patience, func() bool { return len(n.placedOn("shop_web")) == 2 })
	return w
}

// awaitComponent waits until a node knows a component that another was told of.
func (n *node) awaitComponent(name string) {
	n.t.Helper()
	n.await("the component", patience, func() bool {
		list, err := n.client().ListComponents(n.t.Context(), rpc.ListComponentsRequest{Prefix: name})
		if err != nil {
			n.t.Fatal(err)
		}
		return len(list.Components) == 1
	})
}

// counted is a metric of a node, zero if it has no such line.
func (n *node) counted(metric string) float64 {
	n.t.Helper()
	line := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(metric) + ` (\S+)$`).FindStringSubmatch(n.getPrivate("", "/metrics").body)
	if line == nil {
		return 0
	}
	value, err := strconv.ParseFloat(line[1], 64)
	if err != nil {
		n.t.Fatal(err)
	}
	return value
}

// forwardedTo is what became of the requests that other nodes sent to n.
func (n *node) forwardedTo(outcome string) float64 {
	return n.counted(`maelstrom_forwarded_requests_total{outcome="` + outcome + `"}`)
}

// What a component can do at its own node it can at every other.
func TestForwardedProtocols(t *testing.T) {
	t.Parallel()
	asker, owner := newAsked(t)
	image := drivertest.BuildImage(t)
	plain := web{name: "plain", image: image, lines: []string{"maxconcurrency: 10", "reservememory: 16"}}
	h2c := web{name: "h2c", image: image, lines: []string{"maxconcurrency: 10", "reservememory: 16", "protocol: h2c"}}
	asker.apply(projectOf("protocols", plain, h2c))
	asker.mustGet(plain.host(), "/")

	t.Run("WebSocket", func(t *testing.T) { testWebSocket(t, asker, plain.host()) })
	t.Run("event stream", func(t *testing.T) { testEvents(t, asker, plain.host()) })
	t.Run("h2c to the container", func(t *testing.T) {
		if got := asker.echo(t, clients, h2c.host()); got.Proto != "HTTP/2.0" || got.Body != "body" {
			t.Errorf("the container sees %+v", got)
		}
	})
	t.Run("fields of the asker", func(t *testing.T) {
		testForwarded(t, asker, plain.host())
		got := asker.echo(t, clients, plain.host(), "X-Request-Id", "my-own", "Maelstrom-Forward", "protocols_h2c x", "Traceparent", "00-1-2-01")
		if got.Header.Get("X-Request-Id") != "my-own" || got.Header.Get("Traceparent") != "00-1-2-01" {
			t.Errorf("the container sees %v", got.Header)
		}
		for field := range got.Header {
			switch field {
			case "Maelstrom-Forward", "Maelstrom-Deadline-Ms", "Maelstrom-Expect", "Expect":
				t.Errorf("the container sees %s", field)
			}
		}
	})
	t.Run("expected body", func(t *testing.T) {
		got := asker.echo(t, &http.Client{Transport: &http.Transport{ExpectContinueTimeout: patience, DisableKeepAlives: true}}, plain.host(), "Expect", "100-continue")
		if got.Header.Get("Expect") != "100-continue" || got.Body != "body" {
			t.Errorf("the container sees %+v", got)
		}
	})
	t.Run("chunked", func(t *testing.T) {
		r := asker.request(t.Context(), http.MethodPost, plain.host(), "/upload", io.MultiReader(strings.NewReader("in "), strings.NewReader("parts")))
		if got := do(r); !strings.HasPrefix(got.body, "8 ") {
			t.Error(got)
		}
	})
	t.Run("large header", func(t *testing.T) {
		var fields []string
		for n := range 5_000 { // short ones, which HTTP/2 counts as much longer
			fields = append(fields, "x-"+strconv.Itoa(n), "")
		}
		if got := asker.echo(t, clients, plain.host(), fields...); len(got.Header) < 5_000 {
			t.Errorf("the container sees %d fields", len(got.Header))
		}
	})
	t.Run("large bodies", func(t *testing.T) { testLargeBodies(t, asker, plain.host()) })
	t.Run("gRPC trailers", func(t *testing.T) { testTrailers(t, asker, h2c.host()) })
	t.Run("by the private port", func(t *testing.T) {
		if got := asker.getPrivate("protocols_plain", "/"); got.status != http.StatusOK {
			t.Error(got)
		}
	})
	t.Run("nobody but a node forwards", func(t *testing.T) {
		placement := owner.ps("protocols_plain")[0].Placement
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true}}
		defer client.CloseIdleConnections()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+owner.nodeRow(owner.id).Address+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Maelstrom-Forward", "protocols_plain "+placement)
		r.Header.Set("Authorization", "Bearer "+owner.token())
		got, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		got.Body.Close()
		if got.StatusCode != http.StatusNotFound {
			t.Error(got.Status)
		}
	})
	if served := owner.forwardedTo("served"); served < 10 || owner.counted(`maelstrom_requests_total{code="200",component="protocols_plain",reason=""}`) > 0 {
		t.Errorf("the owner counted %v", served)
	}
}

// However many come at whatever node, a slot is one slot: nobody fails, and one
// container is started for all.
func TestForwardedShareSlots(t *testing.T) {
	t.Parallel()
	asker, owner := newAsked(t)
	seen := owner.engine.watch(t, owner.id)
	w := web{name: "web", image: drivertest.BuildImage(t), lines: []string{"maxconcurrency: 2", "maxinstances: 1"}}
	owner.apply(projectOf("shop", w))
	asker.awaitComponent("shop_web")
	const each = 30
	var all sync.WaitGroup
	for _, n := range []*node{asker, owner} {
		for range each {
			all.Go(func() {
				if got := n.get(w.host(), "/?ms=20"); got.status != http.StatusOK {
					t.Errorf("asked at %s: %s", n.id, got)
				}
			})
		}
	}
	all.Wait()
	if starts := seen.starts(""); starts != 1 {
		t.Errorf("%d containers were started, want one", starts)
	}
	t.Logf("served %v, full %v, gone %v", owner.forwardedTo("served"), owner.forwardedTo("full"), owner.forwardedTo("gone"))
	if served := owner.forwardedTo("served"); served < each {
		t.Errorf("%v were forwarded", served)
	}

	// A container that dies between two requests costs nobody his request.
	died := owner.engine.only(t, owner.id).ID
	if err := owner.engine.ContainerKill(t.Context(), died, "KILL"); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		asker.mustGet(w.host(), "/")
	}
	if now := owner.engine.only(t, owner.id).ID; now == died {
		t.Error("the container that was killed is still there")
	}
}

// A node that freezes, goes on, and is killed: who asks the other one notices
// nothing.
func TestForwardedSurviveTheirOwner(t *testing.T) {
	t.Parallel()
	asker, owner := newPair(t)
	w := placeEverywhere(t, asker, "maxconcurrency: 10")
	traffic := asker.steady(t, 3, w.host(), "/?ms=10")
	more := func(what string) {
		t.Helper()
		from := traffic.count()
		asker.await(what, patience, func() bool { return traffic.count() >= from+50 })
	}
	more("answers")
	owner.signal(syscall.SIGSTOP)
	asker.await("the silence", patience, func() bool { return asker.log.has("node is no longer heard", owner.id) })
	more("answers beside a frozen node")
	owner.signal(syscall.SIGCONT)
	from := owner.forwardedTo("served")
	owner.await("forwarded requests again", patience, func() bool { return owner.forwardedTo("served") > from+10 })
	owner.signal(syscall.SIGKILL)
	owner.awaitExit()
	more("answers beside a dead node")
	traffic.end()
	for _, f := range traffic.failures() {
		t.Errorf("%s later: %s", f.ended.Sub(f.began), f.answer)
	}
}

// A node that is drained, restarted or upgraded loses nothing of what others
// have sent there, whether there is another instance or not.
func TestForwardedOutliveTheEndOfTheirNode(t *testing.T) {
	t.Parallel()
	asker, owner := newAsked(t)
	w := echoes(t)
	owner.apply(projectOf("shop", w))
	asker.awaitComponent("shop_web")
	asker.mustGet(w.host(), "/")
	traffic := asker.arrive(t, 40, w.host())
	traffic.awaitMore(asker, 40)
	slow := func() <-chan answer {
		got := begin(asker, w.host(), "/echo?ms=3000")
		traffic.awaitMore(asker, 20) // it is there by then
		return got
	}
	beforeStop := slow()
	owner.signal(syscall.SIGTERM)
	owner.awaitExit()
	owner.start()
	traffic.awaitMore(asker, 40)
	beforeUpgrade := slow()
	owner.signal(syscall.SIGUSR2)
	owner.await("the next program", patience, func() bool { return owner.log.count("serving peers") == 3 })
	traffic.awaitMore(asker, 40)
	for what, got := range map[string]<-chan answer{"stop": beforeStop, "upgrade": beforeUpgrade} {
		if a := <-got; a.status != http.StatusOK {
			t.Errorf("what was in flight at the %s got %s", what, a)
		}
	}
	traffic.checkAll(t)
}

// begin sends a request and returns at once.
func begin(n *node, host, path string) <-chan answer {
	got := make(chan answer, 1)
	go func() { got <- n.get(host, path) }()
	return got
}

func TestForwardedSurviveADrain(t *testing.T) {
	t.Parallel()
	asker, owner := newPair(t)
	w := placeEverywhere(t, asker, "maxconcurrency: 50")
	w.lines = []string{"maxconcurrency: 50", "mininstances: 2", "reservememory: 16"}
	asker.apply(projectOf("shop", w)) // both may be on one node from here on
	traffic := asker.arrive(t, 40, w.host())
	traffic.awaitMore(asker, 40)
	var streams []<-chan answer
	for range 4 { // some of them there
		streams = append(streams, begin(asker, w.host(), "/events?n=30&ms=50"))
	}
	traffic.awaitMore(asker, 10)
	if _, err := asker.client().Drain(context.Background(), rpc.DrainRequest{Node: owner.id}); err != nil {
		t.Fatal(err)
	}
	asker.await("both instances here", patience, func() bool { return len(owner.engine.containers(t, owner.id)) == 0 })
	traffic.awaitMore(asker, 40)
	t.Logf("sent back as draining %v, as gone %v", owner.forwardedTo("draining"), owner.forwardedTo("gone"))
	for _, stream := range streams {
		if got := <-stream; got.status != http.StatusOK || strings.Count(got.body, "data: ") != 30 {
			t.Errorf("a stream got %s", got)
		}
	}
	traffic.checkAll(t)
}
