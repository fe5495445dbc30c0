package gateway

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"maelstrom/project"
)

// kept is a client that keeps its connection, by hand.
type kept struct {
	net.Conn
	in *bufio.Reader
}

func (d *door) keep(t *testing.T) *kept {
	t.Helper()
	c, err := d.network.dial(t.Context(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	return &kept{c, bufio.NewReader(c)}
}

// ask returns whether the answer closes the connection.
func (k *kept) ask(t *testing.T) (closes bool) {
	t.Helper()
	io.WriteString(k, "GET / HTTP/1.1\r\nHost: shop_web\r\n\r\n")
	res, err := http.ReadResponse(k.in, nil)
	if err != nil {
		t.Errorf("request on a kept connection: %v", err)
		return true
	}
	io.Copy(io.Discard, res.Body)
	return res.Close
}

// closed waits for the end of the connection.
func (k *kept) closed(t *testing.T) time.Time {
	t.Helper()
	if _, err := k.in.ReadByte(); err == nil {
		t.Error("something came on a connection that nobody asked anything")
	}
	return time.Now()
}

// TestRetireLosesNoRequest: who asks within a second of its last request gets
// an answer, and only who was quiet for longer is cut off.
func TestRetireLosesNoRequest(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		w.component("shop_web", func(c *project.Component) { c.MaxConcurrency = 9 })
		w.serving("p", "shop_web", 0, ok)
		d := w.door()
		busy, quiet := d.keep(t), d.keep(t)
		if busy.ask(t) || quiet.ask(t) {
			t.Error("a connection closes before its time")
		}
		<-time.After(10 * time.Second)
		silent := d.keep(t)
		w.g.SetLeaving(true)
		start := time.Now()
		retired := make(chan error, 1)
		go func() { retired <- Retire(t.Context(), d.server, d.network) }()
		var clients sync.WaitGroup
		for _, k := range []*kept{quiet, silent} {
			clients.Go(func() {
				if after := k.closed(t).Sub(start); after < retireQuiet || after > retireLimit {
					t.Errorf("a quiet connection was closed after %v", after)
				}
			})
		}
		<-time.After(900 * time.Millisecond)
		if !busy.ask(t) {
			t.Error("a busy client is not told to go")
		}
		busy.closed(t)
		clients.Wait()
		if err := <-retired; err != nil {
			t.Errorf("retire: %v", err)
		}
		for _, k := range []*kept{busy, quiet, silent} {
			k.Close()
		}
	})
}

// TestRetireWaitsForWhatRuns and no longer than it may.
func TestRetireWaitsForWhatRuns(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		w.component("shop_web", nil)
		h := newHeld()
		w.serving("p", "shop_web", 0, h.serve)
		d := w.door()
		k := d.keep(t)
		closes := make(chan bool, 1)
		go func() { closes <- k.ask(t) }()
		<-h.arrived
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if err := Retire(ctx, d.server, d.network); err == nil {
			t.Error("retired with a request under way")
		}
		close(h.release)
		if !<-closes {
			t.Error("the last answer does not close its connection")
		}
		k.Close()
		if err := Retire(t.Context(), d.server); err != nil {
			t.Errorf("retire: %v", err)
		}
	})
}

// TestLeavingSendsClientsAway, and upgrades still work.
func TestLeavingSendsClientsAway(t *testing.T) {
	w, address := front(t, Options{})
	w.component("web", func(c *project.Component) { c.MaxConcurrency = 9 })
	w.container(t, "p", "web", http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "" {
			live("p")(rw, r)
			return
		}
		io.WriteString(rw, "ok")
	}))
	w.g.SetLeaving(true)
	for _, path := range []string{"/", "/_mael_health_check"} {
		c := dialRaw(t, address, "GET "+path+" HTTP/1.1\r\nHost: web\r\n\r\n")
		if res := c.answer(t); !res.Close {
			t.Errorf("%s leaves the connection open", path)
		}
	}
	c := dialRaw(t, address, "GET / HTTP/1.1\r\nHost: web\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	if res := c.answer(t); res.StatusCode != 101 || !strings.EqualFold(res.Header.Get("Connection"), "upgrade") {
		t.Errorf("upgrade: %d %v", res.StatusCode, res.Header)
	}
}

