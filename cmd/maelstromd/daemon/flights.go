package daemon

import (
	"net/http"
	"strings"
	"sync"

	"maelstrom/cluster/rpc"
	"maelstrom/runtime/proxy"
)

// flights counts requests in flight, so that those of one moment can be waited
// for while others come.
type flights struct {
	mu  sync.Mutex
	now *flight
}

// flight are the requests that began between two moments.
type flight struct {
	requests int
	landed   chan struct{} // nil while more may begin; closed when all have ended
}

func newFlights() *flights { return &flights{now: new(flight)} }

func (f *flights) begin() *flight {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now.requests++
	return f.now
}

func (f *flights) end(of *flight) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if of.requests--; of.requests == 0 && of.landed != nil {
		close(of.landed)
	}
}

// land returns how many requests are in flight, and what is closed when those
// have ended.
func (f *flights) land() (requests int, landed <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	of := f.now
	f.now = new(flight)
	of.landed = make(chan struct{})
	if of.requests == 0 {
		close(of.landed)
	}
	return of.requests, of.landed
}

// counted is the writer of an answer whose request is waited for. Once that is
// a stream, it is not: it is ended. A client need not have said that it wants one.
type counted struct {
	http.ResponseWriter
	request *http.Request
	daemon  *Daemon
	of      *flight // nil: not waited for any more
}

// Unwrap is for http.ResponseController.
func (c *counted) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// WriteHeader sends the header, by which it may be a stream. The daemon may have
// begun to end since the request came: who is not told would use the connection
// again, just when it is closed.
func (c *counted) WriteHeader(status int) {
	if status >= http.StatusOK {
		c.daemon.partAfter(c.Header(), c.request)
	}
	if status == http.StatusSwitchingProtocols || status >= http.StatusOK && proxy.IsStream(c.Header()) {
		c.landed()
	}
	c.ResponseWriter.WriteHeader(status)
}

// landed ends what is waited for.
func (c *counted) landed() {
	if c.of != nil {
		c.daemon.flights.end(c.of)
		c.of = nil
	}
}

// endless tells whether a request asks for an answer that has no end of its
// own: it is ended, not waited for.
func endless(r *http.Request) bool {
	return r.Header.Get("Upgrade") != "" ||
		strings.Contains(r.Header.Get("Accept"), "text/event-stream") ||
		strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc") ||
		follows(r) || r.URL.Path == rpc.PathCommand
}
