package gateway

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"maelstrom/cluster"
	"maelstrom/project"
	"maelstrom/runtime/proxy"
)

// live is a component that never ends by itself: it greets by its name, over
// a WebSocket or an event stream, and goes on.
func live(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") == "" {
			w.Header().Set("Content-Type", "text/event-stream")
			fmt.Fprintf(w, "data: %s\n\n", name)
			http.NewResponseController(w).Flush()
			<-r.Context().Done()
			return
		}
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer c.CloseNow()
		c.Write(r.Context(), websocket.MessageText, []byte(name))
		c.Read(context.WithoutCancel(r.Context())) // until somebody closes
	}
}

// streamEnd is how a stream ended for its client.
type streamEnd struct {
	kind  string
	code  websocket.StatusCode // of a WebSocket
	err   error
	after time.Duration // since the drain began
	again string        // who answered when it came again
}

// door is the public handler behind a server, in memory.
type door struct {
	network *memory
	server  *http.Server
	client  *http.Client
}

func (w *world) door() *door {
	d := &door{network: newMemory(), server: NewServer("", w.g.Public(), ServerOptions{})}
	ended := make(chan struct{})
	go func() { defer close(ended); d.server.Serve(d.network) }()
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return d.network.dial(ctx, "", "")
	}}
	d.client = &http.Client{Transport: transport}
	w.atEnd(func() { transport.CloseIdleConnections(); d.server.Close(); d.network.Close(); <-ended })
	return d
}

func (d *door) webSocket(ctx context.Context) (*websocket.Conn, string, error) {
	c, _, err := websocket.Dial(ctx, "http://shop_web/", &websocket.DialOptions{HTTPClient: d.client})
	if err != nil {
		return nil, "", err
	}
	_, name, err := c.Read(ctx)
	return c, string(name), err
}

func (d *door) events(ctx context.Context) (*http.Response, string, error) {
	r, _ := http.NewRequestWithContext(ctx, "GET", "http://shop_web/", nil)
	res, err := d.client.Do(r)
	if err != nil {
		return nil, "", err
	}
	line, err := bufio.NewReaderSize(res.Body, 16).ReadString('\n')
	return res, line, err
}

// streams opens as many WebSockets and event streams, and tells how each ends.
func (d *door) streams(t *testing.T, each int) (ends <-chan streamEnd, began chan<- time.Time) {
	all, start := make(chan streamEnd, 2*each), make(chan time.Time, 1)
	var opened sync.WaitGroup
	begin := sync.OnceValue(func() time.Time { return <-start })
	ctx := t.Context()
	for range each {
		opened.Add(2)
		go func() {
			c, _, err := d.webSocket(ctx)
			opened.Done()
			if err != nil {
				all <- streamEnd{kind: "websocket", err: err}
				return
			}
			defer c.CloseNow()
			_, _, err = c.Read(ctx)
			e := streamEnd{kind: "websocket", code: websocket.CloseStatus(err), after: time.Since(begin())}
			if c, name, err := d.webSocket(ctx); err == nil {
				e.again = name
				c.CloseNow()
			}
			all <- e
		}()
		go func() {
			res, _, err := d.events(ctx)
			opened.Done()
			if err != nil {
				all <- streamEnd{kind: "events", err: err}
				return
			}
			_, err = io.Copy(io.Discard, res.Body)
			res.Body.Close()
			e := streamEnd{kind: "events", err: err, after: time.Since(begin())}
			if res, line, err := d.events(ctx); err == nil {
				e.again = line[len("data: ") : len(line)-1]
				res.Body.Close()
			}
			all <- e
		}()
	}
	opened.Wait()
	return all, start
}

// TestStreamsAcrossADrain: none is cut silently, all end in their time and not
// all at once, and who comes again meets the new instance.
func TestStreamsAcrossADrain(t *testing.T) {
	const each, drain = 100, 30 * time.Second
	bubble(t, Options{}, func(t *testing.T, w *world) {
		w.component("shop_web", func(c *project.Component) { c.MaxConcurrency = 1000 })
		w.serving("old", "shop_web", 0, live("old"))
		d := w.door()
		ends, began := d.streams(t, each)
		w.serving("new", "shop_web", 1, live("new"))
		w.want("old", cluster.WantStop)
		began <- time.Now()
		within, cancel := context.WithTimeout(t.Context(), drain)
		defer cancel()
		if err := w.g.Drain(within, "old"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("drain: %v", err)
		}
		if err := w.g.EndStreamsOf(t.Context(), "old"); err != nil {
			t.Errorf("end streams: %v", err)
		}
		var times []time.Duration
		for range 2 * each {
			e := <-ends
			if e.err != nil || e.kind == "websocket" && e.code != websocket.StatusGoingAway || e.again != "new" {
				t.Fatalf("a stream ended badly: %+v", e)
			}
			times = append(times, e.after)
		}
		first, last := slices.Min(times), slices.Max(times)
		if first < drain || last > drain+5*time.Second || last-first < 3*time.Second {
			t.Errorf("streams ended between %v and %v", first, last)
		}
	})
}

