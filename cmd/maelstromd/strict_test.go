package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// strict is a load whose clients keep their connections, never send a request
// twice, and count whatever is not the right answer. Unlike http.Client they
// don't hide a connection that was closed under a request.
type strict struct {
	address string
	host    string
	target  string
	right   func(method, body, answer string) bool
	pace    time.Duration

	stop chan struct{}
	all  sync.WaitGroup

	mu       sync.Mutex
	answered int
	dials    int
	failed   []string
}

const strictShown = 10 // failures that are printed

// strictly starts a load of clients that send GET, POST, and POST by HTTP/2, as
// many of each, which are echoed.
func (n *node) strictly(t testing.TB, each int, host string) *strict {
	return n.strictlyAt(t, each, &strict{host: host, target: "/echo", right: isEcho})
}

func isEcho(method, body, answer string) bool {
	return strings.Contains(answer, `"Method":"`+method+`"`) && strings.Contains(answer, `"Body":"`+body+`"`)
}

// strictlyAt is strictly for other requests.
func (n *node) strictlyAt(t testing.TB, each int, s *strict) *strict {
	s.address, s.pace, s.stop = "127.0.0.1:"+strconv.Itoa(n.public), 10*time.Millisecond, make(chan struct{})
	for i := range each {
		s.all.Go(func() { s.keep(http.MethodGet, fmt.Sprintf("get-%d", i)) })
		s.all.Go(func() { s.keep(http.MethodPost, fmt.Sprintf("post-%d", i)) })
	}
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	// HTTP/2 says which requests were not taken: those may be sent again, by the
	// client of Go's library.
	transport := &http.Transport{Protocols: protocols}
	for i := range each {
		s.all.Go(func() { s.multiplex(transport, fmt.Sprintf("h2c-%d", i)) })
	}
	t.Cleanup(func() {
		s.end()
		transport.CloseIdleConnections()
	})
	return s
}

// until sends one request after another until the load ends.
func (s *strict) until(send func(body string) error, name string) {
	pace := time.NewTicker(s.pace)
	defer pace.Stop()
	for i := 0; ; i++ {
		began := time.Now()
		if err := send(fmt.Sprintf("%s %d %s", name, i, strings.Repeat("x", 512))); err != nil {
			s.fail(fmt.Sprintf("%s: request %d, sent at %s: %v", name, i, began.Format("15:04:05.000000"), err))
		}
		select {
		case <-s.stop:
			return
		case <-pace.C:
		}
	}
}

// keep sends requests by HTTP/1.1 on one connection until the server says that
// it closes it.
func (s *strict) keep(method, name string) {
	var conn net.Conn
	var reader *bufio.Reader
	defer func() {
		if conn != nil {
			conn.Close()
		}
	}()
	s.until(func(body string) (err error) {
		if conn == nil {
			if conn, err = net.Dial("tcp", s.address); err != nil {
				conn = nil
				return err
			}
			s.dialed()
			reader = bufio.NewReader(conn)
		}
		closes, err := s.exchange(conn, reader, method, body)
		if err != nil || closes {
			conn.Close()
			conn = nil
		}
		return err
	}, name)
}

func (s *strict) exchange(conn net.Conn, reader *bufio.Reader, method, body string) (closes bool, err error) {
	if method == http.MethodGet {
		body = ""
	}
	var request bytes.Buffer
	fmt.Fprintf(&request, "%s %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n%s", method, s.target, s.host, len(body), body)
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return false, err
	}
	if _, err := conn.Write(request.Bytes()); err != nil {
		return false, fmt.Errorf("send: %w", err)
	}
	got, err := http.ReadResponse(reader, &http.Request{Method: method})
	if err != nil {
		return false, fmt.Errorf("receive: %w", err)
	}
	return got.Close, s.read(got, method, body)
}

func (s *strict) multiplex(transport *http.Transport, name string) {
	s.until(func(body string) error {
		request, err := http.NewRequest(http.MethodPost, "http://"+s.address+s.target, strings.NewReader(body))
		if err != nil {
			return err
		}
		request.Host = s.host
		got, err := transport.RoundTrip(request)
		if err != nil {
			return err
		}
		return s.read(got, request.Method, body)
	}, name)
}

// read takes an answer to its end and checks that it is the right one.
func (s *strict) read(got *http.Response, method, body string) error {
	text, err := io.ReadAll(got.Body)
	got.Body.Close()
	switch {
	case err != nil:
		return fmt.Errorf("receive body: %w", err)
	case got.StatusCode != http.StatusOK:
		return fmt.Errorf("%s %q %q", got.Status, got.Header.Get("Maelstrom-Reason"), text)
	case !s.right(method, body, string(text)):
		return fmt.Errorf("the answer is not the right one: %q", text)
	}
	s.mu.Lock()
	s.answered++
	s.mu.Unlock()
	return nil
}

func (s *strict) dialed() {
	s.mu.Lock()
	s.dials++
	s.mu.Unlock()
}

func (s *strict) fail(what string) {
	s.mu.Lock()
	s.failed = append(s.failed, what)
	s.mu.Unlock()
}

func (s *strict) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.answered
}

// end stops the load and waits for what is in flight.
func (s *strict) end() {
	s.mu.Lock()
	select {
	case <-s.stop:
	default:
		close(s.stop)
	}
	s.mu.Unlock()
	s.all.Wait()
}

// check ends the load and fails the test for each request that failed.
func (s *strict) check(t testing.TB) {
	t.Helper()
	s.end()
	t.Logf("%d requests answered, %d failed, %d connections of HTTP/1.1", s.answered, len(s.failed), s.dials)
	for _, what := range s.failed[:min(len(s.failed), strictShown)] {
		t.Error(what)
	}
	if more := len(s.failed) - strictShown; more > 0 {
		t.Errorf("and %d more", more)
	}
}
