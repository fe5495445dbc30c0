package gateway

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"maelstrom/project"
)

// raw is a client that writes its requests by hand.
type raw struct {
	net.Conn
	in *bufio.Reader
}

func dialRaw(t testing.TB, address, request string) *raw {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	return &raw{c, bufio.NewReader(c)}
}

func (c *raw) answer(t testing.TB) *http.Response {
	t.Helper()
	res, err := http.ReadResponse(c.in, nil)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// front runs the public handler behind a server as the daemon does, over TCP,
// in front of instances over TCP.
func front(t *testing.T, opt Options) (*world, string) {
	t.Helper()
	opt.Dial = (&net.Dialer{}).DialContext
	w := newWorld(t, opt)
	t.Cleanup(w.end)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := NewServer("", w.g.Public(), ServerOptions{})
	var done sync.WaitGroup
	done.Go(func() { s.Serve(l) })
	t.Cleanup(func() { s.Close(); done.Wait() })
	return w, l.Addr().String()
}

// container runs a handler over TCP as an instance of a component.
func (w *world) container(t *testing.T, id, component string, h http.Handler) {
	t.Helper()
	w.containerWith(t, id, component, h, nil)
}

// containerWith is told of its connections as well.
func (w *world) containerWith(t *testing.T, id, component string, h http.Handler, conns func(net.Conn, http.ConnState)) {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.ConnState = conns
	s.Config.Protocols = NewServer("", nil, ServerOptions{}).Protocols
	s.Start()
	t.Cleanup(s.Close)
	w.place(id, component, 0)
	w.ready(id, s.Listener.Addr().String())
}

func clientFor(t *testing.T, h2c bool) *http.Client {
	var p http.Protocols
	p.SetHTTP1(!h2c)
	p.SetUnencryptedHTTP2(h2c)
	tr := &http.Transport{Protocols: &p}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

func TestProtocolsThroughTheServer(t *testing.T) {
	for _, up := range []string{"http", "h2c"} {
		for _, h2c := range []bool{false, true} {
			t.Run(fmt.Sprint(up, h2c), func(t *testing.T) {
				w, address := front(t, Options{})
				w.component("web", func(c *project.Component) { c.Protocol = up })
				w.container(t, "p", "web", http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
					rw.Header().Set("Seen", r.Proto+" "+r.Host+" "+r.Header.Get("X-Forwarded-For")+" "+r.Header.Get("X-Forwarded-Proto"))
					io.Copy(rw, r.Body)
				}))
				big := bytes.Repeat([]byte("0123456789abcdef"), 1<<18)
				r, _ := http.NewRequestWithContext(t.Context(), "POST", "http://"+address+"/", bytes.NewReader(big))
				r.Host = "web"
				r.Header.Set("X-Forwarded-For", "1.2.3.4")
				res, err := clientFor(t, h2c).Do(r)
				if err != nil {
					t.Fatal(err)
				}
				defer res.Body.Close()
				got, err := io.ReadAll(res.Body)
				if err != nil || !bytes.Equal(got, big) {
					t.Errorf("%d bytes came back, %v", len(got), err)
				}
				proto := map[string]string{"http": "HTTP/1.1", "h2c": "HTTP/2.0"}[up]
				if want := proto + " web 127.0.0.1 http"; res.Header.Get("Seen") != want {
					t.Errorf("container saw %q, want %q", res.Header.Get("Seen"), want)
				}
			})
		}
	}
}

