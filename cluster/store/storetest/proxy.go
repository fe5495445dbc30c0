package storetest

import (
	"bytes"
	"net"
	"sync"
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

// Proxy stands between a client and a database server and cuts a connection
// at the moment that hurts most.
type Proxy struct {
	Address string // to connect to

	target   string
	listener net.Listener
	conns    sync.WaitGroup

	mu   sync.Mutex
	cut  Cut // of the next commit
	cuts int
}

// NewProxy returns a proxy to a server's address. Run serves it.
func NewProxy(target string) (*Proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	return &Proxy{Address: l.Addr().String(), target: target, listener: l}, nil
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

func (p *Proxy) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	defer server.Close()
	cut := make(chan struct{}) // closed when answers must not reach the client any more
	var answers sync.WaitGroup
	answers.Go(func() { p.answer(client, server, cut) })
	buffer := make([]byte, 64<<10)
	for {
		n, err := client.Read(buffer)
		if err != nil {
			break
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
func (p *Proxy) answer(client, server net.Conn, cut <-chan struct{}) {
	defer client.Close()
	buffer := make([]byte, 64<<10)
	for {
		n, err := server.Read(buffer)
		if err != nil {
			return
		}
		select {
		case <-cut:
			return
		default:
		}
		if _, err := client.Write(buffer[:n]); err != nil {
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
