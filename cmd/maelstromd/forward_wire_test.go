package main

import (
	"io"
	"log/slog"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"maelstrom/cluster"
	"maelstrom/cluster/peer"
	"maelstrom/cluster/rpc"
	"maelstrom/cluster/store"
	"maelstrom/runtime/drivertest"
)

// testTrailers makes a call as gRPC does: HTTP/2 all the way, and the outcome
// in the trailer.
func testTrailers(t *testing.T, n *node, host string) {
	only := new(http.Protocols)
	only.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: only}
	defer transport.CloseIdleConnections()
	r := n.request(t.Context(), http.MethodPost, host, "/trailers", io.MultiReader(strings.NewReader("a "), strings.NewReader("message")))
	r.Header.Set("Content-Type", "application/grpc")
	r.Header.Set("TE", "trailers")
	r.Trailer = http.Header{"Sum": {"17"}}
	got, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	body, err := io.ReadAll(got.Body)
	if err != nil || got.Proto != "HTTP/2.0" || got.StatusCode != http.StatusOK || string(body) != "a message" {
		t.Errorf("answered %s by %s: %q, %v", got.Status, got.Proto, body, err)
	}
	if got.Trailer.Get("Grpc-Status") != "7" || got.Trailer.Get("Grpc-Message") != "17" {
		t.Errorf("the trailer is %v", got.Trailer)
	}
}

// setting is the value of a variable that the node was started with.
func (n *node) setting(name string) string {
	for _, line := range n.env {
		if value, ok := strings.CutPrefix(line, name+"="); ok {
			return value
		}
	}
	return ""
}

