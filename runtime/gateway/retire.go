package gateway

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// A connection without a request for retireQuiet is closed when its server
// retires. One that had its last request a moment ago may have the next one on
// its way, which would be lost.
const (
	retireQuiet = time.Second
	retireLook  = retireQuiet / 8
	retireLimit = 3 * retireQuiet
)

// Retire ends a server of NewServer: it takes no more connections, lets every
// client that is busy on a kept one learn from its next answer that it has to
// go, and then shuts the server down. The gateway should be leaving by then.
// Serve returns net.ErrClosed for the listeners given here.
func Retire(ctx context.Context, s *http.Server, listeners ...net.Listener) error {
	var errs []error
	for _, l := range listeners {
		if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	if v, ok := s.Handler.(*visitors); ok {
		v.seeOff(ctx)
	}
	return errors.Join(append(errs, s.Shutdown(ctx))...)
}

// visitors are the connections of a server, and what is done on them.
type visitors struct {
	handler http.Handler

	mu   sync.Mutex
	open map[net.Conn]*visit
}

// visit is one connection.
type visit struct {
	conn    net.Conn
	begun   atomic.Int64 // requests
	running atomic.Int64
	shared  atomic.Bool // HTTP/2: it is told to go, not closed

	looked int64     // begun when it was looked at last
	since  time.Time // it has been quiet
}

type visitKey struct{}

// visitOf returns the connection that a request came on; nil if it came on
// none that is known.
func visitOf(r *http.Request) *visit {
	v, _ := r.Context().Value(visitKey{}).(*visit)
	return v
}

// ServeHTTP implements http.Handler.
func (v *visitors) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if c := visitOf(r); c != nil {
		c.begun.Add(1)
		c.running.Add(1)
		defer c.running.Add(-1)
		if r.ProtoMajor > 1 && !c.shared.Load() {
			c.shared.Store(true)
		}
	}
	v.handler.ServeHTTP(w, r)
}

// enter is the ConnContext of the server.
func (v *visitors) enter(ctx context.Context, conn net.Conn) context.Context {
	c := &visit{conn: conn, looked: -1}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.open == nil {
		v.open = map[net.Conn]*visit{}
	}
	v.open[conn] = c
	return context.WithValue(ctx, visitKey{}, c)
}

// leave is the ConnState of the server.
func (v *visitors) leave(conn net.Conn, state http.ConnState) {
	if state != http.StateClosed && state != http.StateHijacked {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.open, conn)
}

// seeOff closes the connections that are quiet, until none is left that was
// busy a moment ago.
func (v *visitors) seeOff(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, retireLimit)
	defer cancel()
	tick := time.NewTicker(retireLook)
	defer tick.Stop()
	for v.closeQuiet(time.Now()) > 0 {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// closeQuiet returns how many connections may have a request on its way.
func (v *visitors) closeQuiet(now time.Time) (busy int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, c := range v.open {
		begun := c.begun.Load()
		switch {
		case c.shared.Load(), c.running.Load() > 0:
		case begun != c.looked:
			c.looked, c.since = begun, now
			busy++
		case now.Sub(c.since) < retireQuiet:
			busy++
		default:
			c.conn.Close()
		}
	}
	return busy
}
