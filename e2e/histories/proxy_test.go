package histories

import (
	"net"
	"sync"
	"testing"
	"time"
)

// cut says how a connection is cut at a message of the client.
type cut int

const (
	cutNot    cut = iota
	cutBefore     // the server never hears of the message
	cutAfter      // the server hears of it, the client of no answer
	cutLate       // the client is cut off, and then the server hears of it
)

// lateness is how long after a late cut the server hears of the message: time
// enough for the client to ask how it ended.
const lateness = 5 * time.Millisecond

// action is what a proxy does with a message of a client.
type action struct {
	cut    cut
	before func() // is run before the answer is passed on
}

// proxy stands between one client and the server. It sees messages as the
// client wrote them: one at a time, for it waits for each answer.
type proxy struct {
	address  string
	target   string
	listener net.Listener
	conns    sync.WaitGroup

	mu   sync.Mutex
	rule func(message []byte) action
	cuts int
}

// startProxy returns a proxy to a server, which ends with the test.
func startProxy(t *testing.T, target string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{address: l.Addr().String(), target: target, listener: l}
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.run()
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return p
}

func (p *proxy) run() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			p.conns.Wait() // they end with their clients
			return
		}
		p.conns.Go(func() { p.serve(client) })
	}
}

// follow makes the proxy follow a rule from now on; nil: pass everything on.
func (p *proxy) follow(rule func(message []byte) action) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rule = rule
}

func (p *proxy) decide(message []byte) action {
	p.mu.Lock()
	rule := p.rule
	p.mu.Unlock()
	if rule == nil {
		return action{}
	}
	a := rule(message) // unlocked, for it may change the rule
	if a.cut != cutNot {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.cuts++
	}
	return a
}

// takeCuts returns how many connections were cut since it was last asked.
func (p *proxy) takeCuts() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := p.cuts
	p.cuts = 0
	return n
}

func (p *proxy) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	defer server.Close()
	l := &link{client: client, server: server, pending: make(chan func(), 1), mute: make(chan struct{})}
	var answers sync.WaitGroup
	answers.Go(l.answer)
	if l.ask(p.decide) {
		answers.Wait()
	}
	server.Close()
	answers.Wait()
}

// link is a client's connection to the server.
type link struct {
	client, server net.Conn
	pending        chan func()   // to run before the next answer
	mute           chan struct{} // closed: the client hears of nothing any more
}

// ask passes on what the client says until either end is gone or the
// connection is cut. True means that the server is still at work.
func (l *link) ask(decide func([]byte) action) bool {
	buffer := make([]byte, 64<<10)
	for {
		n, err := l.client.Read(buffer)
		if err != nil {
			return false
		}
		a := decide(buffer[:n])
		if a.before != nil {
			l.pending <- a.before
		}
		switch a.cut {
		case cutBefore:
			return false
		case cutAfter:
			close(l.mute)
		case cutLate:
			close(l.mute)
			l.client.Close()
			<-time.After(lateness)
		}
		if _, err := l.server.Write(buffer[:n]); err != nil {
			return false
		}
		if a.cut != cutNot {
			return true
		}
	}
}

// answer passes on what the server says, until the connection is cut.
func (l *link) answer() {
	defer l.client.Close()
	buffer := make([]byte, 64<<10)
	for {
		n, err := l.server.Read(buffer)
		if err != nil {
			return
		}
		select {
		case <-l.mute:
			return
		case before := <-l.pending:
			before()
		default:
		}
		if _, err := l.client.Write(buffer[:n]); err != nil {
			return
		}
	}
}
