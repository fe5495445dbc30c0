package peer

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

// network is what lies between the hubs of a test: connections with buffers,
// as TCP has them, whose ways can be cut, slowed down and broken.
type network struct {
	mu        sync.Mutex
	changed   chan struct{} // closed and replaced at each change
	listeners map[string]*listener
	cut       map[[2]string]bool // from, to: nothing gets through
	delay     map[[2]string]time.Duration
	pipes     map[*pipe]bool
	sent      map[string]sent // by node
}

func newNetwork() *network {
	return &network{
		changed: make(chan struct{}), listeners: map[string]*listener{},
		cut: map[[2]string]bool{}, delay: map[[2]string]time.Duration{}, pipes: map[*pipe]bool{}, sent: map[string]sent{},
	}
}

func (n *network) count(from string, bytes int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	s := n.sent[from]
	n.sent[from] = sent{s.packets + 1, s.bytes + bytes}
}

func (n *network) change(step func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	step()
	close(n.changed)
	n.changed = make(chan struct{})
}

func (n *network) setCut(from, to string, cut bool) {
	n.change(func() { n.cut[[2]string{from, to}] = cut })
}

func (n *network) setDelay(from, to string, d time.Duration) {
	n.change(func() { n.delay[[2]string{from, to}] = d })
}

// reset breaks every connection between two nodes, as a reset does.
func (n *network) reset(a, b string) {
	n.change(func() {
		for p := range n.pipes {
			if p.from == a && p.to == b || p.from == b && p.to == a {
				p.in.Close()
				p.out.Close()
			}
		}
	})
}

// way tells how a way is now, and what closes when that changes.
func (n *network) way(from, to string) (cut bool, delay time.Duration, changed <-chan struct{}) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.cut[[2]string{from, to}], n.delay[[2]string{from, to}], n.changed
}

func (n *network) listen(node string) *listener {
	l := &listener{network: n, node: node, conns: make(chan net.Conn), closed: make(chan struct{})}
	n.change(func() { n.listeners[node] = l })
	return l
}

// dial connects two nodes, if packets get through both ways before ctx ends.
func (n *network) dial(ctx context.Context, from, to string) (net.Conn, error) {
	for _, way := range [][2]string{{from, to}, {to, from}} {
		if err := n.pass(ctx, way[0], way[1]); err != nil {
			return nil, err
		}
	}
	n.mu.Lock()
	l := n.listeners[to]
	n.mu.Unlock()
	if l == nil {
		return nil, errors.New("connection refused")
	}
	client, clientEnd := net.Pipe()
	server, serverEnd := net.Pipe()
	select {
	case l.conns <- namedConn{server, from}:
	case <-l.closed:
		return nil, errors.New("connection refused")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	for _, p := range []*pipe{newPipe(n, from, to, clientEnd, serverEnd), newPipe(n, to, from, serverEnd, clientEnd)} {
		n.change(func() { n.pipes[p] = true })
		go p.fill()
		go p.drain()
	}
	return client, nil
}

// pass waits until one packet has got through.
func (n *network) pass(ctx context.Context, from, to string) error {
	for {
		cut, delay, changed := n.way(from, to)
		if !cut && delay > 0 {
			idle(ctx, delay)
		}
		if !cut {
			return ctx.Err()
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// pipe is one direction of a connection.
type pipe struct {
	network  *network
	from, to string
	in, out  net.Conn
	packets  chan []byte
	done     chan struct{}
}

// window is how many packets are on their way, or wait for a reader.
const window = 64

func newPipe(n *network, from, to string, in, out net.Conn) *pipe {
	return &pipe{network: n, from: from, to: to, in: in, out: out, packets: make(chan []byte, window), done: make(chan struct{})}
}

// fill takes what is sent, as far as there is room for it.
func (p *pipe) fill() {
	defer close(p.packets)
	buffer := make([]byte, chunk)
	for {
		n, err := p.in.Read(buffer)
		if err != nil {
			return
		}
		p.network.count(p.from, n)
		select {
		case p.packets <- append([]byte(nil), buffer[:n]...):
		case <-p.done:
			return
		}
	}
}

// drain delivers it, and then the end.
func (p *pipe) drain() {
	defer p.network.change(func() { delete(p.network.pipes, p) })
	defer p.in.Close()
	defer close(p.done)
	for packet := range p.packets {
		if p.network.pass(context.Background(), p.from, p.to) != nil {
			return
		}
		if _, err := p.out.Write(packet); err != nil {
			return
		}
	}
	if p.network.pass(context.Background(), p.from, p.to) == nil {
		p.out.Close()
	}
}

// namedConn is a connection whose other end is known, as by a certificate.
type namedConn struct {
	net.Conn
	node string
}

type listener struct {
	network *network
	node    string
	conns   chan net.Conn
	closed  chan struct{}
	once    sync.Once
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error {
	l.once.Do(func() {
		close(l.closed)
		l.network.change(func() {
			if l.network.listeners[l.node] == l {
				delete(l.network.listeners, l.node)
			}
		})
	})
	return nil
}

func (l *listener) Addr() net.Addr { return &net.UnixAddr{Name: l.node, Net: "memory"} }
