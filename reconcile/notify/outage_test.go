package notify

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"maelstrom/cluster"
)

// roundTrip answers by the inbox of a host.
type roundTrip func(host string) *inbox

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) {
	return f(r.URL.Host).RoundTrip(r)
}

// witness is a node that may lose the database.
type witness struct {
	*alertWorld
	node string
	box  *inbox
	mu   sync.Mutex
	gone error
	live map[string]bool
	ids  []string
	file string
}

func newWitness(t *testing.T, w *alertWorld, node string) *witness {
	t.Helper()
	return &witness{alertWorld: w, node: node, box: &inbox{}, live: map[string]bool{}, file: filepath.Join(t.TempDir(), "outage.json")}
}

// RoundTrip notes the ids of messages.
func (n *witness) RoundTrip(r *http.Request) (*http.Response, error) {
	n.mu.Lock()
	n.ids = append(n.ids, r.Header.Get("X-Maelstrom-Delivery"))
	n.mu.Unlock()
	return n.box.RoundTrip(r)
}

func (n *witness) away() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.gone
}

func (n *witness) lose(err error) {
	n.mu.Lock()
	n.gone = err
	n.mu.Unlock()
	n.do(func() { n.alertWorld.away = err != nil })
}

// start runs until the test ends, or stop is called.
func (n *witness) start(t *testing.T) (o *Outage, stop func()) {
	t.Helper()
	sender := n.sender(n)
	o = NewOutage(OutageOptions{Node: n.node, File: n.file, Logger: sender.log}, OutageDeps{
		Feed: n, Store: n, Sender: sender, Away: n.away, Live: func(id string) bool { return n.live[id] },
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = o.Run(ctx) }()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return o, stop
}

// cut makes the snapshot say which nodes have lost the database too.
func (n *witness) cut(nodes ...string) {
	put := map[string]bool{}
	for _, id := range nodes {
		put[id] = true
	}
	n.do(func() {
		s := *n.snapshot
		s.Cut = cluster.Map[bool]{}.With(put, nil)
		n.snapshot = &s
	})
}

var lossHook = &cluster.Notifier{Name: "hook", Webhook: "https://hook.test/", Alerts: []cluster.AlertKind{cluster.AlertDatabaseLost}}

var errRefused = errors.New("connection refused")

func TestLossOfTheDatabaseIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newWitness(t, newAlertWorld(), "n2")
		n.notifier(lossHook, "s3cret")
		n.notifier(&cluster.Notifier{Name: "other", Webhook: "https://other.test/", Alerts: []cluster.AlertKind{cluster.AlertDiskFull}}, "")
		n.box.answer = func(attempt int) (int, http.Header) {
			if attempt == 1 {
				return 503, nil
			}
			return 204, nil
		}
		o, _ := n.start(t)
		wait(time.Minute)
		n.lose(errRefused)
		wait(5 * time.Second)
		n.lose(nil) // a blip
		wait(time.Minute)
		if _, open := o.Open(); open || n.box.attempts() > 0 {
			t.Fatal("a blip is told")
		}
		n.lose(errRefused)
		wait(time.Minute)
		a, open := o.Open()
		if !open || a.Cause != "it does not answer node n2: connection refused" {
			t.Errorf("open %v: %+v", open, a)
		}
		n.lose(nil) // for too short a time
		wait(3 * time.Second)
		n.lose(errRefused)
		wait(time.Minute)
		if got := n.box.messages(); len(got) != 1 || got[0] != "the database is lost: it does not answer node n2: connection refused" {
			t.Fatalf("told %q", got)
		}
		if len(n.ids) != 2 || n.ids[0] != n.ids[1] || n.ids[0] != fmt.Sprint(n.Snapshot().Number*cluster.EventsPerChange+cluster.EventsPerChange-1) {
			t.Errorf("ids %q", n.ids)
		}
		n.lose(nil)
		wait(time.Minute)
		if got := n.ofKind(cluster.EventAlertClosed); len(got) != 1 || !strings.HasPrefix(got[0], "the database is back after 2m") {
			t.Errorf("closed %q", got)
		}
		if _, open := o.Open(); open || n.box.attempts() != 2 {
			t.Errorf("open %v, %d attempts", open, n.box.attempts())
		}
		if strings.Contains(n.log(), "s3cret") {
			t.Errorf("log %s", n.log())
		}
		n.lose(errRefused)
		wait(time.Minute)
		if got := n.box.messages(); len(got) != 2 || n.ids[2] == n.ids[0] {
			t.Errorf("the next one: %q with ids %q", got, n.ids)
		}
	})
}

// Of several the one with the lowest id tells; when it is gone the next does,
// with the same id, and only one end is stored.
func TestOneOfManyTellsOfTheLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newAlertWorld()
		w.notifier(lossHook, "")
		n := newWitness(t, w, "n2")
		n.live["n1"] = true
		n.start(t)
		wait(time.Minute)
		n.cut("n1", "n3")
		n.lose(errRefused)
		wait(time.Minute)
		if n.box.attempts() != 0 {
			t.Fatal("two nodes tell")
		}
		n.cut("n3")
		wait(time.Minute)
		if len(n.box.messages()) != 1 {
			t.Fatal("nobody tells")
		}
		n.lose(nil)
		wait(time.Minute)
		if got := w.ofKind(cluster.EventAlertClosed); len(got) != 1 {
			t.Errorf("closed %q", got)
		}
	})
}

// Over a restart it is neither told again, nor forgotten that it was.
func TestLossOverARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newWitness(t, newAlertWorld(), "n1")
		n.notifier(lossHook, "")
		_, stop := n.start(t)
		wait(time.Minute)
		n.lose(errRefused)
		wait(time.Minute)
		stop()
		whole := n.Snapshot()
		n.do(func() { s := *whole; s.Restored = true; n.snapshot = &s })
		_, stop = n.start(t)
		wait(time.Minute)
		if got := n.box.messages(); len(got) != 1 || strings.Count(n.log(), "can't be told after a restart") != 1 {
			t.Errorf("told %q; log %s", got, n.log())
		}
		stop()
		n.do(func() { n.snapshot = whole })
		n.lose(nil)
		n.start(t)
		wait(time.Minute)
		closed := n.ofKind(cluster.EventAlertClosed)
		if !slices.ContainsFunc(closed, func(m string) bool { return strings.HasPrefix(m, "the database is back after 2m") }) || len(closed) != 1 {
			t.Errorf("closed %q", closed)
		}
		n.lose(errRefused)
		wait(time.Minute)
		if got := n.box.messages(); len(got) != 2 {
			t.Errorf("the next one: %q", got)
		}
	})
}
