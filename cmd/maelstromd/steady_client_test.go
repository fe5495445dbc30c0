package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// arrivals is a load whose requests arrive at a fixed rate, whatever becomes of
// those before: a service that stalls is asked all the same. Its requests are
// GET and POST, by HTTP/1.1 and by HTTP/2, in turn, on a bounded number of
// connections that are kept. None is sent twice, but for those that a server
// refuses by HTTP/2 in a way that says that it has not taken them.
type arrivals struct {
	rate   int // requests a second
	target string
	kept   exchanger // by HTTP/1.1
	mux    exchanger // by HTTP/2

	silent  atomic.Bool // nothing arrives
	stop    chan struct{}
	stopped sync.Once
	all     sync.WaitGroup

	mu       sync.Mutex
	sent     int
	answered int
	refused  int // sent once more, as the server said that it had not taken them
	slowest  time.Duration
	releases map[string]int // answers by the release of the program that gave them
	failed   []failedRequest
}

// request is one of a load.
type request struct {
	number int
	method string
	body   string
	began  time.Time // when it arrived, which may be before there was a connection for it
	target string
	host   string

	reused  bool // the connection was used before
	refused int  // how often it was sent to a server that said that it had not taken it
}

func (r *request) id() string { return "steady-" + strconv.Itoa(r.number) }

// failedRequest is a request without the right answer.
type failedRequest struct {
	*request
	proto  string
	ended  time.Time
	status int // 0: there was no answer
	reason string
	err    error
}

func (f failedRequest) String() string {
	conn := "a new connection"
	if f.reused {
		conn = "a kept connection"
	}
	return fmt.Sprintf("%s request %d, %s by %s on %s, failed %s later: %v",
		f.began.Format("15:04:05.000000"), f.number, f.method, f.proto, conn, f.ended.Sub(f.began).Round(time.Microsecond), f.err)
}

const (
	shownFailures = 10
	keptLimit     = 64  // connections by HTTP/1.1
	muxLimit      = 200 // requests at a time by HTTP/2
	bodyPadding   = 512
)

// exchanger sends requests by one protocol and reads their answers.
type exchanger interface {
	exchange(*request) outcome
	dialed() int64 // connections so far
	close()
}

// arrive starts a load on a component, each request of which is worked on for
// 20 ms.
func (n *node) arrive(t testing.TB, rate int, host string) *arrivals {
	return arriveBy(t, rate, host, newKeptConns(n.publicAddress(), keptLimit), newMuxConns(n.publicAddress(), muxLimit))
}

// arriveBy is arrive by connections of HTTP/1.1 and of HTTP/2.
func arriveBy(t testing.TB, rate int, host string, kept, mux exchanger) *arrivals {
	a := &arrivals{rate: rate, target: "/echo?ms=20", stop: make(chan struct{}), releases: map[string]int{}, kept: kept, mux: mux}
	a.all.Go(func() { a.run(host) })
	t.Cleanup(a.end)
	return a
}

// run sends what is due by the clock, so that a look that comes late sends all
// that it has missed.
func (a *arrivals) run(host string) {
	began := time.Now()
	look := time.NewTicker(max(time.Second/time.Duration(a.rate), time.Millisecond))
	defer look.Stop()
	for {
		select {
		case <-a.stop:
			return
		case now := <-look.C:
			due := int(now.Sub(began) * time.Duration(a.rate) / time.Second)
			if a.silent.Load() {
				began = began.Add(time.Duration(due-a.sent) * time.Second / time.Duration(a.rate))
				continue
			}
			for a.sent < due {
				a.launch(host, now)
			}
		}
	}
}

func (a *arrivals) launch(host string, now time.Time) {
	a.mu.Lock()
	r := &request{number: a.sent, method: http.MethodGet, began: now, target: a.target, host: host}
	a.sent++
	a.mu.Unlock()
	if r.number%2 == 1 {
		r.method = http.MethodPost
		r.body = r.id() + " " + strings.Repeat("x", bodyPadding)
	}
	exchange, proto := a.kept.exchange, "HTTP/1.1"
	if r.number%4 >= 2 {
		exchange, proto = a.mux.exchange, "HTTP/2.0"
	}
	a.all.Go(func() { a.note(r, proto, exchange(r)) })
}