func TestWebSocketThroughTheServer(t *testing.T) {
	w, address := front(t, Options{})
	w.component("web", nil)
	w.container(t, "p", "web", http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(rw, r, nil)
		if err != nil {
			return
		}
		if kind, data, err := c.Read(r.Context()); err == nil {
			c.Write(r.Context(), kind, data)
		}
		c.Close(websocket.StatusNormalClosure, "")
	}))
	c, _, err := websocket.Dial(t.Context(), "http://"+address, &websocket.DialOptions{Host: "web"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	if err := c.Write(t.Context(), websocket.MessageText, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	if _, got, err := c.Read(t.Context()); err != nil || string(got) != "hello" {
		t.Errorf("echo %q, %v", got, err)
	}
}

// TestHangUpLeavesTheQueue: with or without a body that nobody has read yet,
// over either protocol.
func TestHangUpLeavesTheQueue(t *testing.T) {
	for name, hangUp := range map[string]func(t *testing.T, w *world, address string){
		"GET": func(t *testing.T, w *world, address string) {
			c := dialRaw(t, address, "GET / HTTP/1.1\r\nHost: web\r\n\r\n")
			w.awaitQueued(1)
			c.Close()
		},
		"POST": func(t *testing.T, w *world, address string) {
			c := dialRaw(t, address, "POST / HTTP/1.1\r\nHost: web\r\nContent-Length: 9\r\n\r\nabc")
			w.awaitQueued(1)
			c.Close()
		},
		"POST, reset": func(t *testing.T, w *world, address string) {
			c := dialRaw(t, address, "POST / HTTP/1.1\r\nHost: web\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
			w.awaitQueued(1)
			c.Conn.(*net.TCPConn).SetLinger(0)
			c.Close()
		},
		"HTTP/2": func(t *testing.T, w *world, address string) {
			ctx, cancel := context.WithCancel(t.Context())
			body, _ := io.Pipe()
			r, _ := http.NewRequestWithContext(ctx, "POST", "http://"+address, body)
			r.Host = "web"
			go clientFor(t, true).Do(r)
			w.awaitQueued(1)
			cancel()
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, address := front(t, Options{})
			w.component("web", nil)
			w.place("p", "web", 0)
			hangUp(t, w, address)
			w.awaitQueued(0)
			if l := w.g.Load().Components["web"]; l.InFlight != 0 {
				t.Errorf("load %+v", l)
			}
		})
	}
}

// awaitQueued returns when so many requests wait for the component web.
func (w *world) awaitQueued(n int) {
	for w.g.Load().Components["web"].Queued != n {
		select {
		case <-w.g.LoadChanged():
		case <-w.t.Context().Done():
			w.t.Fatal("the queue did not get there")
		}
	}
}

// TestBodyAfterTheWait: what watches for a hang-up takes nothing of the body
// and leaves no deadline behind.
func TestBodyAfterTheWait(t *testing.T) {
	w, address := front(t, Options{})
	w.component("web", nil)
	w.place("p", "web", 0)
	c := dialRaw(t, address, "POST / HTTP/1.1\r\nHost: web\r\nContent-Length: 6\r\n\r\nabc")
	w.awaitQueued(1)
	read := make(chan struct{})
	w.container(t, "p", "web", http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		part := make([]byte, 3)
		io.ReadFull(r.Body, part)
		close(read)
		rest, _ := io.ReadAll(r.Body)
		fmt.Fprintf(rw, "%s+%s", part, rest)
	}))
	<-read
	io.WriteString(c, "def")
	if body, err := io.ReadAll(c.answer(t).Body); err != nil || string(body) != "abc+def" {
		t.Errorf("answer %q, %v", body, err)
	}
	// The connection serves the next request.
	io.WriteString(c, "GET /none HTTP/1.1\r\nHost: other\r\n\r\n")
	if res := c.answer(t); res.StatusCode != 404 {
		t.Errorf("status %d", res.StatusCode)
	}
}

// TestRefusalDoesNotWaitForTheBody, and what comes of the body later is not
// taken for a request.
func TestRefusalDoesNotWaitForTheBody(t *testing.T) {
	_, address := front(t, Options{})
	c := dialRaw(t, address, "POST / HTTP/1.1\r\nHost: other\r\nContent-Length: 1000\r\n\r\n")
	res := c.answer(t)
	if res.StatusCode != 404 || !res.Close {
		t.Fatalf("status %d, close %v", res.StatusCode, res.Close)
	}
	io.Copy(io.Discard, res.Body)
	io.WriteString(c, "GET / HTTP/1.1\r\nHost: other\r\n\r\n")
	if rest, _ := io.ReadAll(c.in); len(rest) > 0 {
		t.Errorf("a body was taken for a request: %q", rest)
	}
}

func TestLimitsOfTheServer(t *testing.T) {
	_, address := front(t, Options{})
	c := dialRaw(t, address, "GET / HTTP/1.1\r\nHost: a\r\nX: "+strings.Repeat("x", DefaultHeaderBytes+8192)+"\r\n\r\n")
	if res := c.answer(t); res.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("status %d", res.StatusCode)
	}
	s := NewServer(":80", nil, ServerOptions{Idle: time.Second})
	if s.Addr != ":80" || s.ReadHeaderTimeout != DefaultReadHeader || s.IdleTimeout != time.Second ||
		s.ReadTimeout != 0 || s.WriteTimeout != 0 {
		t.Errorf("server %+v", s)
	}
}

func TestOptionsForTheWholeServer(t *testing.T) {
	w, address := front(t, Options{})
	w.component("web", nil)
	w.container(t, "p", "web", http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		io.WriteString(rw, r.Method+" "+r.RequestURI)
	}))
	c := dialRaw(t, address, "OPTIONS * HTTP/1.1\r\nHost: web\r\n\r\n")
	// The container's own server answers "*" by itself, as net/http does.
	if res := c.answer(t); res.StatusCode != 200 {
		t.Errorf("status %d", res.StatusCode)
	}
}
