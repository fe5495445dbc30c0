package daemon

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"sync"
	"syscall"
)

// network is an in-memory network of listeners: connections are pipes, so it
// works inside a bubble of virtual time.
type network struct {
	mu        sync.Mutex
	listeners map[string]*memoryListener
}

func newNetwork() *network { return &network{listeners: map[string]*memoryListener{}} }

// Listen is Surroundings.Listen.
func (n *network) Listen(_ context.Context, _, address string) (net.Listener, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, taken := n.listeners[address]; taken {
		return nil, fmt.Errorf("listen %s: %w", address, syscall.EADDRINUSE)
	}
	l := &memoryListener{network: n, address: address, conns: make(chan net.Conn), closed: make(chan struct{})}
	n.listeners[address] = l
	return l, nil
}

// Dial connects to a listener.
func (n *network) Dial(ctx context.Context, _, address string) (net.Conn, error) {
	n.mu.Lock()
	l, ok := n.listeners[address]
	n.mu.Unlock()
	if !ok {
		return nil, fmt.Errorf("dial %s: %w", address, syscall.ECONNREFUSED)
	}
	client, server := net.Pipe()
	select {
	case l.conns <- memoryConn{server, l.Addr()}:
		return client, nil
	case <-l.closed:
		return nil, fmt.Errorf("dial %s: %w", address, syscall.ECONNREFUSED)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

type memoryListener struct {
	network *network
	address string
	conns   chan net.Conn
	once    sync.Once
	closed  chan struct{}
}

func (l *memoryListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *memoryListener) Close() error {
	l.once.Do(func() {
		l.network.mu.Lock()
		delete(l.network.listeners, l.address)
		l.network.mu.Unlock()
		close(l.closed)
	})
	return nil
}

func (l *memoryListener) Addr() net.Addr { return memoryAddr(l.address) }

type memoryAddr string

func (memoryAddr) Network() string  { return "tcp" }
func (a memoryAddr) String() string { return string(a) }

// memoryConn is a connection from this machine.
type memoryConn struct {
	net.Conn
	local net.Addr
}

func (c memoryConn) LocalAddr() net.Addr  { return c.local }
func (c memoryConn) RemoteAddr() net.Addr { return memoryAddr("127.0.0.1:1") }

// portDialer reaches one port of a node by whatever address is asked for.
type portDialer struct {
	network   *network
	addresses []string
}

func (m *member) dialer(port int) portDialer {
	return portDialer{m.world.net, []string{net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), net.JoinHostPort("", strconv.Itoa(port))}}
}

func (d portDialer) dial(ctx context.Context, network, _ string) (conn net.Conn, err error) {
	for _, address := range d.addresses {
		if conn, err = d.network.Dial(ctx, network, address); err == nil {
			return conn, nil
		}
	}
	return nil, err
}
