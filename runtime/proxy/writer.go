package proxy

import (
	"bufio"
	"net"
	"net/http"
)

// answerWriter is the client's writer as the reverse proxy sees it.
type answerWriter struct {
	http.ResponseWriter
	tunnel   *tunnel // of an answer that switches protocols
	flush    bool    // after the header and each write
	hijacked bool    // no answer can be written any more
}

// Unwrap is for http.ResponseController.
func (w *answerWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader sends the header; that of a stream does not wait for its body.
func (w *answerWriter) WriteHeader(status int) {
	w.ResponseWriter.WriteHeader(status)
	if w.flush && status >= 200 {
		http.NewResponseController(w.ResponseWriter).Flush()
	}
}

// Write sends a part of the body.
func (w *answerWriter) Write(p []byte) (int, error) {
	n, err := w.ResponseWriter.Write(p)
	if err == nil && w.flush {
		http.NewResponseController(w.ResponseWriter).Flush() // an error shows at the next write
	}
	return n, err
}

// Hijack implements http.Hijacker.
func (w *answerWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(w.ResponseWriter).Hijack()
	w.hijacked = err == nil
	if w.hijacked && w.tunnel != nil {
		conn = w.tunnel.begin(conn)
	}
	return conn, rw, err
}
