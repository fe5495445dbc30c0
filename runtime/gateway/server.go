package gateway

import (
	"net/http"
	"time"
)

// ServerOptions are a server's limits. Zero fields take the defaults.
type ServerOptions struct {
	ReadHeader  time.Duration // until a request's header is here
	Idle        time.Duration // between two requests of a connection
	HeaderBytes int
}

// The defaults of a server.
const (
	DefaultReadHeader  = 10 * time.Second
	DefaultIdle        = 310 * time.Second
	DefaultHeaderBytes = 64 << 10
)

// What a client may send of bodies that nobody has asked for yet, by HTTP/2
// flow control: this much memory a waiting request can cost.
const (
	streamWindow     = 256 << 10
	connectionWindow = 1 << 20
	streams          = 1000
)

// NewServer returns a server for the public or the private port: limits set,
// HTTP/1.1 and HTTP/2 in clear by prior knowledge. No timeout bounds a whole
// request: the gateway's own are stall times. The caller listens.
func NewServer(addr string, handler http.Handler, opt ServerOptions) *http.Server {
	if opt.ReadHeader <= 0 {
		opt.ReadHeader = DefaultReadHeader
	}
	if opt.Idle <= 0 {
		opt.Idle = DefaultIdle
	}
	if opt.HeaderBytes <= 0 {
		opt.HeaderBytes = DefaultHeaderBytes
	}
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Server{
		Addr:                         addr,
		Handler:                      handler,
		ReadHeaderTimeout:            opt.ReadHeader,
		IdleTimeout:                  opt.Idle,
		MaxHeaderBytes:               opt.HeaderBytes,
		Protocols:                    &protocols,
		DisableGeneralOptionsHandler: true, // "OPTIONS *" is the component's to answer
		ConnContext:                  withConn,
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams:          streams,
			MaxReceiveBufferPerStream:     streamWindow,
			MaxReceiveBufferPerConnection: connectionWindow,
		},
	}
}
