package proxy

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// memory is a network inside the test: Dial reaches whoever listens.
type memory struct {
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func newMemory() *memory { return &memory{conns: make(chan net.Conn), done: make(chan struct{})} }

func (m *memory) Accept() (net.Conn, error) {
	select {
	case c := <-m.conns:
		return c, nil
	case <-m.done:
		return nil, net.ErrClosed
	}
}

func (m *memory) Close() error   { m.once.Do(func() { close(m.done) }); return nil }
func (m *memory) Addr() net.Addr { return &net.TCPAddr{} }

func (m *memory) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case m.conns <- far:
		return near, nil
	case <-m.done:
		return nil, errors.New("connection refused")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// serve runs a handler on l until the test ends.
func serve(t testing.TB, l net.Listener, h http.Handler) *http.Server {
	t.Helper()
	s := &http.Server{Handler: h, Protocols: bothProtocols()}
	var done sync.WaitGroup
	done.Go(func() { s.Serve(l) })
	t.Cleanup(func() { s.Close(); done.Wait() })
	return s
}

func bothProtocols() *http.Protocols {
	var p http.Protocols
	p.SetHTTP1(true)
	p.SetUnencryptedHTTP2(true)
	return &p
}

// bench is a proxy between a client and one upstream over TCP.
type bench struct {
	url    string        // of the front
	errs   chan error    // what Forward returned, one per request
	opened chan net.Conn // every connection to the upstream
	conns  Conns
}

type benchOptions struct {
	engine   Options
	protocol Protocol
	deadline time.Duration
	address  string // of the upstream, if there is no handler
}

func newBench(t testing.TB, upstream http.Handler, opt benchOptions) *bench {
	t.Helper()
	address := opt.address
	if upstream != nil {
		l := listen(t)
		serve(t, l, upstream)
		address = l.Addr().String()
	}
	b := &bench{errs: make(chan error, 1000), opened: make(chan net.Conn, 1000)}
	opt.engine.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := (&net.Dialer{}).DialContext(ctx, network, address)
		if err == nil {
			b.opened <- c
		}
		return c, err
	}
	e := New(opt.engine)
	b.conns = e.Open(address, opt.protocol)
	t.Cleanup(b.conns.Close)
	l := listen(t)
	serve(t, l, front(e, b.conns, opt.deadline, b.errs))
	b.url = "http://" + l.Addr().String()
	return b
}

// front is a handler that forwards everything as a gateway does.
func front(e Engine, conns Conns, deadline time.Duration, errs chan<- error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		up := Upstream{Conns: conns, Target: r.RequestURI, RequestID: RequestID(r.Header), Public: true, Start: time.Now()}
		if deadline > 0 {
			up.Deadline = up.Start.Add(deadline)
		}
		err := e.Forward(w, r, up)
		errs <- err
		switch {
		case err == nil:
		case errors.Is(err, ErrCut), errors.Is(err, ErrClientGone):
			panic(http.ErrAbortHandler)
		default:
			w.Header().Set("Connection", "close")
			w.WriteHeader(http.StatusBadGateway)
		}
	})
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// client returns an HTTP client of its own.
func client(t testing.TB, h2c bool) *http.Client {
	t.Helper()
	var p http.Protocols
	p.SetHTTP1(!h2c)
	p.SetUnencryptedHTTP2(h2c)
	tr := &http.Transport{Protocols: &p, ExpectContinueTimeout: time.Hour, DisableCompression: true}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
}

func do(t testing.TB, c *http.Client, r *http.Request) (*http.Response, string) {
	t.Helper()
	res, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(body)
}

func request(t testing.TB, method, url string, body io.Reader) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func newRecorder() *httptest.ResponseRecorder { return httptest.NewRecorder() }
