package storetest

import (
	"bytes"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Cut says when a Proxy cuts a connection that commits.
type Cut int

// The cuts.
const (
	CutNever        Cut = iota
	CutBeforeCommit     // the server never hears of it
	CutAfterCommit      // the server has committed, the client does not hear of it
	CutDuringCommit     // the client is cut off, and then the server commits
)

// commitDelay is time enough for a client to ask how its commit ended.
const commitDelay = 100 * time.Millisecond

// Proxy stands between a client and a database server: it cuts a connection
// at the moment that hurts most, and loses the server or finds it elsewhere.
type Proxy struct {
	Address string // to connect to

	listener net.Listener
	conns    sync.WaitGroup

	mu     sync.Mutex
	target string // of new connections; empty: hang up
	hang   bool   // new connections get no answer
	links  map[*link]bool
	dials  int
	cut    Cut // of the next commit
	cuts   int
}

// link is one client's connection.
type link struct {
	client, server net.Conn
	frozen         atomic.Bool
}

// NewProxy returns a proxy to a server's address. Run serves it.
func NewProxy(target string) (*Proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	return &Proxy{Address: l.Addr().String(), target: target, listener: l, links: map[*link]bool{}}, nil
}

// CutNext cuts the connection of the next commit, once.
func (p *Proxy) CutNext(c Cut) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = c
}

func (p *Proxy) take() Cut {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.cut
	p.cut = CutNever
	if c != CutNever {
		p.cuts++
	}
	return c
}

// Cuts returns how many connections were cut.
func (p *Proxy) Cuts() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cuts
}

// MoveTo leads new connections to another address; those of before stay as
// they are.
func (p *Proxy) MoveTo(target string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target, p.hang = target, false
}

// Sever cuts all connections and hangs up on new ones, until MoveTo.
func (p *Proxy) Sever() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = ""
	for l := range p.links {
		l.client.Close()
	}
}

// Freeze keeps all connections open without ever passing anything on again,
// and answers no new ones, until MoveTo.
func (p *Proxy) Freeze() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hang = true
	for l := range p.links {
		l.frozen.Store(true)
	}
}

// Target is where new connections lead to.
func (p *Proxy) Target() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.target
}

// Dials returns how many connections there have been.
func (p *Proxy) Dials() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.dials
}

// Run serves connections until Close.
func (p *Proxy) Run() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			p.conns.Wait()
			return
		}
		p.conns.Go(func() { p.serve(client) })
	}
}

// Close ends the proxy; connections end with their clients.
func (p *Proxy) Close() error { return p.listener.Close() }

// connect connects to the server of now.
func (p *Proxy) connect(client net.Conn) (l *link, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dials++
	l = &link{client: client}
	l.frozen.Store(p.hang)
	if l.server, err = net.Dial("tcp", p.target); err != nil {
		return nil, err
	}
	p.links[l] = true
	return l, nil
}

func (p *Proxy) forget(l *link) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.links, l)
}

func (p *Proxy) serve(client net.Conn) {
	defer client.Close()
	l, err := p.connect(client)
	if err != nil {
		return
	}
	defer p.forget(l)
	server := l.server
	defer server.Close()
	cut := make(chan struct{}) // closed when answers must not reach the client any more
	var answers sync.WaitGroup
	answers.Go(func() { l.answer(cut) })
	buffer := make([]byte, 64<<10)
	for {
		n, err := client.Read(buffer)
		if err != nil {
			break
		}
		if l.frozen.Load() {
			continue
		}
		if isCommit(buffer[:n]) {
			switch p.take() {
			case CutBeforeCommit:
				server.Close()
				client.Close()
			case CutAfterCommit:
				close(cut)
			case CutDuringCommit:
				close(cut)
				client.Close()
				<-time.After(commitDelay)
			}
		}
		if _, err := server.Write(buffer[:n]); err != nil {
			break
		}
	}
	server.Close()
	answers.Wait()
}

// answer passes on what the server says. Once cut it swallows one answer and
// hangs up.
func (l *link) answer(cut <-chan struct{}) {
	defer l.client.Close()
	buffer := make([]byte, 64<<10)
	for {
		n, err := l.server.Read(buffer)
		if err != nil {
			return
		}
		if l.frozen.Load() {
			continue
		}
		select {
		case <-cut:
			return
		default:
		}
		if _, err := l.client.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// isCommit tells whether a client asks to commit. The drivers send it as a
// message of its own; the end tells it from "begin ... read committed". The
// statements of a lease commit by themselves.
func isCommit(data []byte) bool {
	return bytes.HasSuffix(bytes.ToUpper(bytes.TrimRight(data, "\x00")), []byte("COMMIT")) ||
		bytes.Contains(data, []byte("update mael_lease set holder =")) ||
		bytes.Contains(data, []byte("update mael_lease set beat = beat + 1 where holder ="))
}
