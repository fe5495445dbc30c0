package rpc

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

// world is everything that a Server works with, in memory: one node, one
// database that can go away, and a snapshot that follows it at once.
type world struct {
	t      testing.TB
	server *Server
	keys   *Keyring
	secret string // of a token that counts

	mu       sync.Mutex
	away     error // what the database answers instead
	number   int64
	projects map[string]*cluster.ProjectRow
	comps    map[string]*cluster.ComponentRow
	sources  map[string]*cluster.EventSourceRow
	tokens   map[string]cluster.Token
	reads    int // of tokens
	history  []cluster.Revision
	replies  map[string]ApplyAnswer // by request id
	before   func()                 // called once before the next apply
	last     Declaration            // to be applied
	snap     *cluster.Snapshot
	subs     map[chan struct{}]struct{}

	loads    map[string]cluster.InstanceLoad
	refused  map[string]*cluster.Failure
	woken    []string
	asleep   []string
	slept    func() // after the answer to Sleep
	wakeErr  error
	logs     map[string][]LogLine
	backedUp string
	mover    mover
	commands commandsFake
	ca       []byte
	key      string // of the cluster
	hints    int
	ready    chan struct{} // closed: there is a snapshot
}

const testNode = "node-1"

var started = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{
		t:        t,
		projects: map[string]*cluster.ProjectRow{},
		comps:    map[string]*cluster.ComponentRow{},
		sources:  map[string]*cluster.EventSourceRow{},
		tokens:   map[string]cluster.Token{},
		replies:  map[string]ApplyAnswer{},
		subs:     map[chan struct{}]struct{}{},
		loads:    map[string]cluster.InstanceLoad{},
		refused:  map[string]*cluster.Failure{},
		logs:     map[string][]LogLine{},
		secret:   "mael_test",
		ready:    make(chan struct{}),
	}
	close(w.ready)
	w.snap = cluster.NewSnapshot().With(cluster.ChangeSet{Number: 1, Full: true, Nodes: map[string]*cluster.Node{testNode: {
		ID: testNode, Name: "alpha", Address: "127.0.0.1:8374", State: cluster.NodeUp, Version: "1.2.3", Epoch: 7,
		StartedAt: started, SeenAt: started.Add(time.Minute), CPUCount: 2, Load1m: 0.5, MemoryTotalMiB: 4096,
	}}})
	w.number = 1
	logger := slog.New(slog.DiscardHandler)
	w.keys = NewKeyring(w, logger)
	if err := w.keys.Ensure(t.Context(), "tester", w.secret); err != nil {
		t.Fatal(err)
	}
	w.server = NewServer(Deps{
		Version: "1.2.3", Node: testNode, CronZone: time.UTC,
		ClusterID:    func() string { return "cluster-1" },
		Declarations: (*declarations)(w), Store: w, Nodes: (*nodeRows)(w), Explain: w.explain, Removable: w.removable, Events: w, Feed: w, Loads: w, Placer: w, Keys: w.keys, Logs: w, Commands: &w.commands, Firings: &w.commands, Mover: &w.mover, Doctor: &w.mover,
		CA:     func() []byte { return w.ca },
		Rekey:  w.rekey,
		Roles:  func() []Role { return []Role{{Role: "placement", Holder: testNode, Fence: 3, AgeSeconds: 1.5}} },
		Logger: logger,
	})
	return w
}

func (w *world) lock() func() { w.mu.Lock(); return w.mu.Unlock }

// commit makes the changes of cs visible.
func (w *world) commit(cs cluster.ChangeSet) int64 {
	w.number++
	cs.Number = w.number
	w.snap = w.snap.With(cs)
	for c := range w.subs {
		select {
		case c <- struct{}{}:
		default:
		}
	}
	return w.number
}

// run places an instance of a component on the node.
func (w *world) run(p cluster.Placement, i cluster.Instance) {
	defer w.lock()()
	p.Node, i.Node, i.Placement, i.Component = testNode, testNode, p.ID, p.Component
	w.commit(cluster.ChangeSet{Placements: map[string]*cluster.Placement{p.ID: &p}})
	list := cluster.InstanceList{Node: testNode, Epoch: 7, Counter: w.number, Instances: []cluster.Instance{i}}
	for id, have := range w.snap.Instances.All() {
		if id != p.ID {
			list.Instances = append(list.Instances, *have)
		}
	}
	w.snap = w.snap.WithInstances(list)
	w.commit(cluster.ChangeSet{})
}

// The Feed.

func (w *world) Snapshot() *cluster.Snapshot { defer w.lock()(); return w.snap }
func (w *world) Ready() <-chan struct{}      { return w.ready }
func (w *world) Hint()                       { defer w.lock()(); w.hints++ }

func (w *world) WaitFor(context.Context, int64) error { return nil }

func (w *world) Subscribe() (<-chan struct{}, func()) {
	defer w.lock()()
	c := make(chan struct{}, 1)
	w.subs[c] = struct{}{}
	return c, func() { defer w.lock()(); delete(w.subs, c) }
}

// Loads, Placer.

func (w *world) InstanceLoads() map[string]cluster.InstanceLoad { return w.loads }
func (w *world) Refusals() map[string]*cluster.Failure          { return w.refused }

func (w *world) Wake(_ context.Context, component string) error {
	defer w.lock()()
	w.woken = append(w.woken, component)
	return w.wakeErr
}

func (w *world) Sleep(_ context.Context, component string) error {
	defer w.lock()()
	w.asleep = append(w.asleep, component)
	if w.slept != nil {
		go w.slept()
	}
	return nil
}

// Tokens.

func (w *world) Tokens(context.Context) ([]cluster.Token, error) {
	defer w.lock()()
	w.reads++
	return slices.Collect(maps.Values(w.tokens)), w.away
}

func (w *world) PutToken(_ context.Context, token cluster.Token) error {
	defer w.lock()()
	if w.away == nil {
		w.tokens[token.Name] = token
	}
	return w.away
}

func (w *world) DeleteToken(_ context.Context, name string) error {
	defer w.lock()()
	if w.away == nil {
		delete(w.tokens, name)
	}
	return w.away
}

// Logs: what is scripted, then the end.

type scripted struct {
	lines  []LogLine
	follow bool
	closed chan struct{}
	once   *sync.Once
}

func (w *world) OpenLog(_ context.Context, container string, opt LogOptions) (LogStream, error) {
	defer w.lock()()
	lines, ok := w.logs[container]
	if !ok {
		return nil, errors.New("no such container")
	}
	var shown []LogLine
	for _, line := range lines {
		if !line.Time.Before(opt.Since) {
			shown = append(shown, line)
		}
	}
	if opt.Tail > 0 && len(shown) > opt.Tail {
		shown = shown[len(shown)-opt.Tail:]
	}
	return &scripted{lines: shown, follow: opt.Follow, closed: make(chan struct{}), once: &sync.Once{}}, nil
}

func (s *scripted) Next() (LogLine, error) {
	if len(s.lines) == 0 {
		if s.follow {
			<-s.closed
		}
		return LogLine{}, io.EOF
	}
	line := s.lines[0]
	s.lines = s.lines[1:]
	return line, nil
}

func (s *scripted) Close() error {
	s.once.Do(func() { close(s.closed) })
	return nil
}

// conflict is how a planner says that somebody else owns something.
type conflict struct{ problems []project.Problem }

func (c *conflict) Error() string               { return c.problems[0].Message }
func (c *conflict) Unwrap() error               { return cluster.ErrConflict }
func (c *conflict) Problems() []project.Problem { return c.problems }
