package gateway

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"maelstrom/project"
	"maelstrom/runtime/proxy"
)

// owner is a node whose instance "p" of "shop_web" runs h, and its port of
// peers, by TLS over TCP.
func owner(t *testing.T, h http.HandlerFunc, edit func(*project.Component)) (*world, *asker) {
	t.Helper()
	container := httptest.NewUnstartedServer(h)
	container.Config.Protocols = new(http.Protocols)
	container.Config.Protocols.SetHTTP1(true)
	container.Config.Protocols.SetUnencryptedHTTP2(true)
	container.Start()
	t.Cleanup(container.Close)
	w := newWorld(t, Options{Dial: new(net.Dialer).DialContext})
	t.Cleanup(w.end)
	w.component("shop_web", edit)
	w.place("p", "shop_web", 0)
	w.ready("p", container.Listener.Addr().String())
	a := &asker{}
	a.server = httptest.NewUnstartedServer(nil)
	a.server.Config = NewPeerServer("", http.HandlerFunc(w.g.ServeForwarded), ServerOptions{})
	a.server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			a.conns.Add(1)
		}
	}
	a.server.EnableHTTP2 = true
	a.server.StartTLS()
	t.Cleanup(a.server.Close)
	a.tls = a.server.Client().Transport.(*http.Transport).TLSClientConfig
	a.Transport = &http.Transport{TLSClientConfig: a.tls.Clone(), Protocols: new(http.Protocols), ExpectContinueTimeout: time.Minute}
	a.Protocols.SetHTTP2(true)
	t.Cleanup(a.CloseIdleConnections)
	return w, a
}

// asker is another node.
type asker struct {
	*http.Transport
	server *httptest.Server
	tls    *tls.Config
	conns  atomic.Int32
}

func (a *asker) request(t testing.TB, path string, body io.Reader) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.server.URL+path, body)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "shop.example"
	r.Header.Set(proxy.FieldForward, "shop_web p")
	r.Header.Set(proxy.FieldDeadlineMs, "60000")
	if body != nil {
		r.Header.Set("Expect", "100-continue")
	}
	return r
}

func (a *asker) ask(t testing.TB, r *http.Request) *http.Response {
	t.Helper()
	res, err := a.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	return res
}

func manySlots(c *project.Component) { c.MaxConcurrency, c.SoftConcurrencyLimit = 1, true }

// All that a container may answer arrives: what comes before the answer, what
// comes after it, each part when it is said.
func TestForwardedAnswers(t *testing.T) {
	for _, protocol := range []string{"", "h2c"} {
		t.Run("protocol "+protocol, func(t *testing.T) {
			said := make(chan struct{})
			_, a := owner(t, func(rw http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				rw.Header().Set("Link", "</a.css>; rel=preload")
				rw.WriteHeader(http.StatusEarlyHints)
				rw.Header().Del("Link")
				rw.Header().Set("Content-Type", "application/grpc")
				rw.Header().Set("Trailer", "Grpc-Status")
				fmt.Fprintf(rw, "%s %d %s|", r.Proto, len(body), r.Trailer.Get("Checksum"))
				http.NewResponseController(rw).Flush()
				<-said
				io.WriteString(rw, "end")
				rw.Header().Set("Grpc-Status", "0")
			}, func(c *project.Component) { c.Protocol = protocol })
			body := bytes.Repeat([]byte("maelstrom"), 1<<20)
			r := a.request(t, "/", bytes.NewReader(body))
			r.ContentLength, r.Trailer = -1, http.Header{"Checksum": {"17"}}
			var hints []string
			r = r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
				if code == http.StatusEarlyHints {
					hints = append(hints, h.Get("Link"))
				}
				return nil
			}}))
			res := a.ask(t, r)
			in := bufio.NewReader(res.Body)
			first, err := in.ReadString('|')
			want := map[string]string{"": "HTTP/1.1", "h2c": "HTTP/2.0"}[protocol] + fmt.Sprintf(" %d 17|", len(body))
			if err != nil || first != want || res.ProtoMajor != 2 {
				t.Errorf("%s: %q, %v, want %q", res.Proto, first, err, want)
			}
			close(said)
			if rest, err := io.ReadAll(in); err != nil || string(rest) != "end" || res.Trailer.Get("Grpc-Status") != "0" {
				t.Errorf("%q, %v, trailer %v", rest, err, res.Trailer)
			}
			if len(hints) != 1 || hints[0] == "" {
				t.Errorf("early hints %q", hints)
			}
		})
	}
}

