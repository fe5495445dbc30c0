package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"maelstrom/runtime/drivertest"
)

// resumeWithin is how soon requests flow again after a daemon is started while
// its containers run.
const resumeWithin = 2 * time.Second

func TestAStoppedDaemonFinishesWhatIsInFlightAndAdopts(t *testing.T) {
	t.Parallel()
	testRestart(t, func(n *node, host string) {
		const slow = 3
		answers := make([]answer, slow)
		var all sync.WaitGroup
		var sent atomic.Int32
		for i := range answers {
			all.Go(func() { answers[i] = n.getAlone(host, "/?ms=1500", &sent) })
		}
		n.await("slow requests in flight", patience, func() bool {
			list := n.ps("restart_web")
			return sent.Load() == slow && len(list) == 1 && list[0].InFlight >= slow
		})
		n.signal(syscall.SIGTERM)
		all.Wait()
		for _, a := range answers {
			if a.err != nil || a.status != http.StatusOK {
				t.Errorf("in flight at the stop: %s", a)
			}
		}
		if code := n.awaitExit(); code != 0 {
			t.Errorf("exit code %d\n%s", code, n.log.tail(20))
		}
	})
}

// getAlone asks on a connection of its own, which no server takes for idle, and
// counts the request once it is written.
func (n *node) getAlone(host, path string, sent *atomic.Int32) answer {
	trace := &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) { sent.Add(1) }}
	request := n.request(httptrace.WithClientTrace(context.Background(), trace), http.MethodGet, host, path, nil)
	transport := &http.Transport{DisableKeepAlives: true}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return answer{err: err}
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return answer{status: response.StatusCode, header: response.Header, err: err}
}

func TestAKilledDaemonAdopts(t *testing.T) {
	t.Parallel()
	testRestart(t, func(n *node, _ string) {
		n.signal(syscall.SIGKILL)
		n.awaitExit()
	})
}

// testRestart ends a daemon under load and starts it again.
func testRestart(t *testing.T, stop func(n *node, host string)) {
	n := newNode(t)
	seen := n.engine.watch(t, n.id)
	served := web{name: "web", image: drivertest.BuildImage(t), lines: []string{"maxconcurrency: 20"}}
	asleep := web{name: "asleep", image: served.image}
	n.apply(projectOf("restart", served, asleep))
	n.mustGet(served.host(), "/")
	before := n.engine.only(t, n.id)
	traffic := n.steady(t, 4, served.host(), "/?ms=5")
	n.await("steady requests", patience, func() bool { return traffic.count() > 50 })

	stop(n, served.host())
	if running := n.engine.only(t, n.id); running.ID != before.ID || !running.State.Running {
		t.Errorf("the container did not outlive the daemon: %+v", running.State)
	}

	n.run()
	started := time.Now()
	var resumed time.Time
	n.await("requests flow", patience, func() (again bool) { resumed, again = traffic.firstSince(started); return again })
	t.Logf("requests flowed %s after the start", resumed.Sub(started).Round(time.Millisecond))
	if took := resumed.Sub(started); took > resumeWithin+allowance {
		t.Errorf("requests flowed %s after the start, want %s", took, resumeWithin)
	}
	n.await("steady requests again", patience, func() bool { return traffic.count() > 200 })
	traffic.end()
	for _, x := range traffic.failures() {
		// What the daemon took with it has broken off; nothing gets a wrong answer.
		if x.err == nil || x.began.After(started) {
			t.Errorf("sent %s after the start: %s", x.began.Sub(started), x)
		}
	}

	after := n.engine.only(t, n.id)
	if after.ID != before.ID || after.State.StartedAt != before.State.StartedAt {
		t.Errorf("container %s of %s became %s of %s", before.ID, before.State.StartedAt, after.ID, after.State.StartedAt)
	}
	if starts := seen.starts(""); starts != 1 {
		t.Errorf("%d containers were started, want the first one alone", starts)
	}
}
