package proxy

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Stream is an exchange that does not end by itself: a WebSocket or another
// upgraded connection, an event stream, a gRPC call. An answer without a
// length that is none of them is no Stream: its client could not tell an end
// from the end.
type Stream interface {
	// End tells both sides that it is over, in the words of their protocol,
	// and ends it within Farewell. It does not wait.
	//
	// Both sides of a WebSocket get a close frame, between two other frames.
	// An event stream ends like a whole answer, gRPC with the status
	// UNAVAILABLE. Other upgraded connections are closed.
	End(why Ending)

	// Ended is closed when it is over.
	Ended() <-chan struct{}
}

// Ending is why a stream is ended: the status code of the close frame.
type Ending uint16

// The endings.
const (
	GoingAway      Ending = 1001 // the upstream leaves
	ServiceRestart Ending = 1012 // we do
)

// Farewell is how long the end of a stream may take.
const Farewell = time.Second

// errEnded is why an exchange ends that was a stream.
var errEnded = errors.New("stream ended")

// streamKind is what a stream speaks.
type streamKind int

const (
	noStream streamKind = iota
	eventStream
	grpcStream
	webSocket
	upgradedStream
)

// stream is a call that turned out not to end by itself.
type stream struct {
	call   *call
	kind   streamKind
	socket *socket // of a WebSocket
	conns  *conns
	ended  chan struct{}
	ending atomic.Bool
	cut    bool // the upstream had not said all
}

// kindOf tells what an answer is by its type.
func kindOf(contentType string) streamKind {
	switch {
	case strings.HasPrefix(contentType, "text/event-stream"):
		return eventStream
	case strings.HasPrefix(contentType, "application/grpc"):
		return grpcStream
	}
	return noStream
}

// IsStream tells whether an answer with this header has no end of its own, as
// far as its type says it.
func IsStream(h http.Header) bool { return kindOf(h.Get("Content-Type")) != noStream }

// becomes makes the call a stream that its connections know of.
func (c *call) becomes(kind streamKind, socket *socket) {
	to := c.up.Conns.(*conns)
	s := &stream{call: c, kind: kind, socket: socket, conns: to, ended: make(chan struct{})}
	c.mu.Lock()
	c.stream = s
	c.mu.Unlock()
	to.streams.add(s)
}

// over takes the stream out of its connections' list. Nothing ends it any more.
func (s *stream) over() {
	if s.ending.Load() && s.kind != webSocket && s.kind != upgradedStream {
		http.NewResponseController(s.call.w).SetWriteDeadline(time.Time{}) // the connection may live on
	}
	s.conns.streams.remove(s)
	close(s.ended)
}

// Ended implements Stream.
func (s *stream) Ended() <-chan struct{} { return s.ended }

// End implements Stream.
func (s *stream) End(why Ending) {
	if s.ending.Swap(true) {
		return
	}
	if s.kind == webSocket {
		s.socket.end(why)
		return
	}
	s.call.mu.Lock()
	defer s.call.mu.Unlock()
	if s.call.over {
		return
	}
	if s.kind != upgradedStream {
		// What was read already may still be on its way to a slow client.
		http.NewResponseController(s.call.w).SetWriteDeadline(time.Now().Add(Farewell))
	}
	s.call.cancel(errEnded)
}

// cutShort tells whether an answer cannot be read on because it was ended from
// here.
func (s *stream) cutShort() bool {
	if s == nil || !s.ending.Load() {
		return false
	}
	s.cut = true
	return true
}

// gRPC's way to say that the server can't go on, and that another may.
const (
	grpcUnavailable = "14"
	grpcMessage     = "the server goes away"
)

// trailer ends an answer that was cut: a gRPC client wants a status.
func (s *stream) trailer(h http.Header) {
	if s == nil || !s.cut || s.kind != grpcStream {
		return
	}
	h.Set(http.TrailerPrefix+"Grpc-Status", grpcUnavailable)
	h.Set(http.TrailerPrefix+"Grpc-Message", grpcMessage)
}

// streamSet are the open streams of one upstream.
type streamSet struct {
	mu   sync.Mutex
	open map[*stream]struct{}
}

func (set *streamSet) add(s *stream) {
	set.mu.Lock()
	defer set.mu.Unlock()
	if set.open == nil {
		set.open = map[*stream]struct{}{}
	}
	set.open[s] = struct{}{}
}

func (set *streamSet) remove(s *stream) {
	set.mu.Lock()
	defer set.mu.Unlock()
	delete(set.open, s)
}

func (set *streamSet) all() []Stream {
	set.mu.Lock()
	defer set.mu.Unlock()
	all := make([]Stream, 0, len(set.open))
	for s := range set.open {
		all = append(all, s)
	}
	return all
}
