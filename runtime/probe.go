package runtime

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
	"time"
)

const (
	dialWithin    = 250 * time.Millisecond
	answerWithin  = 15 * time.Second
	listenWithin  = time.Second           // where there is no start check
	probeFirst    = time.Millisecond      // between two tries
	connectMost   = 25 * time.Millisecond // while nobody listens
	answerMost    = 50 * time.Millisecond // while the answer isn't 200
	probeRedirect = 10

	bodyMost   = 4 << 10                // bytes of an answer that isn't 200
	bodyWithin = 100 * time.Millisecond // for them to come
)

type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// probe is what to ask of an instance: a GET of path that is answered by 200.
type probe struct {
	address string
	path    string
	h2c     bool
}

// probeKind says how far a probe came.
type probeKind int

const (
	probeRefused probeKind = iota // no connection
	probeSilent                   // a connection, but no HTTP answer
	probeStatus                   // an answer that isn't 200
)

// probeError is a probe that did not succeed.
type probeError struct {
	kind     probeKind
	status   int
	location string // where it was redirected to and not followed
	body     []byte // the beginning of the answer
	err      error
}

func (e *probeError) Error() string {
	if e.kind == probeStatus {
		return fmt.Sprintf("answered %d", e.status)
	}
	return e.err.Error()
}

func (e *probeError) Unwrap() error { return e.err }

// dialError tells a connection that was not made from one that broke.
type dialError struct{ err error }

func (e *dialError) Error() string { return e.err.Error() }
func (e *dialError) Unwrap() error { return e.err }

// prober asks instances whether they are well.
type prober struct {
	dial  dialFunc
	http1 *http.Client
	h2c   *http.Client
}

func newProber(dial dialFunc) *prober {
	p := &prober{dial: dial}
	var http1, h2c http.Protocols
	http1.SetHTTP1(true)
	h2c.SetUnencryptedHTTP2(true)
	p.http1, p.h2c = p.client(&http1), p.client(&h2c)
	return p
}

func (p *prober) client(protocols *http.Protocols) *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			DialContext:       p.connect,
			DisableKeepAlives: true,
			Protocols:         protocols,
		},
		CheckRedirect: sameHost,
	}
}

// sameHost follows redirects within the instance only: the health of another
// host says nothing about it.
func sameHost(next *http.Request, via []*http.Request) error {
	first := via[0].URL
	if next.URL.Scheme != first.Scheme || next.URL.Host != first.Host || len(via) >= probeRedirect {
		return http.ErrUseLastResponse
	}
	return nil
}

func (p *prober) connect(ctx context.Context, network, address string) (net.Conn, error) {
	limited, cancel := context.WithTimeout(ctx, dialWithin)
	defer cancel()
	conn, err := p.dial(limited, network, address)
	if err != nil {
		return nil, &dialError{err}
	}
	return conn, nil
}

// once asks once. The error is a *probeError.
func (p *prober) once(ctx context.Context, what probe) error {
	if what.address == "" {
		return &probeError{kind: probeRefused, err: errors.New("container has no address")}
	}
	limited, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	var connected atomic.Bool
	traced := httptrace.WithClientTrace(limited, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
	})
	req, err := http.NewRequestWithContext(traced, http.MethodGet, what.url(), nil)
	if err != nil {
		return &probeError{kind: probeRefused, err: err}
	}
	req.Header.Set("User-Agent", "maelstrom-health-check")
	client := p.http1
	if what.h2c {
		client = p.h2c
	}
	resp, err := client.Do(req)
	if err != nil {
		return classify(err, connected.Load())
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusOK {
		return nil
	}
	defer time.AfterFunc(bodyWithin, cancel).Stop()
	body, _ := io.ReadAll(io.LimitReader(resp.Body, bodyMost)) // what came of it will do
	return &probeError{kind: probeStatus, status: resp.StatusCode, location: resp.Header.Get("Location"), body: body}
}

// url keeps the path as written, query included.
func (w probe) url() string {
	u := url.URL{Scheme: "http", Host: w.address}
	return u.String() + w.path
}

// classify tells a try that got no connection, be it for want of time, from
// one that got no answer.
func classify(err error, connected bool) error {
	var dial *dialError
	var outer *url.Error
	switch {
	case errors.As(err, &dial):
		return &probeError{kind: probeRefused, err: dial.err}
	case errors.As(err, &outer):
		err = outer.Err
	}
	if !connected {
		return &probeError{kind: probeRefused, err: err}
	}
	return &probeError{kind: probeSilent, err: err}
}

// await asks until the answer is 200, ctx ends, or so much time has passed;
// then it returns how the last try went that says something. Without a start
// check it gives the container a moment to listen, and is content either way.
func (p *prober) await(ctx context.Context, what probe, within time.Duration) error {
	if within <= 0 {
		p.awaitPort(ctx, what.address)
		return ctx.Err()
	}
	limited, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	began := time.Now()
	var last error
	for {
		err := p.once(limited, what)
		if err == nil || ctx.Err() != nil {
			return err
		}
		// The try that the deadline cuts off counts if it came further.
		if last == nil || limited.Err() == nil || howFar(err) > howFar(last) {
			last = err
		}
		idle(limited, pauseAfter(err, time.Since(began)))
		if limited.Err() != nil {
			return last
		}
	}
}

func howFar(err error) probeKind {
	var failed *probeError
	errors.As(err, &failed)
	return failed.kind
}

// pauseAfter makes the wait for an answer cost an eighth of it at most: what
// starts within milliseconds is seen within one.
func pauseAfter(err error, waited time.Duration) time.Duration {
	most := answerMost
	var failed *probeError
	if errors.As(err, &failed) && failed.kind == probeRefused {
		most = connectMost
	}
	return min(max(probeFirst, waited/8), most)
}

func (p *prober) awaitPort(ctx context.Context, address string) {
	limited, cancel := context.WithTimeout(ctx, listenWithin)
	defer cancel()
	began := time.Now()
	for address != "" && limited.Err() == nil {
		if conn, err := p.connect(limited, "tcp", address); err == nil {
			conn.Close()
			return
		}
		idle(limited, min(max(probeFirst, time.Since(began)/8), connectMost))
	}
}
