package notify

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"maelstrom/cluster"
)

var errAway = errors.New("database is away")

var hold = cluster.Hold{Role: cluster.RoleNotify, Holder: "a", Fence: 1}

// world is a feed and a store in memory.
type world struct {
	mu       sync.Mutex
	snapshot *cluster.Snapshot
	changed  map[chan struct{}]bool
	events   []cluster.Event
	states   map[string]cluster.NotifierState
	written  []cluster.NotifierState
	reads    int
	secrets  map[string]string
	fence    int64
	away     bool
	at       string // revision of sources that are stored
	logged   bytes.Buffer
}

func newWorld() *world {
	return &world{
		snapshot: cluster.NewSnapshot(), changed: map[chan struct{}]bool{}, fence: hold.Fence,
		states: map[string]cluster.NotifierState{}, secrets: map[string]string{},
	}
}

func (w *world) do(change func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change()
}

func (w *world) Snapshot() *cluster.Snapshot {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.snapshot
}

func (w *world) Subscribe() (<-chan struct{}, func()) {
	c := make(chan struct{}, 1)
	w.do(func() { w.changed[c] = true })
	return c, func() { w.do(func() { delete(w.changed, c) }) }
}

func (w *world) WaitFor(ctx context.Context, number int64) error {
	if w.Snapshot().Number >= number {
		return nil
	}
	<-ctx.Done()
	return ctx.Err()
}

// move makes the snapshot follow a change.
func (w *world) move(c cluster.ChangeSet) {
	w.do(func() { w.step(c) })
}

func (w *world) step(c cluster.ChangeSet) {
	c.Number = w.snapshot.Number + 1
	w.snapshot = w.snapshot.With(c)
	for c := range w.changed {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

func (w *world) notifier(spec *cluster.Notifier, secret string) {
	row := &cluster.NotifierRow{Spec: spec, HasSecret: secret != "", Version: w.Snapshot().Number + 1, CreatedAt: time.Now()}
	w.do(func() { w.secrets[spec.Name] = secret })
	w.move(cluster.ChangeSet{Notifiers: map[string]*cluster.NotifierRow{spec.Name: row}})
}

// happen stores events, each in a change of its own.
func (w *world) happen(events ...cluster.Event) {
	w.do(func() {
		for _, e := range events {
			w.step(cluster.ChangeSet{})
			e.ID = w.snapshot.Number * cluster.EventsPerChange
			if e.Time.IsZero() {
				e.Time = time.Now()
			}
			w.events = append(w.events, e)
		}
	})
}

func (w *world) Events(_ context.Context, q cluster.EventQuery) (found []cluster.Event, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reads++
	if w.away {
		return nil, errAway
	}
	for _, e := range w.events {
		if e.ID > q.After && !e.Time.Before(q.Since) && slices.Contains(q.Kinds, e.Kind) && len(found) < q.Limit {
			found = append(found, e)
		}
	}
	return found, nil
}

func (w *world) AddEvents(_ context.Context, events []cluster.Event) error {
	if w.isAway() {
		return errAway
	}
	w.happen(events...)
	return nil
}

func (w *world) isAway() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.away
}

func (w *world) NotifierSecret(_ context.Context, name string) (string, error) {
	if w.isAway() {
		return "", errAway
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.secrets[name], nil
}

func (w *world) NotifierStates(context.Context) (states []cluster.NotifierState, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.states {
		states = append(states, s)
	}
	return states, nil
}

func (w *world) WriteNotifierState(_ context.Context, h cluster.Hold, s cluster.NotifierState) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.away:
		return errAway
	case h.Fence != w.fence:
		return cluster.ErrFenced
	}
	w.states[s.Name] = s
	w.written = append(w.written, s)
	return nil
}

func (w *world) state(name string) cluster.NotifierState {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.states[name]
}

// ofKind are the messages of the stored events of a kind.
func (w *world) ofKind(kind cluster.EventKind) (messages []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range w.events {
		if e.Kind == kind {
			messages = append(messages, e.Message)
		}
	}
	return messages
}

func (w *world) sender(transport http.RoundTripper) *Sender {
	s := New(Options{Version: "1.2", Logger: slog.New(slog.NewTextHandler(lockedWriter{w}, nil))}, Deps{Feed: w, Store: w})
	if transport != nil {
		s.http.Transport = transport
	}
	return s
}

type lockedWriter struct{ w *world }

func (l lockedWriter) Write(p []byte) (n int, err error) {
	l.w.do(func() { n, err = l.w.logged.Write(p) })
	return n, err
}

func (w *world) log() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.logged.String()
}

// run holds the role until the test ends, or stop is called.
func run(t *testing.T, s *Sender) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	go func() { result <- s.Hold(ctx, hold) }()
	stop = sync.OnceValue(func() error { cancel(); return <-result })
	t.Cleanup(func() { _ = stop() })
	return stop
}

func wait(d time.Duration) { <-time.After(d) }

// site answers in memory, as its function says.
type site func(r *http.Request) (status int, header http.Header, body string)

func (f site) RoundTrip(r *http.Request) (*http.Response, error) {
	status, header, body := f(r)
	if status == 0 {
		<-r.Context().Done() // hangs
		return nil, r.Context().Err()
	}
	if header == nil {
		header = http.Header{}
	}
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(bytes.NewBufferString(body)), Request: r}, nil
}

func happened(kind cluster.EventKind, message string) cluster.Event {
	return cluster.Event{Kind: kind, Severity: cluster.EventInfo, Source: "shop", Project: "checkout", Revision: "c0ffee", Message: message}
}

// source stores a source with projects that are synced or not.
func (w *world) source(name, url string, synced map[string]cluster.Condition) {
	c := cluster.ChangeSet{
		Sources:         map[string]*cluster.SourceRow{name: {Spec: &cluster.Source{Name: name, Git: &cluster.GitSource{URL: url}}, Version: 1}},
		SourceStatuses:  map[string]*cluster.SourceStatus{name: {Source: name, Revision: w.at, Conditions: []cluster.Condition{{Type: cluster.ConditionReady, Status: cluster.StatusTrue}}}},
		ProjectStatuses: map[string]*cluster.ProjectStatus{},
	}
	for project, condition := range synced {
		condition.Type = cluster.ConditionSynced
		s := &cluster.ProjectStatus{Source: name, Path: project + ".yml", Project: project, Conditions: []cluster.Condition{condition}}
		c.ProjectStatuses[s.Key()] = s
	}
	w.move(c)
}