// outcome is what became of a request.
type outcome struct {
	status  int
	reason  string
	release string
	body    string
	err     error
}

func (a *arrivals) note(r *request, proto string, got outcome) {
	ended := time.Now()
	err := got.check(r)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.refused += r.refused
	if err != nil {
		a.failed = append(a.failed, failedRequest{request: r, proto: proto, ended: ended, status: got.status, reason: got.reason, err: err})
		return
	}
	a.answered++
	a.releases[got.release]++
	a.slowest = max(a.slowest, ended.Sub(r.began))
}

// check tells what is wrong with an answer: it has to be that of the program to
// this very request.
func (o *outcome) check(r *request) error {
	switch {
	case o.err != nil:
		return o.err
	case o.status != http.StatusOK:
		return fmt.Errorf("answered %d %q %q", o.status, o.reason, o.body)
	case !isEcho(r.method, r.body, o.body) || !strings.Contains(o.body, `"Steady":["`+r.id()+`"]`):
		return fmt.Errorf("the answer is not the one to this request: %q", o.body)
	default:
		return nil
	}
}

// outcomeOf reads an answer to its end.
func outcomeOf(got *http.Response) outcome {
	body, err := io.ReadAll(got.Body)
	got.Body.Close()
	if err != nil {
		err = fmt.Errorf("receive body: %w", err)
	}
	return outcome{
		status: got.StatusCode, reason: got.Header.Get("Maelstrom-Reason"), release: got.Header.Get("Release"),
		body: string(body), err: err,
	}
}

func (a *arrivals) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.answered
}

// of counts the answers that a release gave.
func (a *arrivals) of(release string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.releases[release]
}

// hush lets nothing arrive, and waits until nothing is in flight.
func (a *arrivals) hush(n *node) {
	n.t.Helper()
	a.silent.Store(true)
	n.await("an end of what is in flight", steadyPatience, func() bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		return a.sent == a.answered+len(a.failed)
	})
}

// end lets no more arrive and waits for what is in flight.
func (a *arrivals) end() {
	a.stopped.Do(func() { close(a.stop) })
	a.all.Wait()
	a.kept.close()
	a.mux.close()
}

// awaitMore waits until so many more were answered.
func (a *arrivals) awaitMore(n *node, more int) {
	n.t.Helper()
	from := a.count()
	n.await("more answers", steadyPatience, func() bool { return a.count() >= from+more })
}

// failures are what failed, but for those that are excused. Call it after end.
func (a *arrivals) failures(excused func(failedRequest) bool) (failed []failedRequest) {
	for _, f := range a.failed {
		if excused == nil || !excused(f) {
			failed = append(failed, f)
		}
	}
	return failed
}

// check ends the load and fails the test for each request that failed and is
// not excused.
func (a *arrivals) check(t testing.TB, excused func(failedRequest) bool) {
	t.Helper()
	a.end()
	failed := a.failures(excused)
	t.Logf("%d requests arrived at %d/s, %d were answered, %d failed and are excused, %d failed; %d were sent again as the server had not taken them; %d connections of HTTP/1.1, %d of HTTP/2; the slowest took %s",
		a.sent, a.rate, a.answered, len(a.failed)-len(failed), len(failed), a.refused, a.kept.dialed(), a.mux.dialed(), a.slowest.Round(time.Millisecond))
	if a.sent != a.answered+len(a.failed) {
		t.Errorf("%d requests have no outcome", a.sent-a.answered-len(a.failed))
	}
	if a.answered == 0 {
		t.Error("nothing was answered")
	}
	for _, f := range failed[:min(len(failed), shownFailures)] {
		t.Error(f)
	}
	if more := len(failed) - shownFailures; more > 0 {
		t.Errorf("and %d more", more)
	}
}

// checkAll is check where the server has to take each request at once.
func (a *arrivals) checkAll(t testing.TB) {
	t.Helper()
	a.check(t, nil)
	if a.refused > 0 {
		t.Errorf("%d requests were refused and sent again", a.refused)
	}
}

var errNotTaken = errors.New("the server has not taken it, several times")
