package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// keptConns are connections by HTTP/1.1 as a well-behaved client has them: at
// most so many, kept until the server says that it closes one, and looked at
// before they are used again. A connection that is closed under a request fails
// that: nothing is sent twice.
type keptConns struct {
	address string
	slots   chan struct{}
	rest    time.Duration // after which one is not used again; 0: it is
	dials   atomic.Int64

	mu   sync.Mutex
	idle []*keptConn // the one that rests for the longest first
}

type keptConn struct {
	*net.TCPConn
	reader *bufio.Reader
	used   bool
	since  time.Time // when it came to rest
}

func newKeptConns(address string, limit int) *keptConns {
	return &keptConns{address: address, slots: make(chan struct{}, limit)}
}

func (k *keptConns) exchange(r *request) outcome {
	k.slots <- struct{}{}
	defer func() { <-k.slots }()
	conn, err := k.take()
	if err != nil {
		return outcome{err: err}
	}
	r.reused, conn.used = conn.used, true
	got, keep := conn.exchange(r)
	if keep {
		k.put(conn)
	} else {
		conn.Close()
	}
	return got
}

// take returns a kept connection that is still open, or a new one.
func (k *keptConns) take() (*keptConn, error) {
	for {
		k.mu.Lock()
		if len(k.idle) == 0 {
			k.mu.Unlock()
			break
		}
		conn := k.idle[0]
		k.idle = k.idle[1:]
		k.mu.Unlock()
		if (k.rest == 0 || time.Since(conn.since) < k.rest) && conn.open() {
			return conn, nil
		}
		conn.Close()
	}
	k.dials.Add(1)
	conn, err := net.Dial("tcp", k.address)
	if err != nil {
		return nil, err
	}
	return &keptConn{TCPConn: conn.(*net.TCPConn), reader: bufio.NewReader(conn)}, nil
}

func (k *keptConns) put(conn *keptConn) {
	k.mu.Lock()
	defer k.mu.Unlock()
	conn.since = time.Now()
	k.idle = append(k.idle, conn)
}

func (k *keptConns) dialed() int64 { return k.dials.Load() }

func (k *keptConns) close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, conn := range k.idle {
		conn.Close()
	}
	k.idle = nil
}

// open tells whether the server has neither closed the connection nor sent
// anything that nobody asked for.
func (c *keptConn) open() bool {
	if c.reader.Buffered() > 0 {
		return false
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	waits := false
	err = raw.Read(func(fd uintptr) bool {
		_, _, err := syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		waits = errors.Is(err, syscall.EAGAIN)
		return true
	})
	return err == nil && waits
}

func (c *keptConn) exchange(r *request) (got outcome, keep bool) {
	var text bytes.Buffer
	fmt.Fprintf(&text, "%s %s HTTP/1.1\r\nHost: %s\r\nSteady: %s\r\n", r.method, r.target, r.host, r.id())
	if r.body != "" {
		fmt.Fprintf(&text, "Content-Length: %d\r\n", len(r.body))
	}
	fmt.Fprintf(&text, "\r\n%s", r.body)
	if err := c.SetDeadline(time.Now().Add(steadyPatience)); err != nil {
		return outcome{err: err}, false
	}
	if _, err := c.Write(text.Bytes()); err != nil {
		return outcome{err: fmt.Errorf("send: %w", err)}, false
	}
	answer, err := http.ReadResponse(c.reader, &http.Request{Method: r.method})
	if err != nil {
		return outcome{err: fmt.Errorf("receive: %w", err)}, false
	}
	got = outcomeOf(answer)
	return got, got.err == nil && !answer.Close
}

// muxConns are connections by HTTP/2, in clear, by Go's own client. That sends
// again by itself what has no body, after the server said that it has not taken
// it: such are counted. The others have a body that can be read once.
type muxConns struct {
	address string
	slots   chan struct{}
	dials   atomic.Int64
	*http.Transport
}

func newMuxConns(address string, limit int) *muxConns {
	m := &muxConns{address: address, slots: make(chan struct{}, limit)}
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	m.Transport = &http.Transport{
		Protocols: protocols,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			m.dials.Add(1)
			return new(net.Dialer).DialContext(ctx, network, address)
		},
	}
	return m
}

func (m *muxConns) dialed() int64 { return m.dials.Load() }

func (m *muxConns) close() { m.CloseIdleConnections() }

func (m *muxConns) exchange(r *request) outcome {
	m.slots <- struct{}{}
	defer func() { <-m.slots }()
	const tries = 5
	for range tries {
		got, taken := m.try(r)
		if taken {
			return got
		}
		r.refused++
	}
	return outcome{err: errNotTaken}
}

// try sends a request; taken is false if the server has left it untouched and
// said so.
func (m *muxConns) try(r *request) (got outcome, taken bool) {
	conns := 0
	ctx, cancel := context.WithTimeout(context.Background(), steadyPatience)
	defer cancel()
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
		conns++
		r.reused = info.Reused
	}})
	asked, err := http.NewRequestWithContext(ctx, r.method, "http://"+m.address+r.target, nil)
	if err != nil {
		return outcome{err: err}, true
	}
	asked.Host = r.host
	asked.Header.Set("Steady", r.id())
	if r.body != "" {
		asked.Body, asked.ContentLength = io.NopCloser(strings.NewReader(r.body)), int64(len(r.body))
	}
	answer, err := m.RoundTrip(asked)
	r.refused += max(0, conns-1)
	if err != nil {
		return outcome{err: err}, !untaken(err)
	}
	return outcomeOf(answer), true
}

// untaken tells whether the server said that it had not taken a request, or the
// connection was gone before anything of it was written: Go's client says the
// second where it would send a POST again and can't.
func untaken(err error) bool {
	return strings.Contains(err.Error(), "graceful shutdown GOAWAY") || strings.Contains(err.Error(), "cannot rewind body after connection loss")
}
