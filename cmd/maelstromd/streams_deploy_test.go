package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"maelstrom/runtime/drivertest"
)

var streamCount = flag.Int("streams", 20, "WebSockets, and event streams, across a deploy")

// streams are WebSockets and event streams that are open, and how they end.
type streams struct {
	ctx     context.Context
	n       *node
	host    string
	stop    context.CancelFunc
	all     sync.WaitGroup
	flowing atomic.Int32 // that have carried something

	mu   sync.Mutex
	ends map[string]int
}

// stream opens so many WebSockets, by which something is sent all the time, and
// as many event streams, and waits until all flow.
func (n *node) stream(t testing.TB, count int, host string) *streams {
	ctx, stop := context.WithTimeout(context.Background(), steadyPatience)
	s := &streams{ctx: ctx, n: n, host: host, stop: stop, ends: map[string]int{}}
	t.Cleanup(func() {
		stop()
		s.all.Wait()
	})
	for range count {
		s.all.Go(func() { s.end("WebSocket: " + s.socket()) })
		s.all.Go(func() { s.end("events: " + s.events()) })
	}
	n.await("all streams flow", steadyPatience, func() bool { return int(s.flowing.Load()) == 2*count })
	return s
}

func (s *streams) end(how string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ends[how]++
}

func (s *streams) ended() (ended int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, count := range s.ends {
		ended += count
	}
	return ended
}

// socket talks until the other side ends it, and returns the close code.
func (s *streams) socket() string {
	socket, _, err := websocket.Dial(s.ctx, s.n.publicURL("/ws"), &websocket.DialOptions{Host: s.host})
	if err != nil {
		return "not opened: " + err.Error()
	}
	defer socket.CloseNow()
	pace := time.NewTicker(50 * time.Millisecond)
	defer pace.Stop()
	for flows := false; ; flows = true {
		if err := socket.Write(s.ctx, websocket.MessageText, []byte("hello")); err != nil {
			// The end was not read yet: it is what counts.
			_, _, err = socket.Read(s.ctx)
			return endOf(err)
		}
		if _, text, err := socket.Read(s.ctx); err != nil {
			return endOf(err)
		} else if string(text) != "hello" {
			return "a wrong echo"
		}
		if !flows {
			s.flowing.Add(1)
		}
		select {
		case <-s.ctx.Done():
			return "still open"
		case <-pace.C:
		}
	}
}

func endOf(err error) string {
	if code := websocket.CloseStatus(err); code >= 0 {
		return code.String()
	}
	return "cut off: " + err.Error()
}

// events reads until the answer ends.
func (s *streams) events() string {
	transport := &http.Transport{DisableKeepAlives: true}
	got, err := transport.RoundTrip(s.n.request(s.ctx, http.MethodGet, s.host, "/events?n=1000000&ms=50", nil))
	if err != nil {
		return "not opened: " + err.Error()
	}
	defer got.Body.Close()
	reader := bufio.NewReader(got.Body)
	for flows := false; ; {
		line, err := reader.ReadString('\n')
		switch {
		case errors.Is(err, io.EOF):
			return "its end"
		case err != nil:
			return "cut off: " + err.Error()
		case strings.HasPrefix(line, "data: ") && !flows:
			flows = true
			s.flowing.Add(1)
		}
	}
}

// What has no end of its own is told to come back after the drain time, for
// that is when the old instance stops, and not before: none is cut off.
func TestStreamsAcrossADeploy(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	version := func(name string) web {
		return web{name: "web", image: drivertest.BuildImage(t), lines: []string{
			environment("RELEASE=" + name), "reservememory: 16", "drainseconds: 2", "maxconcurrency: 1000", "restartorder: startstop",
		}}
	}
	w := version("first")
	n.apply(projectOf("steady", w))
	n.mustGet(w.host(), "/")
	open := n.stream(t, *streamCount, w.host())
	n.apply(projectOf("steady", version("second")))
	n.await("the new version beside the streams of the old one", steadyPatience, func() bool {
		return n.get(w.host(), "/").header.Get("Release") == "second"
	})
	open.all.Wait()
	want := map[string]int{"WebSocket: StatusGoingAway": *streamCount, "events: its end": *streamCount}
	for how, count := range open.ends {
		if want[how] != count {
			t.Errorf("%d ended so: %s", count, how)
		}
	}
	t.Logf("%d streams: %v", 2**streamCount, open.ends)
	again := n.stream(t, 1, w.host())
	if again.ended() > 0 {
		t.Error("a stream on the new version ended at once")
	}
	again.stop()
}

// A change that needs no new container leaves streams alone.
func TestStreamsAcrossAChangeOfLimits(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	w := release(t, "first", "idletimeoutseconds: 100")
	n.apply(projectOf("steady", w))
	n.mustGet(w.host(), "/")
	open := n.stream(t, 3, w.host())
	n.apply(projectOf("steady", release(t, "first", "idletimeoutseconds: 200")))
	n.mustGet(w.host(), "/")
	if ended := open.ended(); ended > 0 {
		t.Errorf("%d streams ended: %v", ended, open.ends)
	}
	open.stop()
}
