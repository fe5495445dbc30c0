package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"time"
)

// engine is the Engine on the standard library's reverse proxy.
type engine struct {
	opt     Options
	buffers bufferPool
	silent  *log.Logger
}

// New returns an engine on net/http/httputil.
func New(opt Options) Engine {
	return &engine{opt: opt.withDefaults(), silent: log.New(io.Discard, "", 0)}
}

// conns are one upstream's connections. A transport of its own keeps the lock
// of its pool from being shared with other upstreams. One at another node is
// reached by the node's connections.
type conns struct {
	address   string
	protocol  Protocol
	transport *http.Transport // nil: peer
	peer      *peer
	remote    string // component and placement there
	proxy     httputil.ReverseProxy
	streams   streamSet
}

// Open implements Engine.
func (e *engine) Open(address string, protocol Protocol) Conns {
	c := &conns{address: address, protocol: protocol, transport: e.transport(protocol)}
	c.proxy = e.reverseProxy(c, c.transport)
	return c
}

// Close implements Conns.
func (c *conns) Close() {
	if c.transport != nil {
		c.transport.CloseIdleConnections()
	}
}

// Streams implements Conns.
func (c *conns) Streams() []Stream { return c.streams.all() }

// A transport sends a request again by itself only if the connection had been
// used before, died without an answer, and the request has no body and an
// idempotent method, or not a byte of it was written.
func (e *engine) transport(protocol Protocol) *http.Transport {
	var protocols http.Protocols
	if protocol == H2C {
		protocols.SetUnencryptedHTTP2(true)
	} else {
		protocols.SetHTTP1(true)
	}
	return &http.Transport{
		DialContext:            e.dial,
		Protocols:              &protocols,
		DisableCompression:     true,
		MaxIdleConnsPerHost:    1024,
		IdleConnTimeout:        idleConnection,
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: 1 << 20,
	}
}

// dialError marks a failure before there was a connection.
type dialError struct{ error }

func (e *dialError) Unwrap() error { return e.error }

func (e *engine) dial(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, e.opt.DialTimeout)
	defer cancel()
	conn, err := e.opt.Dial(ctx, network, address)
	if err != nil {
		return nil, &dialError{err}
	}
	return conn, nil
}

// Forward implements Engine.
func (e *engine) Forward(w http.ResponseWriter, r *http.Request, up Upstream) (err error) {
	to, ok := up.Conns.(*conns)
	if !ok {
		return fmt.Errorf("%w: connections of another engine", ErrDial)
	}
	c := newCall(w, r, up, &e.opt)
	if c.peer = to.peer; c.peer != nil {
		c.out.unasked = !c.expects()
		c.peer.watch(c)
	}
	if up.Forwarded && r.ProtoMajor == 2 {
		c.out.held = c.body
	}
	defer func() {
		if v := recover(); v != nil {
			if v != http.ErrAbortHandler {
				c.finish()
				panic(v)
			}
			err = c.outcome(errors.New("copy answer"), true)
		}
		c.finish()
	}()
	to.proxy.ServeHTTP(&c.out, c.request())
	if c.err != nil {
		return c.outcome(c.err, c.out.hijacked)
	}
	c.stream.trailer(w.Header())
	return nil
}

// rewrite makes the request what the upstream receives.
func (c *conns) rewrite(pr *httputil.ProxyRequest) {
	call, out := callOf(pr.In.Context()), pr.Out
	setTarget(out, c.address, call.up.Target)
	if call.up.Forwarded {
		restore(out.Header, call.in, &call.up)
	} else {
		call.opt.TrustedProxies.rewrite(out.Header, call.in, &call.up)
	}
	if c.peer != nil {
		out.URL.Host = peerHost
		if out.Host == "" {
			out.Host = c.address // as the node would have it
		}
		call.forwardTo(c.remote, out.Header)
	}
	out.Trailer = call.in.Trailer // filled in at the end of the body
	// A tunnel of HTTP/2 in clear would carry requests past the gateway, and
	// HTTP/2 has no upgrade.
	if up := out.Header["Upgrade"]; up != nil && (c.protocol == H2C || strings.EqualFold(up[0], "h2c")) {
		delete(out.Header, "Upgrade")
		delete(out.Header, "Connection")
		delete(out.Header, "Http2-Settings")
	}
}

// setTarget makes r carry a request target as it is. URL can't print every
// target that clients send unchanged: an opaque one it prints as it stands,
// unless that starts with two slashes.
func setTarget(r *http.Request, address, target string) {
	u := r.URL
	u.Scheme, u.Host = "http", address
	path, query, ask := strings.Cut(target, "?")
	u.RawQuery, u.ForceQuery = query, ask && query == ""
	if !strings.HasPrefix(path, "//") {
		u.Opaque = path
		return
	}
	u.Opaque, u.RawPath = "", path
	u.Path = unescape(path)
}

// unescape decodes a path that a server has accepted already.
func unescape(path string) string {
	if decoded, err := url.PathUnescape(path); err == nil {
		return decoded
	}
	return path
}

func modifyResponse(res *http.Response) error {
	c := callOf(res.Request.Context())
	if c.peer != nil {
		if err := c.heardFrom(res); err != nil {
			return err
		}
	}
	delete(res.Header, FieldForward) // which only a node may say
	if res.StatusCode == http.StatusSwitchingProtocols {
		return c.upgraded(res)
	}
	header := c.w.Header()
	if _, ok := res.Header["Content-Type"]; !ok {
		header["Content-Type"] = nil // keeps the server from guessing one
	}
	if c.body != nil && c.in.ProtoMajor == 1 && !c.body.finished.Load() {
		header["Connection"] = closeConnection // what is left of the request can't be told from the next
	}
	c.answer.ReadCloser, c.answer.call = res.Body, c
	res.Body = &c.answer
	kind := kindOf(res.Header.Get("Content-Type"))
	if res.ContentLength >= 0 && kind == noStream {
		c.answered(c.opt.Stall)
		return nil
	}
	if kind != noStream {
		c.becomes(kind, nil)
	}
	// The reverse proxy would flush from a timer and hold a lock while the
	// client reads; the writer does it by itself. What the reverse proxy knows
	// a stream by is kept from it.
	c.out.flush = true
	if kind, ok := res.Header["Content-Type"]; ok {
		header["Content-Type"] = kind
		delete(res.Header, "Content-Type")
	}
	res.ContentLength = 0
	c.answered(c.opt.StreamStall)
	return nil
}

var closeConnection = []string{"close"}

// bufferPool lends the buffers that bodies are copied through.
type bufferPool struct{ pool sync.Pool }

const bufferSize = 32 << 10

// Get implements httputil.BufferPool.
func (p *bufferPool) Get() []byte {
	if b, ok := p.pool.Get().(*[bufferSize]byte); ok {
		return b[:]
	}
	return make([]byte, bufferSize)
}

// Put implements httputil.BufferPool.
func (p *bufferPool) Put(b []byte) { p.pool.Put((*[bufferSize]byte)(b)) }
