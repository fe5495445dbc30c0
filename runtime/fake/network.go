package fake

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"syscall"

	"maelstrom/runtime"
)

// listener accepts in-memory connections.
type listener struct {
	address *net.TCPAddr
	pending chan net.Conn
	closed  chan struct{}
	once    sync.Once
}

func newListener(ip netip.Addr, port uint16) *listener {
	return &listener{
		address: net.TCPAddrFromAddrPort(netip.AddrPortFrom(ip, port)),
		pending: make(chan net.Conn),
		closed:  make(chan struct{}),
	}
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.pending:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *listener) Addr() net.Addr { return l.address }

// conn is one end of an in-memory connection with the addresses of a real one.
type conn struct {
	net.Conn
	local, remote net.Addr
}

func (c *conn) LocalAddr() net.Addr  { return c.local }
func (c *conn) RemoteAddr() net.Addr { return c.remote }

// Dial connects to a container of any node. The errors are those of a bridge
// network: refused where nobody listens, no route where nothing runs.
func (e *Engine) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	l, to, err := e.resolve(address)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Addr: to, Err: err}
	}
	from := &net.TCPAddr{IP: net.IPv4(10, 88, 0, 1), Port: 40000}
	ours, theirs := net.Pipe()
	select {
	case l.pending <- &conn{Conn: theirs, local: to, remote: from}:
		return &conn{Conn: ours, local: from, remote: to}, nil
	case <-l.closed:
		err = syscall.ECONNREFUSED
	case <-ctx.Done():
		err = ctx.Err()
	}
	ours.Close()
	theirs.Close()
	return nil, &net.OpError{Op: "dial", Net: network, Addr: to, Err: err}
}

func (e *Engine) resolve(address string) (*listener, net.Addr, error) {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, nil, err
	}
	addr := net.TCPAddrFromAddrPort(to)
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, c := range e.containers {
		if c.ip != to.Addr() || c.state != runtime.ContainerRunning {
			continue
		}
		if c.listener == nil || c.image.Loopback || c.port() != to.Port() {
			return nil, addr, syscall.ECONNREFUSED
		}
		return c.listener, addr, nil
	}
	return nil, addr, syscall.EHOSTUNREACH
}
