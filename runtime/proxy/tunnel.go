package proxy

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
)

// hijackNoter notes that the connection was taken from the server, after
// which no answer can be written.
type hijackNoter struct {
	http.ResponseWriter
	call *call
}

// Unwrap is for http.ResponseController.
func (h *hijackNoter) Unwrap() http.ResponseWriter { return h.ResponseWriter }

// Hijack implements http.Hijacker.
func (h *hijackNoter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(h.ResponseWriter).Hijack()
	if err == nil {
		h.call.hijacked.Store(true)
	}
	return conn, rw, err
}

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

// unescape decodes a path that a server has accepted already.
func unescape(path string) string {
	if decoded, err := url.PathUnescape(path); err == nil {
		return decoded
	}
	return path
}
