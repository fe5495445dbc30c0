// Package proxy is the forwarding engine: it carries one HTTP request to one
// upstream and the answer back. It knows nothing of components, routes or
// queues; which upstream gets a request, and what a client is told when that
// fails, is its caller's business.
package proxy

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"
)

// Engine forwards requests. Implementations are safe for concurrent use.
type Engine interface {
	// Open names an upstream, host:port. It dials nothing; connections are
	// made by Forward and kept for the next request of the same Conns.
	Open(address string, protocol Protocol) Conns

	// Connect names another node, to which connect makes connections in a given
	// protocol of HTTP, "h2" or "http/1.1". It dials nothing.
	Connect(connect func(ctx context.Context, protocol string) (net.Conn, error)) Peer

	// Forward sends r to an upstream and its answer to w. The error is nil if
	// the answer was passed on in full, else one of the Err values below, or a
	// *Refused.
	// Except after ErrCut, and ErrClientGone in the middle of an answer,
	// nothing has been written to w.
	Forward(w http.ResponseWriter, r *http.Request, up Upstream) error
}

// Conns are the connections to one upstream.
type Conns interface {
	// Close gives idle connections back. Those in use finish their request.
	Close()

	// Streams returns what is open and does not end by itself.
	Streams() []Stream
}

// Protocol is what an upstream speaks.
type Protocol int

// The protocols.
const (
	HTTP1 Protocol = iota
	H2C            // HTTP/2 in clear, by prior knowledge
)

// Upstream says where one request goes and what is known of it.
type Upstream struct {
	Conns Conns // from Open of the same engine, or of one of its peers

	// Target is the request target that the upstream receives, byte for byte:
	// a path with its query, or "*".
	Target string

	// RequestID is passed on in X-Request-Id.
	RequestID string

	// Public marks a request from outside, whose MAELSTROM-* fields are not
	// believed and not passed on.
	Public bool

	// Forwarded marks a request that another node sends on: its header is what
	// the upstream shall see, but for what the two nodes tell each other.
	Forwarded bool

	// Start is when the request came in.
	Start time.Time

	// Deadline is when the answer's header must be here; zero: whenever.
	// What follows the header is bound by stall times only.
	Deadline time.Time
}

// The ways to fail. Callers branch with errors.Is.
var (
	// ErrDial: no connection, or none that took a byte of the request. The
	// request's body is unread, so another upstream may be tried.
	ErrDial = errors.New("dial upstream")

	// ErrBroke: the upstream took the request and broke off before an answer,
	// or answered something that is not HTTP.
	ErrBroke = errors.New("upstream broke off")

	// ErrLink: the connection to another node broke, or the node fell silent,
	// before an answer. The request may have been served.
	ErrLink = errors.New("connection to the node broke")

	// ErrDeadline: no answer's header by the deadline.
	ErrDeadline = errors.New("deadline passed")

	// ErrClientGone: the client hung up, or sent a body that cannot be read.
	ErrClientGone = errors.New("client gone")

	// ErrCut: the answer ended in the middle. The caller must break the
	// client's connection off (panic with http.ErrAbortHandler), so that the
	// client does not take a part for the whole.
	ErrCut = errors.New("answer cut short")
)

// Options set an engine up. Zero fields take the defaults below.
type Options struct {
	// Dial makes connections; nil: a net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	// TrustedProxies are the peers whose X-Forwarded-* fields are believed.
	TrustedProxies Trust

	Stall       time.Duration // without a byte either way, an exchange is given up
	StreamStall time.Duration // the same for event streams, gRPC and upgraded connections
	DialTimeout time.Duration
}

// The defaults. Idle connections end before the five seconds after which
// common servers close them, so that a request seldom meets a closing one.
const (
	DefaultStall       = 310 * time.Second
	DefaultStreamStall = time.Hour
	DefaultDialTimeout = 3 * time.Second

	idleConnection = 4 * time.Second
)

func (o Options) withDefaults() Options {
	if o.Stall <= 0 {
		o.Stall = DefaultStall
	}
	if o.StreamStall <= 0 {
		o.StreamStall = DefaultStreamStall
	}
	if o.DialTimeout <= 0 {
		o.DialTimeout = DefaultDialTimeout
	}
	if o.Dial == nil {
		o.Dial = (&net.Dialer{}).DialContext
	}
	return o
}
