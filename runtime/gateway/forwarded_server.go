package gateway

import (
	"net/http"
	"time"
)

// What a node may send to another. Its requests have the fields of clients and
// ours, counted by HTTP/2 at 32 bytes more each; one that waits has sent no body,
// so that a large window of the connection costs nothing and keeps an upload
// that stalls from holding up the others.
const (
	peerHeaderBytes      = 1 << 20
	peerStreams          = 100_000
	peerConnectionWindow = 1 << 30
)

// peerSilence is after how long without a word a node is asked for a sign of
// life, and how long it has to give one, until its connection is closed: what is
// in flight for it would run for nobody.
const peerSilence = 15 * time.Second

// NewPeerServer returns a server for the port of peers, as NewServer does for
// the others: few connections, each with the requests of a whole node.
func NewPeerServer(addr string, handler http.Handler, opt ServerOptions) *http.Server {
	if opt.HeaderBytes <= 0 {
		opt.HeaderBytes = peerHeaderBytes
	}
	server := NewServer(addr, handler, opt)
	server.HTTP2 = &http.HTTP2Config{
		MaxConcurrentStreams:          peerStreams,
		MaxReceiveBufferPerStream:     streamWindow,
		MaxReceiveBufferPerConnection: peerConnectionWindow,
		SendPingTimeout:               peerSilence,
		PingTimeout:                   peerSilence,
	}
	return server
}
