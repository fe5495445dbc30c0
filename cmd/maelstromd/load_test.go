package main

import (
	"errors"
	"net/http"
	"sync"
	"syscall"
	"testing"
	"time"
)

// load sends requests to a host, one after another in each of a few clients,
// until it is stopped.
type load struct {
	stop chan struct{}
	all  sync.WaitGroup

	mu      sync.Mutex
	served  []exchange
	failed  []exchange // neither answered 200 nor refused a connection
	refused int        // connections that nobody took: a daemon that is not there
}

// exchange is one request and its answer.
type exchange struct {
	began, ended time.Time
	answer
}

// steady starts a load of some clients.
func (n *node) steady(t testing.TB, clients int, host, path string) *load {
	l := newLoad(t)
	for range clients {
		l.all.Go(func() {
			pace := time.NewTicker(5 * time.Millisecond)
			defer pace.Stop()
			for {
				began := time.Now()
				l.note(began, n.get(host, path))
				select {
				case <-l.stop:
					return
				case <-pace.C:
				}
			}
		})
	}
	return l
}

// newLoad is a load without a client, which ends with the test.
func newLoad(t testing.TB) *load {
	l := &load{stop: make(chan struct{})}
	t.Cleanup(l.end)
	return l
}

func (l *load) note(began time.Time, a answer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	x := exchange{began, time.Now(), a}
	switch {
	case a.err == nil && a.status == http.StatusOK:
		l.served = append(l.served, x)
	case errors.Is(a.err, syscall.ECONNREFUSED):
		l.refused++
	default:
		l.failed = append(l.failed, x)
	}
}

// end stops the load and waits for what is in flight.
func (l *load) end() {
	l.mu.Lock()
	select {
	case <-l.stop:
	default:
		close(l.stop)
	}
	l.mu.Unlock()
	l.all.Wait()
}

func (l *load) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.served)
}

// failures are the requests that failed. Call it after end.
func (l *load) failures() []exchange {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.failed
}

// firstSince is when the first request that began after a moment was answered.
func (l *load) firstSince(moment time.Time) (time.Time, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.served {
		if s.began.After(moment) {
			return s.ended, true
		}
	}
	return time.Time{}, false
}