// TestBusyClientsMove from a server that retires to the one that follows it,
// over either protocol, and none of their requests fails.
func TestBusyClientsMove(t *testing.T) {
	for name, h2c := range map[string]bool{"HTTP/1.1": false, "HTTP/2": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, Options{Dial: (&net.Dialer{}).DialContext})
			defer w.end()
			w.component("web", func(c *project.Component) { c.MaxConcurrency = 100 })
			w.container(t, "p", "web", http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { io.Copy(rw, r.Body) }))
			c := crowd{stop: make(chan struct{}), answered: make(chan struct{}, 1)}
			old, listener := c.serve(t, w.g.Public())
			var done sync.WaitGroup
			for range 8 {
				client := clientFor(t, h2c)
				client.Transport.(*http.Transport).DialContext = c.dial
				done.Go(func() { c.send(t, client, h2c) })
			}
			for range 3 {
				c.await(200)
				next, nextListener := c.serve(t, w.g.Public())
				w.g.SetLeaving(true)
				if err := Retire(t.Context(), old, listener); err != nil {
					t.Errorf("retire: %v", err)
				}
				w.g.SetLeaving(false)
				old, listener = next, nextListener
			}
			c.await(200)
			close(c.stop)
			done.Wait()
			old.Close()
		})
	}
}

// crowd are clients that send one request after another to whichever server
// is in use, as behind a load balancer.
type crowd struct {
	address  atomic.Value
	stop     chan struct{}
	count    atomic.Int64
	answered chan struct{}
}

func (c *crowd) serve(t *testing.T, h http.Handler) (*http.Server, net.Listener) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := NewServer("", h, ServerOptions{})
	go s.Serve(l)
	c.address.Store(l.Addr().String())
	return s, l
}

func (c *crowd) dial(ctx context.Context, network, _ string) (net.Conn, error) {
	return (&net.Dialer{}).DialContext(ctx, network, c.address.Load().(string))
}

// send goes on until told to stop. Over HTTP/1.1 its requests can't be sent
// again by the transport; over HTTP/2 the server says which ones may be.
func (c *crowd) send(t *testing.T, client *http.Client, h2c bool) {
	for n := 0; ; n++ {
		select {
		case <-c.stop:
			return
		default:
		}
		text := fmt.Sprint("body ", n)
		r, _ := http.NewRequestWithContext(t.Context(), "POST", "http://front/", strings.NewReader(text))
		if r.Host = "web"; !h2c {
			r.GetBody = nil
		}
		res, err := client.Do(r)
		if err != nil {
			t.Errorf("request %d: %v", n, err)
			return
		}
		if got, err := io.ReadAll(res.Body); err != nil || string(got) != text {
			t.Errorf("answer %d: %q, %v", n, got, err)
		}
		res.Body.Close()
		c.count.Add(1)
		select {
		case c.answered <- struct{}{}:
		default:
		}
	}
}

// await returns when so many more requests were answered.
func (c *crowd) await(n int64) {
	for until := c.count.Load() + n; c.count.Load() < until; {
		<-c.answered
	}
}

// TestVisitorsAreForgotten when their connections end.
func TestVisitorsAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{})
		defer w.end()
		d := w.door()
		v := d.server.Handler.(*visitors)
		count := func() int { v.mu.Lock(); defer v.mu.Unlock(); return len(v.open) }
		k := d.keep(t)
		k.ask(t)
		if n := count(); n != 1 {
			t.Errorf("%d connections, want 1", n)
		}
		k.Close()
		synctest.Wait()
		if n := count(); n != 0 {
			t.Errorf("%d connections are remembered", n)
		}
	})
}
