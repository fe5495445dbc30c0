package proxy

import (
	"errors"
	"io"
	"net/http"
)

// upgraded makes the connection behind a 101 answer one that only silence ends.
func (c *call) upgraded(res *http.Response) error {
	conn, ok := res.Body.(io.ReadWriteCloser)
	if !ok {
		return errors.New("upgraded connection cannot be written to")
	}
	res.Body = &tunnel{ReadWriteCloser: conn, call: c}
	c.answered(c.opt.StreamStall)
	return nil
}

// tunnel is the upstream's end of an upgraded connection. Both directions
// pass through it.
type tunnel struct {
	io.ReadWriteCloser
	call *call
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
	return t.ReadWriteCloser.Write(p)
}

// CloseWrite tells the upstream that the client has said all.
func (t *tunnel) CloseWrite() error {
	if half, ok := t.ReadWriteCloser.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.New("connection cannot be closed one way")
}
