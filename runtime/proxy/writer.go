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
	unasked  bool    // the client waits for no "100 Continue": that was between nodes

	// held is the body that another node sends once it is asked to. HTTP/2 servers
	// of the standard library don't ask any more after another answer of 1xx.
	held *requestBody
}

// Unwrap is for http.ResponseController.
func (w *answerWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader sends the header; that of a stream does not wait for its body.
func (w *answerWriter) WriteHeader(status int) {
	if status == http.StatusContinue && w.unasked {
		return
	}
	if status < 200 && w.held != nil && !w.held.came.Load() {
		return
	}
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
