package proxy

import (
	"errors"
	"io"
	"net"
	"net/http"
)

// upgraded makes the connection behind a 101 answer one that only silence ends.
func (c *call) upgraded(res *http.Response) error {
	conn, ok := res.Body.(io.ReadWriteCloser)
	if !ok {
		return errors.New("upgraded connection cannot be written to")
	}
	t := &tunnel{ReadWriteCloser: conn, call: c}
	if isWebSocket(res) {
		t.socket = newSocket(c, conn)
	}
	res.Body, c.out.tunnel = t, t
	c.answered(c.opt.StreamStall)
	return nil
}

// tunnel is the upstream's end of an upgraded connection. Both directions
// pass through it.
type tunnel struct {
	io.ReadWriteCloser
	call   *call
	socket *socket // nil: no WebSocket
}

// begin is called when the client's connection is ours as well.
func (t *tunnel) begin(client net.Conn) net.Conn {
	if t.socket == nil {
		t.call.becomes(upgradedStream, nil)
		return client
	}
	conn := t.socket.follow(client)
	t.call.becomes(webSocket, t.socket)
	return conn
}

// Read reads from the upstream.
func (t *tunnel) Read(p []byte) (int, error) {
	n, err := t.ReadWriteCloser.Read(p)
	t.call.moved()
	return n, err
}

// Write writes to the upstream.
func (t *tunnel) Write(p []byte) (int, error) {
	t.call.moved()
	if t.socket != nil {
		return t.socket.toServer.Write(p)
	}
	return t.ReadWriteCloser.Write(p)
}

// CloseWrite tells the upstream that the client has said all.
func (t *tunnel) CloseWrite() error {
	if half, ok := t.ReadWriteCloser.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.New("connection cannot be closed one way")
}
