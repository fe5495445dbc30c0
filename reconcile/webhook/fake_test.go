package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"maelstrom/cluster"
)

const testKey = "0f3bc1a4-webhook-secret"

// world is what a Handler works with, in memory.
type world struct {
	mu         sync.Mutex
	snapshot   *cluster.Snapshot
	secrets    map[string]string
	reads      int // of secrets
	deliveries []cluster.Delivery
	poked      chan string
	away       error
	pokeErr    error
}

func (w *world) Snapshot() *cluster.Snapshot {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.snapshot
}

func (w *world) SourceSecrets(_ context.Context, name string) (cluster.SourceSecrets, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reads++
	return cluster.SourceSecrets{WebhookSecret: w.secrets[name]}, w.away
}

func (w *world) AddDelivery(_ context.Context, d cluster.Delivery) (bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.away != nil {
		return false, w.away
	}
	for _, known := range w.deliveries {
		if known.Source == d.Source && known.ID == d.ID {
			return false, nil
		}
	}
	w.deliveries = append(w.deliveries, d)
	return true, nil
}

func (w *world) Poke(_ context.Context, source string) error {
	w.mu.Lock()
	err := w.pokeErr
	w.mu.Unlock()
	if err == nil {
		w.poked <- source
	}
	return err
}

func (w *world) set(change func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change()
}

func (w *world) kept() []cluster.Delivery {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]cluster.Delivery(nil), w.deliveries...)
}

// source is a stored source that follows ref, and its secret.
func source(name, ref string, version int64) *cluster.SourceRow {
	return &cluster.SourceRow{
		Spec:    &cluster.Source{Name: name, Git: &cluster.GitSource{URL: "https://example.com/shop.git", Ref: ref}},
		Secrets: []string{"webhook_secret"}, Version: version,
	}
}

// newWorld has sources main, default, tag, range, commit, dir and open, the
// last without a secret.
func newWorld() *world {
	dir := &cluster.SourceRow{Spec: &cluster.Source{Name: "dir", Dir: "/srv"}, Secrets: []string{"webhook_secret"}, Version: 6}
	open := source("open", "main", 7)
	open.Secrets = nil
	w := &world{
		snapshot: cluster.NewSnapshot().With(cluster.ChangeSet{Number: 9, Full: true, Sources: map[string]*cluster.SourceRow{
			"main": source("main", "main", 1), "master": source("master", "master", 2), "default": source("default", "", 3),
			"tag": source("tag", "simple-tag", 4), "range": source("range", "^1.0", 5), "dir": dir, "open": open,
			"commit": source("commit", "a10867b14bb761a232cd80139fbd4c0d33264240", 8),
		}}),
		secrets: map[string]string{}, poked: make(chan string, 1000),
	}
	for name := range w.snapshot.Sources.All() {
		w.secrets[name] = testKey
	}
	return w
}

func (w *world) handler() *Handler {
	return New(Options{}, Deps{Snapshots: w, Secrets: w, Deliveries: w, Poker: w})
}

// answerOf is what a Handler says.
type answerOf struct {
	Accepted bool
	Message  string
	status   int
	header   http.Header
}

func call1(t testing.TB, h *Handler, r *http.Request) answerOf {
	t.Helper()
	recorded := httptest.NewRecorder()
	h.ServeHTTP(recorded, r)
	a := answerOf{status: recorded.Code, header: recorded.Header()}
	if err := json.Unmarshal(recorded.Body.Bytes(), &a); err != nil {
		t.Fatalf("answer %q: %v", recorded.Body, err)
	}
	if a.Accepted != (a.status == http.StatusAccepted) || a.Message == "" {
		t.Fatalf("answer %d %+v", a.status, a)
	}
	return a
}

// delivered is a call of a git server.
type delivered struct {
	source string
	body   []byte
	header map[string]string
}

func (d delivered) request() *http.Request {
	r := httptest.NewRequest(http.MethodPost, Prefix+d.source, bytes.NewReader(d.body))
	r.Header.Set("Content-Type", "application/json")
	for name, value := range d.header {
		r.Header.Set(name, value)
	}
	return r
}

func (d delivered) with(name, value string) delivered {
	header := map[string]string{name: value}
	for k, v := range d.header {
		if k != name {
			header[k] = v
		}
	}
	d.header = header
	return d
}

func payload(t testing.TB, name string) []byte {
	t.Helper()
	body, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return body
}

var errAway = errors.New("database is away")