// TestEndStreamsOfTheNode is what a client sees when the daemon exits, over TCP.
func TestEndStreamsOfTheNode(t *testing.T) {
	w, address := front(t, Options{})
	w.component("web", func(c *project.Component) { c.MaxConcurrency = 10 })
	w.container(t, "p", "web", live("p"))
	c, _, err := websocket.Dial(t.Context(), "http://"+address, &websocket.DialOptions{Host: "web"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	c.Read(t.Context())
	r, _ := http.NewRequestWithContext(t.Context(), "GET", "http://"+address, nil)
	r.Host = "web"
	res, err := clientFor(t, true).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	ended := make(chan error, 1)
	go func() { ended <- w.g.EndStreams(t.Context()) }()
	if _, _, err := c.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusServiceRestart {
		t.Errorf("websocket: %v", err)
	}
	if all, err := io.ReadAll(res.Body); err != nil || string(all) != "data: p\n\n" {
		t.Errorf("events: %q, %v", all, err)
	}
	if err := <-ended; err != nil {
		t.Errorf("end streams: %v", err)
	}
}

// TestEndOfStreamsLeavesTheRest to whoever ends the instance, and says so.
func TestEndOfStreamsLeavesTheRest(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		w.component("shop_web", nil)
		h := newHeld()
		w.serving("p", "shop_web", 0, h.serve)
		answer := w.begin("shop_web")
		<-h.arrived
		if err := w.g.EndStreamsOf(t.Context(), "p"); !errors.Is(err, errInFlight) {
			t.Errorf("end streams: %v", err)
		}
		close(h.release)
		wantAnswer(t, <-answer, 200, "")
		for _, id := range []string{"p", "nobody"} {
			if err := w.g.EndStreamsOf(t.Context(), id); err != nil {
				t.Errorf("end streams of %s: %v", id, err)
			}
		}
	})
}

// stubborn is a stream that does not end.
type stubborn struct{ ended chan proxy.Ending }

func (s stubborn) End(why proxy.Ending)   { s.ended <- why }
func (s stubborn) Ended() <-chan struct{} { return nil }

func TestEndOfStreamsEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		s := stubborn{make(chan proxy.Ending, 9)}
		err := endStreams(ctx, proxy.GoingAway, func() []proxy.Stream { return []proxy.Stream{s, s, s} })
		if !errors.Is(err, context.DeadlineExceeded) || len(s.ended) != 3 {
			t.Errorf("%v after %d", err, len(s.ended))
		}
	})
}

// TestOpenStreamIsNeverIdle however long nothing is said on it.
func TestOpenStreamIsNeverIdle(t *testing.T) {
	bubble(t, Options{StreamStall: 24 * time.Hour}, func(t *testing.T, w *world) {
		w.component("shop_web", func(c *project.Component) { c.MaxConcurrency = 2 })
		w.serving("p", "shop_web", 0, live("p"))
		d := w.door()
		ends, began := d.streams(t, 1)
		for range 5 {
			<-time.After(3 * time.Hour)
			l, i := w.g.Load().Components["shop_web"], w.g.InstanceLoads()["p"]
			if l.InFlight != 2 || !l.LastRequest.Equal(time.Now()) {
				t.Errorf("load %+v at %v", l, time.Now())
			}
			if i.InFlight != 2 || !i.LastRequest.Equal(time.Now()) {
				t.Errorf("load of the instance %+v", i)
			}
		}
		began <- time.Now()
		if err := w.g.EndStreams(t.Context()); err != nil {
			t.Error(err)
		}
		for range 2 {
			<-ends
		}
	})
}

// TestNothingIsKeptToARetired instance, whatever it speaks: idle connections
// close when the drain begins, the others after their last request.
func TestNothingIsKeptToARetired(t *testing.T) {
	for _, protocol := range []string{"http", "h2c"} {
		t.Run(protocol, func(t *testing.T) {
			var mu sync.Mutex
			open := map[net.Conn]bool{}
			w, address := front(t, Options{})
			w.component("web", func(c *project.Component) { c.Protocol, c.MaxConcurrency = protocol, 4 })
			h := newHeld()
			gone := make(chan struct{}, 100)
			w.containerWith(t, "p", "web", http.HandlerFunc(h.serve), func(conn net.Conn, state http.ConnState) {
				mu.Lock()
				defer mu.Unlock()
				switch state {
				case http.StateNew:
					open[conn] = true
				case http.StateClosed:
					delete(open, conn)
					gone <- struct{}{}
				}
			})
			var clients sync.WaitGroup
			for range 3 {
				clients.Go(func() {
					r, _ := http.NewRequestWithContext(t.Context(), "GET", "http://"+address, nil)
					r.Host = "web"
					if res, err := clientFor(t, false).Do(r); err != nil || res.StatusCode != 200 {
						t.Errorf("request: %v, %v", res, err)
					}
				})
				<-h.arrived
			}
			drained := make(chan error, 1)
			go func() { drained <- w.g.Drain(t.Context(), "p") }()
			close(h.release)
			clients.Wait()
			if err := <-drained; err != nil {
				t.Error(err)
			}
			left := func() int { mu.Lock(); defer mu.Unlock(); return len(open) }
			for left() > 0 {
				<-gone
			}
		})
	}
}
