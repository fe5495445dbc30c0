package proxy

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// isWebSocket tells whether an upgraded connection carries WebSocket frames.
func isWebSocket(res *http.Response) bool {
	return strings.EqualFold(res.Header.Get("Upgrade"), "websocket") && res.Header.Get("Sec-Websocket-Accept") != ""
}

// socket is a WebSocket that passes through. It knows where in a frame each
// direction is, and can close both.
type socket struct {
	call       *call
	client     net.Conn
	toClient   side
	toServer   side
	unanswered atomic.Int32 // sides that have not answered our close frame
}

// side is one direction of a WebSocket.
type side struct {
	mu       sync.Mutex
	to       io.Writer
	frames   frames
	farewell []byte // to be written when the frame under way is whole
	closed   bool   // it was: what comes after it goes nowhere
	heard    func() // whoever speaks in this direction has closed it
}

// newSocket follows a WebSocket whose client is yet to be hijacked.
func newSocket(c *call, server io.Writer) *socket {
	s := &socket{call: c}
	s.unanswered.Store(2)
	s.toServer.to, s.toServer.heard = server, s.answered
	s.toClient.heard = s.answered
	return s
}

// follow makes conn, the client's, one that frames are followed on.
func (s *socket) follow(conn net.Conn) net.Conn {
	s.client, s.toClient.to = conn, conn
	return &socketConn{conn, &s.toClient}
}

// end sends close frames both ways. Whoever does not answer, or does not even
// take one in time, is cut off.
func (s *socket) end(why Ending) {
	time.AfterFunc(Farewell, s.cut)
	go s.toServer.close(closeFrame(why, true))
	go s.toClient.close(closeFrame(why, false))
}

// answered ends the connection once both ends have said good-bye.
func (s *socket) answered() {
	if s.unanswered.Add(-1) == 0 {
		s.call.cancel(errEnded)
	}
}

// cut frees whoever still reads or writes.
func (s *socket) cut() {
	s.call.cancel(errEnded)
	s.client.SetDeadline(longAgo)
}

// close puts the last frame in at the next place where one may begin.
func (d *side) close(frame []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.frames.closes { // by itself
		d.heard()
		return
	}
	d.farewell = frame
	d.sayFarewell() // an error shows at the next write, or at the cut
}

// sayFarewell writes the close frame if it is due and may be written here.
func (d *side) sayFarewell() error {
	if d.farewell == nil || !d.frames.between() || d.frames.closes {
		return nil
	}
	d.closed = true
	_, err := d.to.Write(d.farewell)
	d.farewell = nil
	return err
}

// Write passes p on and follows its frames.
func (d *side) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		d.follow(p)
		return len(p), nil
	}
	if d.farewell == nil {
		d.follow(p)
		return d.to.Write(p)
	}
	n := d.frames.advance(p)
	if n, err := d.to.Write(p[:n]); err != nil {
		return n, err
	}
	if err := d.sayFarewell(); err != nil {
		return n, err
	}
	if d.closed {
		d.follow(p[n:])
		return len(p), nil
	}
	if !d.frames.closes {
		return n, nil // all of p, and the frame goes on
	}
	d.farewell = nil // not after a close frame of its own
	m, err := d.to.Write(p[n:])
	d.heard()
	return n + m, err
}

// follow takes in what goes by.
func (d *side) follow(p []byte) {
	for len(p) > 0 {
		was := d.frames.closes
		p = p[d.frames.advance(p):]
		if d.closed && d.frames.closes && !was {
			d.heard()
		}
	}
}

// socketConn is the client's connection of a WebSocket.
type socketConn struct {
	net.Conn
	side *side
}

// Write implements net.Conn.
func (c *socketConn) Write(p []byte) (int, error) { return c.side.Write(p) }

// CloseWrite tells the client that the server has said all.
func (c *socketConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.New("connection cannot be closed one way")
}