// A request with a body that comes back has it whole.
func TestForwardedBodyIsNotTouchedByARefusal(t *testing.T) {
	w, a := owner(t, ok, nil)
	w.g.RefuseForwarded()
	for range 3 {
		res := a.ask(t, a.request(t, "/", unread{t}))
		if res.StatusCode != 421 || res.Header.Get("Maelstrom-Reason") != "draining" || res.Header.Get(proxy.FieldForward) != proxy.ForwardRefused {
			t.Errorf("%s %v", res.Status, res.Header)
		}
	}
	if n := a.conns.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

func TestForwardedUpgrade(t *testing.T) {
	w, a := owner(t, func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Connection", "Upgrade")
		rw.Header().Set("Upgrade", r.Header.Get("Upgrade"))
		rw.Header().Set(proxy.FieldForward, proxy.ForwardRefused)
		rw.WriteHeader(http.StatusSwitchingProtocols)
		conn, buf, err := http.NewResponseController(rw).Hijack()
		if err == nil {
			io.Copy(conn, buf)
			conn.Close()
		}
	}, nil)
	config := a.tls.Clone()
	config.NextProtos = []string{"http/1.1"}
	conn, err := tls.Dial("tcp", a.server.Listener.Addr().String(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	r := a.request(t, "/", nil)
	r.Method = http.MethodGet
	r.Header.Set("Connection", "Upgrade")
	r.Header.Set("Upgrade", "chat")
	if err := r.Write(conn); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(conn)
	res, err := http.ReadResponse(in, r)
	if err != nil || res.StatusCode != 101 || res.Header.Get(proxy.FieldForward) != "" {
		t.Fatalf("%v, %v", res, err)
	}
	for _, text := range []string{"one\n", "two\n"} {
		io.WriteString(conn, text)
		if got, err := in.ReadString('\n'); got != text {
			t.Fatalf("%q, %v", got, err)
		}
	}
	drained := make(chan error, 1)
	go func() { drained <- w.g.Drain(t.Context(), "p") }()
	conn.CloseWrite()
	if rest, err := io.ReadAll(in); err != nil || len(rest) > 0 {
		t.Errorf("%q, %v", rest, err)
	}
	conn.Close()
	if err := <-drained; err != nil {
		t.Error(err)
	}
}

// One connection carries the requests of a whole node, and one that is slow to
// be read is in nobody's way.
func TestForwardedShareAConnection(t *testing.T) {
	const many = 1100
	stalled, release := make(chan struct{}, many), make(chan struct{})
	_, a := owner(t, func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/stall" {
			r.Body.Read(make([]byte, 1))
			stalled <- struct{}{}
			<-release
		}
		io.Copy(io.Discard, r.Body)
	}, manySlots)
	a.ask(t, a.request(t, "/", nil)) // from here on there is a connection
	var all sync.WaitGroup
	for n := range many {
		var body io.Reader = bytes.NewReader(make([]byte, 8))
		if n < 5 {
			body = io.LimitReader(zeros{}, 12<<20) // more than sockets hold on the way
		}
		all.Go(func() {
			res, err := a.RoundTrip(a.request(t, "/stall", body))
			if err != nil {
				t.Error(err)
				return
			}
			res.Body.Close()
			if res.StatusCode != 200 {
				t.Error(res.Status)
			}
		})
	}
	for range many {
		<-stalled
	}
	for range 3 {
		if res := a.ask(t, a.request(t, "/", bytes.NewReader(make([]byte, 1<<20)))); res.StatusCode != 200 {
			t.Error(res.Status)
		}
	}
	close(release)
	all.Wait()
	if n := a.conns.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

// A server that ends lets what is in flight end, waiting requests are sent back,
// and nothing is lost between.
func TestForwardedOutliveTheirServersEnd(t *testing.T) {
	h := newHeld()
	w, a := owner(t, func(rw http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		h.serve(rw, r)
		io.WriteString(rw, "whole")
	}, nil)
	answers := make(chan string, 2)
	ask := func() {
		res, err := a.RoundTrip(a.request(t, "/", bytes.NewReader(make([]byte, 64<<10))))
		if err != nil {
			answers <- err.Error()
			return
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		answers <- fmt.Sprint(res.StatusCode, res.Header.Get("Maelstrom-Reason"), string(body), err)
	}
	go ask()
	<-h.arrived
	go ask()
	for w.g.received.waiting.Load() == 0 {
		synchronize(t)
	}
	w.g.RefuseForwarded()
	if got, want := <-answers, "421draining"+forwardedDraining.text+"<nil>"; got != want {
		t.Errorf("answered %q, want %q", got, want)
	}
	ended := make(chan error, 1)
	go func() { ended <- a.server.Config.Shutdown(context.Background()) }()
	close(h.release)
	if got, want := <-answers, "200whole<nil>"; got != want {
		t.Errorf("answered %q, want %q", got, want)
	}
	a.CloseIdleConnections()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if got := forwardedOutcomes[forwardedWasDraining]; w.g.received.outcomes[forwardedWasDraining].Load() != 1 {
		t.Errorf("not counted as %s", got)
	}
}

// synchronize waits a moment in which others go on.
func synchronize(t testing.TB) {
	t.Helper()
	select {
	case <-time.After(time.Millisecond):
	case <-t.Context().Done():
	}
}
