package registrytest

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// Way is a TCP way to a registry that can stop carrying anything, without
// telling either side.
type Way struct {
	Host string // host:port, as in the names of images

	to       string
	listener net.Listener
	carried  atomic.Int64 // bytes towards the client
	stall    atomic.Int64 // after so many; below 0: never

	mu   sync.Mutex
	open []net.Conn
}

// NewWay opens a way to a registry.
func NewWay(t testing.TB, to *Registry) *Way {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &Way{Host: listener.Addr().String(), to: to.Host, listener: listener}
	w.stall.Store(-1)
	go w.serve()
	t.Cleanup(w.Close)
	return w
}

// StallAfter stops it once so many more bytes were carried to the client; 0 is
// at once.
func (w *Way) StallAfter(bytes int64) { w.stall.Store(w.carried.Load() + bytes) }

// Close ends all connections, the stalled ones too.
func (w *Way) Close() {
	w.listener.Close()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.open {
		c.Close()
	}
}

func (w *Way) serve() {
	for {
		in, err := w.listener.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", w.to)
		if err != nil {
			in.Close()
			continue
		}
		w.mu.Lock()
		w.open = append(w.open, in, out)
		w.mu.Unlock()
		go func() { io.Copy(out, in); out.Close() }()
		go func() { w.carry(in, out); in.Close() }()
	}
}

// carry copies until the way stalls; then it holds the connection and is silent.
func (w *Way) carry(to, from net.Conn) {
	buffer := make([]byte, 4096)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		carried := w.carried.Add(int64(n))
		if stall := w.stall.Load(); stall >= 0 && carried > stall {
			io.Copy(io.Discard, from) // until Close
			for {
				if _, err := to.Read(buffer); err != nil {
					return
				}
			}
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}
