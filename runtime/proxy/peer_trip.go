package proxy

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
)

// peerHost stands for the node in URLs; its connections know where they lead.
const peerHost = "peer:80"

// peerTries is how often a request is put on a connection that does not take it.
const peerTries = 3

var errNotTaken = errors.New("no connection took the request")

// dialing is an attempt to connect that all wait for who need a connection.
type dialing struct {
	done chan struct{}
	err  error // valid once done is closed
}

// RoundTrip sends a request to the node: an upgrade by a connection of its own,
// all else by those that are shared.
func (p *peer) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Header["Upgrade"] != nil {
		return p.plain.RoundTrip(r)
	}
	for range peerTries {
		conn, err := p.conn(r.Context())
		if err != nil {
			return nil, err
		}
		var sent atomic.Bool
		res, err := conn.RoundTrip(p.attempt(r, &sent))
		if err == nil || r.Context().Err() != nil || !untaken(conn, err, sent.Load()) {
			return res, err
		}
	}
	return nil, &dialError{errNotTaken}
}

// attempt is r for one connection: that can't close its body for the next.
func (p *peer) attempt(r *http.Request, sent *atomic.Bool) *http.Request {
	trace := &httptrace.ClientTrace{WroteHeaders: func() { sent.Store(true) }}
	r = r.WithContext(httptrace.WithClientTrace(r.Context(), trace))
	if r.Body != nil {
		r.Body = &attemptBody{Reader: r.Body}
	}
	return r
}

// untaken tells whether nobody has seen a request that failed: it was not
// written, or the node says that it did not look at it.
func untaken(conn *http.ClientConn, err error, sent bool) bool {
	if !sent {
		return conn.Err() != nil || conn.Available() == 0
	}
	var stream streamError
	return errors.As(err, &stream) && stream.Code == refusedStream || err.Error() == goneAway
}

// streamError is, field by field, the error of one HTTP/2 stream.
type streamError struct {
	StreamID uint32
	Code     uint32
	Cause    error
}

// Error implements error.
func (e streamError) Error() string { return "stream reset" }

const refusedStream = 7

// goneAway is the only sign of a request that came after the server's last one.
const goneAway = "http2: Transport received Server's graceful shutdown GOAWAY"

// attemptBody is a body as one connection may have it.
type attemptBody struct {
	io.Reader
	closed atomic.Bool
}

// Read implements io.Reader.
func (b *attemptBody) Read(p []byte) (int, error) {
	if b.closed.Load() {
		return 0, http.ErrBodyReadAfterClose
	}
	return b.Reader.Read(p)
}

// Close implements io.Closer; the client's body stays as it is.
func (b *attemptBody) Close() error { b.closed.Store(true); return nil }

// conn returns a connection with a place for one request, which has to be used.
func (p *peer) conn(ctx context.Context) (*http.ClientConn, error) {
	for {
		conn, wait := p.reserve()
		if conn != nil {
			return conn, nil
		}
		select {
		case <-wait.done:
			if wait.err != nil {
				return nil, &dialError{wait.err}
			}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// reserve takes a place on the connection with fewest requests, or says whom
// to wait for.
func (p *peer) reserve() (*http.ClientConn, *dialing) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var best *http.ClientConn
	least, alive := 0, p.conns[:0]
	for _, conn := range p.conns {
		if conn.Err() != nil {
			continue
		}
		alive = append(alive, conn)
		if n := conn.InFlight(); conn.Available() > 0 && (best == nil || n < least) {
			best, least = conn, n
		}
	}
	clear(p.conns[len(alive):])
	p.conns = alive
	if best != nil && best.Reserve() != nil {
		best = nil
	}
	crowded := least >= peerCrowd && len(p.conns) < peerConns
	if p.dialing == nil && (best == nil || crowded) {
		p.dialing = &dialing{done: make(chan struct{})}
		go p.dial(p.dialing)
	}
	return best, p.dialing
}

// dial adds one connection. It ends by the time limit of the dialer.
func (p *peer) dial(d *dialing) {
	conn, err := p.shared.NewClientConn(context.Background(), "http", peerHost)
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil {
		p.conns = append(p.conns, conn)
	}
	p.dialing, d.err = nil, err
	close(d.done)
}
