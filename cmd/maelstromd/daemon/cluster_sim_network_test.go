package daemon

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"syscall"
	"time"
)

// fabric is the network between the nodes of a simulation: connections with
// buffers, as TCP has them, whose ways can be cut, slowed down and broken.
type fabric struct {
	mu        sync.Mutex
	changed   chan struct{} // closed and replaced at each change
	listeners map[string]*fabricListener
	cut       map[way]bool // nothing gets through, and nobody is told
	delay     map[way]time.Duration
	uneven    time.Duration // that a connection may take longer than others
	pipes     map[*pipe]bool
}

// way is one direction between two nodes, by their addresses' hosts.
type way struct{ from, to string }

func newFabric() *fabric {
	return &fabric{
		changed: make(chan struct{}), listeners: map[string]*fabricListener{},
		cut: map[way]bool{}, delay: map[way]time.Duration{}, pipes: map[*pipe]bool{},
	}
}

func (f *fabric) change(step func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	step()
	close(f.changed)
	f.changed = make(chan struct{})
}

// heal ends all that is wrong with the network.
func (f *fabric) heal() {
	f.change(func() {
		clear(f.cut)
		clear(f.delay)
		f.uneven = 0
	})
}

// reset breaks the connections between two nodes, or, without a second one, all
// of a node.
func (f *fabric) reset(a, b string) {
	f.change(func() {
		for p := range f.pipes {
			if p.between(a, b) {
				p.in.Close()
				p.out.Close()
			}
		}
	})
}

// directions is how many there are of all connections.
func (f *fabric) directions() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.pipes)
}

func (f *fabric) state(w way) (cut bool, delay time.Duration, changed <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.cut[w], f.delay[w], f.changed
}

// pass waits until a packet that was sent at a time has got through.
func (f *fabric) pass(ctx context.Context, w way, sent time.Time) error {
	for {
		cut, delay, changed := f.state(w)
		if !cut {
			pauseFor(ctx, time.Until(sent.Add(delay)))
			return ctx.Err()
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func pauseFor(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

func (f *fabric) listen(address string) (net.Listener, error) {
	l := &fabricListener{fabric: f, address: address, conns: make(chan net.Conn), closed: make(chan struct{})}
	taken := false
	f.change(func() {
		if _, taken = f.listeners[address]; !taken {
			f.listeners[address] = l
		}
	})
	if taken {
		return nil, fmt.Errorf("listen %s: %w", address, syscall.EADDRINUSE)
	}
	return l, nil
}

// dialer connects from a node, if packets get through both ways before ctx ends.
func (f *fabric) dialer(from string) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, _, address string) (net.Conn, error) {
		to, _, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		for _, w := range []way{{from, to}, {to, from}} {
			if err := f.pass(ctx, w, time.Now()); err != nil {
				return nil, err
			}
		}
		return f.connect(ctx, from, to, address)
	}
}

func (f *fabric) connect(ctx context.Context, from, to, address string) (net.Conn, error) {
	f.mu.Lock()
	l, extra := f.listeners[address], f.uneven
	f.mu.Unlock()
	if l == nil {
		return nil, fmt.Errorf("dial %s: %w", address, syscall.ECONNREFUSED)
	}
	if extra > 0 {
		extra = rand.N(extra)
	}
	client, clientEnd := net.Pipe()
	server, serverEnd := net.Pipe()
	select {
	case l.conns <- addressed{server, l.Addr(), memoryAddr(from + ":40000")}:
	case <-l.closed:
		return nil, fmt.Errorf("dial %s: %w", address, syscall.ECONNREFUSED)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	for _, p := range []*pipe{newPipe(f, way{from, to}, clientEnd, serverEnd), newPipe(f, way{to, from}, serverEnd, clientEnd)} {
		p.extra = extra
		f.change(func() { f.pipes[p] = true })
		go p.fill()
		go p.drain()
	}
	return addressed{client, memoryAddr(from + ":40000"), l.Addr()}, nil
}

// pipe is one direction of a connection.
type pipe struct {
	fabric  *fabric
	way     way
	extra   time.Duration
	in, out net.Conn
	packets chan packet
	done    chan struct{}
}

type packet struct {
	data []byte
	sent time.Time
}

func newPipe(f *fabric, w way, in, out net.Conn) *pipe {
	const onTheWay = 64 // packets, or such as wait for a reader
	return &pipe{fabric: f, way: w, in: in, out: out, packets: make(chan packet, onTheWay), done: make(chan struct{})}
}

func (p *pipe) between(a, b string) bool {
	return p.way.from == a && (b == "" || p.way.to == b) || p.way.to == a && (b == "" || p.way.from == b)
}

// fill takes what is sent, as far as there is room for it.
func (p *pipe) fill() {
	defer close(p.packets)
	buffer := make([]byte, 64<<10)
	for {
		n, err := p.in.Read(buffer)
		if err != nil {
			return
		}
		select {
		case p.packets <- packet{append([]byte(nil), buffer[:n]...), time.Now().Add(p.extra)}:
		case <-p.done:
			return
		}
	}
}

// drain delivers it, and then the end.
func (p *pipe) drain() {
	defer p.fabric.change(func() { delete(p.fabric.pipes, p) })
	defer p.in.Close()
	defer close(p.done)
	ctx := context.Background()
	for packet := range p.packets {
		if p.fabric.pass(ctx, p.way, packet.sent) != nil {
			return
		}
		if _, err := p.out.Write(packet.data); err != nil {
			return
		}
	}
	if p.fabric.pass(ctx, p.way, time.Now()) == nil {
		p.out.Close()
	}
}

// addressed is a connection that tells where its ends are.
type addressed struct {
	net.Conn
	local, remote net.Addr
}

func (a addressed) LocalAddr() net.Addr  { return a.local }
func (a addressed) RemoteAddr() net.Addr { return a.remote }

type fabricListener struct {
	fabric  *fabric
	address string
	conns   chan net.Conn
	closed  chan struct{}
	once    sync.Once
}

// Accept implements net.Listener.
func (l *fabricListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (l *fabricListener) Close() error {
	l.once.Do(func() {
		close(l.closed)
		l.fabric.change(func() {
			if l.fabric.listeners[l.address] == l {
				delete(l.fabric.listeners, l.address)
			}
		})
	})
	return nil
}

// Addr implements net.Listener.
func (l *fabricListener) Addr() net.Addr { return memoryAddr(l.address) }