// askAs returns a client that asks the peer port of to in the name of n, with a
// certificate of the cluster's authority.
func (n *node) askAs(t *testing.T, to *node) *http.Client {
	t.Helper()
	s, err := store.Open(t.Context(), store.Options{Driver: "postgres", DSN: n.setting("MAEL_SQL_DSN")})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	authority, err := peer.OpenAuthority(t.Context(), peer.AuthorityOptions{
		Store: s, Key: clusterKey, Node: n.id, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: authority.ClientConfig(to.id), ForceAttemptHTTP2: true, ExpectContinueTimeout: patience}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// forwarder sends requests to one instance as another node does.
type forwarder struct {
	t      *testing.T
	client *http.Client
	owner  *node
	host   string
}

// send forwards a request to a placement; its body, if any, is only sent once it
// is asked for. An answer without a status says that there is none.
func (f *forwarder) send(placement, path string, body io.Reader) *http.Response {
	none := &http.Response{Body: http.NoBody}
	r, err := http.NewRequestWithContext(f.t.Context(), http.MethodPost, "https://"+f.owner.setting("MAEL_PEER_ADDR")+path, body)
	if err != nil {
		f.t.Error(err)
		return none
	}
	r.Host = f.host
	r.Header.Set("Maelstrom-Forward", "shop_web "+placement)
	r.Header.Set("Maelstrom-Deadline-Ms", "60000")
	if body != nil {
		r.Header.Set("Expect", "100-continue")
	}
	got, err := f.client.Do(r)
	if err != nil {
		f.t.Error(err)
		return none
	}
	return got
}

// sent is send on its own, with the answer when it comes.
func (f *forwarder) sent(placement, path string) <-chan *http.Response {
	got := make(chan *http.Response, 1)
	go func() { got <- f.send(placement, path, nil) }()
	return got
}

// returned checks that a request was sent back.
func (f *forwarder) returned(got *http.Response, reason string) {
	f.t.Helper()
	got.Body.Close()
	if got.StatusCode != http.StatusMisdirectedRequest || got.Header.Get("Maelstrom-Forward") != "refused" || got.Header.Get("Maelstrom-Reason") != reason {
		f.t.Errorf("sent back as %s, %v, want 421 for the reason %s", got.Status, got.Header, reason)
	}
}

func (f *forwarder) served(got *http.Response) {
	f.t.Helper()
	got.Body.Close()
	if got.StatusCode != http.StatusOK {
		f.t.Errorf("answered %s, %v", got.Status, got.Header)
	}
}

// unread is a body of which nobody is to read a byte.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("the body of a request that is sent back was read")
	return 0, io.EOF
}

// What an instance's node can't serve it sends back at once, with the reason and
// without a byte of the body; no client of the node that asked sees it.
func TestForwardedAreSentBack(t *testing.T) {
	t.Parallel()
	asker, owner := newAsked(t)
	w := web{name: "web", image: drivertest.BuildImage(t), lines: []string{"maxconcurrency: 1", "maxinstances: 1", "reservememory: 16"}}
	asker.apply(projectOf("shop", w))
	asker.mustGet(w.host(), "/")
	placement := asker.ps("shop_web")[0].Placement
	f := &forwarder{t: t, client: asker.askAs(t, owner), owner: owner, host: w.host()}

	endless := "/events?n=1000000&ms=10"
	holds := f.send(placement, endless, nil) // the only slot
	f.returned(f.send("nobody", "/upload", unread{t}), "gone")
	waiting := []<-chan *http.Response{f.sent(placement, "/"), f.sent(placement, "/")}
	owner.await("two who wait", patience, func() bool { return owner.counted("maelstrom_forwarded_requests_waiting") == 2 })
	f.returned(f.send(placement, "/upload", unread{t}), "full")
	client := begin(asker, w.host(), "/")
	owner.await("the client's request is sent back too", patience, func() bool { return owner.forwardedTo("full") >= 2 })
	holds.Body.Close()
	for _, got := range waiting {
		f.served(<-got)
	}
	if got := <-client; got.status != http.StatusOK {
		t.Errorf("the client got %s", got)
	}

	holds = f.send(placement, endless, nil)
	waits := f.sent(placement, "/")
	owner.await("one who waits", patience, func() bool { return owner.counted("maelstrom_forwarded_requests_waiting") == 1 })
	if _, err := owner.client().Drain(t.Context(), rpc.DrainRequest{Node: owner.id, Force: true}); err != nil {
		t.Fatal(err)
	}
	f.returned(<-waits, "draining")
	f.returned(f.send(placement, "/upload", unread{t}), "draining")
	holds.Body.Close()
	owner.await("no instance", patience, func() bool { return len(owner.ps("shop_web")) == 0 })
	f.returned(f.send(placement, "/upload", unread{t}), "gone")
}

// A node that was removed while nobody heard it is refused by the others, whose
// authority has certified it, and is told so. Started again it is one like others.
func TestARemovedNodeIsRefusedByOthers(t *testing.T) {
	t.Parallel()
	a, b := newPair(t)
	a.apply(projectOf("shop", web{name: "web", image: drivertest.BuildImage(t), lines: []string{"mininstances: 1", "reservememory: 16"}}))
	a.await("an instance", patience, func() bool { return len(a.placedOn("shop_web")) == 1 })
	b.signal(syscall.SIGSTOP)
	a.await("the node is down", patience, func() bool { return a.nodeRow(b.id).State == cluster.NodeDown })
	f := &forwarder{t: t, client: b.askAs(t, a), owner: a, host: "web.localhost"}
	if got := f.ask("/_mael/node/none"); got != http.StatusNotFound {
		t.Errorf("a node that is down is answered %d", got)
	}
	if _, err := a.client().RemoveNode(t.Context(), b.id); err != nil {
		t.Fatal(err)
	}
	if got := f.ask("/_mael/node/none"); got != http.StatusGone {
		t.Errorf("a node that was removed is answered %d", got)
	}
	a.await("an instance here", patience, func() bool { return len(a.placedOn("shop_web")) == 1 })
	f.returned(f.send(a.ps("shop_web")[0].Placement, "/", unread{t}), "gone")

	b.signal(syscall.SIGCONT)
	if code := b.awaitExit(); code == 0 || !b.log.has("this node was removed from the cluster: start it again to join anew") {
		t.Errorf("it ended with code %d", code)
	}
	b.start()
	awaitHeard(a, b)
}

// ask asks a node for something at its peer port and returns the status.
func (f *forwarder) ask(path string) int {
	f.t.Helper()
	r, err := http.NewRequestWithContext(f.t.Context(), http.MethodGet, "https://"+f.owner.setting("MAEL_PEER_ADDR")+path, nil)
	if err != nil {
		f.t.Fatal(err)
	}
	got, err := f.client.Do(r)
	if err != nil {
		f.t.Fatal(err)
	}
	got.Body.Close()
	return got.StatusCode
}
