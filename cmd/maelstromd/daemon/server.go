package daemon

import (
	"errors"
	"net"
	"net/http"
	"slices"
	"sync"
)

// httpServer is a server with its listeners and the number of its connections.
type httpServer struct {
	*http.Server
	listeners []net.Listener // bound before it serves

	mu        sync.Mutex
	accepting []net.Listener
	conns     int
}

func (s *httpServer) serve(d *Daemon) {
	for _, listener := range s.listeners {
		go serveUntilClosed(s.Server, listener, d.log)
	}
}

// close ends a server at once, and listeners that it never got to serve.
func (s *httpServer) close() error {
	err := s.Server.Close()
	for _, listener := range s.listeners {
		if closeErr := listener.Close(); closeErr != nil && !errors.Is(closeErr, net.ErrClosed) {
			err = errors.Join(err, closeErr)
		}
	}
	return err
}

// accepts notes a listener that is served from now on.
func (s *httpServer) accepts(listener net.Listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.accepting = append(s.accepting, listener)
}

// unused tells whether a server was served and its listeners are closed.
func (s *httpServer) unused() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.accepting) > 0 && s.conns == 0 && !slices.ContainsFunc(s.accepting, func(l net.Listener) bool {
		own := socketOf(l)
		return own == nil || !own.closed.Load()
	})
}

// socketOf is the socket behind a listener, nil if that is of another kind.
func socketOf(l net.Listener) *socket {
	if filtered, ok := l.(subnetListener); ok {
		l = filtered.Listener
	}
	own, _ := l.(*socket)
	return own
}

// stopAccepting closes the listeners that somebody else has too, or all, and
// leaves the connections that there are.
func (s *httpServer) stopAccepting(all bool) error {
	s.mu.Lock()
	accepting := append(s.accepting, s.listeners...)
	s.mu.Unlock()
	var errs []error
	for _, listener := range accepting {
		if own := socketOf(listener); !all && (own == nil || !own.shared) {
			continue
		}
		if err := listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// count follows the connections of a server, and tells quiet when none is left.
// One that is handed to a handler is that one's.
func (s *httpServer) count(state http.ConnState, quiet chan<- struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch state {
	case http.StateNew:
		s.conns++
	case http.StateClosed, http.StateHijacked:
		if s.conns--; s.conns > 0 {
			return
		}
		select {
		case quiet <- struct{}{}:
		default: // told, and not looked at yet
		}
	}
}

func (s *httpServer) connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conns
}
