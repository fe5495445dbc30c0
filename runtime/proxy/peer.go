package proxy

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httputil"
	"sync"
	"sync/atomic"
	"time"
)

// Peer is another node. All its instances are reached by the same few
// connections to it.
type Peer interface {
	// Open names an instance there.
	Open(to Remote) Conns

	// Heard is when anything last came by one of the connections; zero: never.
	Heard() time.Time

	// Abandon ends what is under way, may be sent again by Repeatable, and has no
	// answer yet, with ErrLink.
	Abandon()

	// Sever breaks all connections. Later requests make new ones.
	Sever()
}

// Remote is an instance at another node.
type Remote struct {
	Component string
	Placement string
	Address   string // that its node dials
	Protocol  Protocol
}

const (
	// An idle connection to another node is kept for a while: it costs a
	// handshake, and no server closes it early.
	idlePeer = time.Minute

	// A connection that says nothing is asked for a sign of life, and given up
	// without one.
	peerPing     = time.Second
	peerPingLost = 5 * time.Second

	// What a slow client may have waiting here of an answer.
	peerWindow = 1 << 20

	// A further connection is made when there are this many requests on each.
	peerCrowd = 100
	peerConns = 4 // but at most so many, unless they take no more

	// never is the time after which a body is sent without having been asked for:
	// it would be lost if the node had no room.
	never = 1000 * time.Hour
)

// errAbandoned is why a request ends whose node fell silent.
var errAbandoned = errors.New("the node fell silent")

// peer is the Peer on the connections of the standard library.
type peer struct {
	engine  *engine
	connect func(ctx context.Context, protocol string) (net.Conn, error)
	plain   *http.Transport // a connection for each upgrade
	shared  *http.Transport // makes those that are shared

	begun time.Time
	heard atomic.Int64 // since begun

	mu      sync.Mutex
	conns   []*http.ClientConn
	dialing *dialing // nil: nobody dials
	waits   map[*call]struct{}

	openMu sync.Mutex // apart: connections are closed under locks of their own
	open   map[*peerConn]struct{}
}

// Connect implements Engine.
func (e *engine) Connect(connect func(ctx context.Context, protocol string) (net.Conn, error)) Peer {
	p := &peer{
		engine: e, connect: connect, begun: time.Now(),
		waits: map[*call]struct{}{}, open: map[*peerConn]struct{}{},
	}
	p.plain, p.shared = e.transport(HTTP1), e.transport(H2C)
	p.plain.DialContext, p.shared.DialContext = p.dialer("http/1.1"), p.dialer("h2")
	p.plain.ExpectContinueTimeout, p.shared.ExpectContinueTimeout = never, never
	p.plain.MaxIdleConnsPerHost = -1
	p.shared.IdleConnTimeout = idlePeer
	p.shared.HTTP2 = &http.HTTP2Config{
		SendPingTimeout:           peerPing,
		PingTimeout:               peerPingLost,
		MaxReceiveBufferPerStream: peerWindow,
	}
	return p
}

// Open implements Peer.
func (p *peer) Open(to Remote) Conns {
	c := &conns{address: to.Address, protocol: to.Protocol, peer: p, remote: to.Component + " " + to.Placement}
	c.proxy = p.engine.reverseProxy(c, p)
	return c
}

// Heard implements Peer.
func (p *peer) Heard() time.Time {
	since := p.heard.Load()
	if since == 0 {
		return time.Time{}
	}
	return p.begun.Add(time.Duration(since))
}

// Sever implements Peer.
func (p *peer) Sever() {
	p.openMu.Lock()
	open := make([]*peerConn, 0, len(p.open))
	for c := range p.open {
		open = append(open, c)
	}
	p.openMu.Unlock()
	p.mu.Lock()
	p.conns = nil
	p.mu.Unlock()
	for _, c := range open {
		c.Close()
	}
}

// Abandon implements Peer.
func (p *peer) Abandon() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.waits {
		delete(p.waits, c)
		c.cancel(errAbandoned)
	}
}

// watch lets c be abandoned, if it may be sent again.
func (p *peer) watch(c *call) {
	if !Repeatable(c.in) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waits[c] = struct{}{}
}

// unwatch ends that: c has its answer, or its end.
func (p *peer) unwatch(c *call) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.waits, c)
}

// dialer connects in a protocol of HTTP.
func (p *peer) dialer(protocol string) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, _, _ string) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, p.engine.opt.DialTimeout)
		defer cancel()
		conn, err := p.connect(ctx, protocol)
		if err != nil {
			return nil, &dialError{err}
		}
		c := &peerConn{Conn: conn, peer: p}
		p.openMu.Lock()
		p.open[c] = struct{}{}
		p.openMu.Unlock()
		c.moved()
		return c, nil
	}
}

// peerConn is one connection to another node.
type peerConn struct {
	net.Conn
	peer *peer
}

func (c *peerConn) moved() { c.peer.heard.Store(int64(max(1, time.Since(c.peer.begun)))) }

// Read notes that the node was heard.
func (c *peerConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 {
		c.moved()
	}
	return n, err
}

// closeLimit is how long the end of TLS may take.
const closeLimit = 250 * time.Millisecond

// Close closes the connection, also if the node takes nothing any more.
func (c *peerConn) Close() error {
	c.peer.openMu.Lock()
	delete(c.peer.open, c)
	c.peer.openMu.Unlock()
	if over, ok := c.Conn.(interface{ NetConn() net.Conn }); ok {
		defer time.AfterFunc(closeLimit, func() { over.NetConn().Close() }).Stop()
	}
	return c.Conn.Close()
}

// CloseWrite tells the node that the client has said all.
func (c *peerConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.New("connection cannot be closed one way")
}

// reverseProxy is what forwards to c by way of transport.
func (e *engine) reverseProxy(c *conns, transport http.RoundTripper) httputil.ReverseProxy {
	return httputil.ReverseProxy{
		Rewrite:        c.rewrite,
		Transport:      transport,
		BufferPool:     &e.buffers,
		ErrorLog:       e.silent, // errors are returned, not logged
		ModifyResponse: modifyResponse,
		ErrorHandler: func(_ http.ResponseWriter, r *http.Request, err error) {
			callOf(r.Context()).err = err
		},
	}
}
