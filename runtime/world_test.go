package runtime_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
	"maelstrom/runtime"
	"maelstrom/runtime/fake"
	"maelstrom/runtime/images"
	"maelstrom/runtime/logring"
)

const (
	node    = "n1"
	pending = cluster.InstanceStarting
	ready   = cluster.InstanceReady
)

// world is an Agent with everything around it, in a bubble.
type world struct {
	t      *testing.T
	engine *fake.Engine
	driver runtime.Driver
	feed   *feed
	ledger *ledger
	drain  *drainer
	recent *recent
	log    *logbook
	agent  *runtime.Agent
	rings  *logring.Store // nil: output is not kept
	depot  *images.Depot
	epoch  int64
	stop   func() error
}

// bubble runs story in virtual time. What it leaves running is a failure.
func bubble(t *testing.T, image fake.Image, story func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, image)
		defer w.engine.Close()
		defer w.halt()
		story(w)
	})
}

func newWorld(t *testing.T, image fake.Image) *world {
	engine := fake.NewEngine(map[string]fake.Image{"app": image})
	w := &world{
		t: t, engine: engine,
		driver: fake.New(fake.Options{Cluster: "c1", Node: node, Engine: engine}),
		feed:   newFeed(),
		drain:  &drainer{},
		recent: &recent{},
		log:    &logbook{},
		stop:   func() error { return nil },
	}
	w.ledger = &ledger{feed: w.feed}
	return w
}

// build makes the agent of the daemon's next start.
func (w *world) build() {
	w.epoch++
	w.feed.restart(w.epoch)
	w.depot = images.New(images.Options{Node: node}, images.Deps{Engine: w.driver, Feed: w.feed})
	w.agent = runtime.NewAgent(w.driver, runtime.Options{
		Node: node, Epoch: w.epoch, Parallel: 2,
		PrivateURL: func(string) string { return "http://10.88.0.1:8374" },
		Dial:       w.engine.Dial,
		Logger:     slog.New(w.log),
	}, runtime.Deps{Feed: w.feed, Ledger: w.ledger, Images: w.depot, Drainer: w.drain, Activity: w.recent, Rings: w.rings})
}

// start runs the daemon's part: adopt, then run.
func (w *world) start() {
	w.t.Helper()
	w.build()
	if err := w.agent.Adopt(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	w.run()
}

func (w *world) run() {
	ctx, cancel := context.WithCancel(w.t.Context())
	ended := make(chan error, 2)
	go func() { ended <- w.agent.Run(ctx) }()
	go func() { ended <- w.depot.Run(ctx) }()
	w.stop = func() error {
		cancel()
		w.stop = func() error { return nil }
		return errors.Join(<-ended, <-ended)
	}
	synctest.Wait()
}

// halt ends the daemon; containers run on.
func (w *world) halt() {
	w.t.Helper()
	if err := w.stop(); err != nil {
		w.t.Error(err)
	}
}

// pass lets virtual time pass.
func (w *world) pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// place adds a placement of shop_web that wants to run.
func (w *world) place(id string) {
	w.placeOf(id, nil)
}

// placeOf does so with changed settings.
func (w *world) placeOf(id string, change func(*project.Component)) {
	c := project.Component{Name: "shop_web", Project: "shop", Image: "app"}
	if change != nil {
		change(&c)
	}
	effective := c.Effective()
	w.feed.change(func(cs *cluster.ChangeSet) {
		cs.Components = map[string]*cluster.ComponentRow{c.Name: {Spec: &c, Effective: &effective, Version: 1}}
		cs.Placements = map[string]*cluster.Placement{id: {
			ID: id, Component: c.Name, Node: node, Want: cluster.WantRun, PlacedVersion: 1, Version: 1,
		}}
	})
	synctest.Wait()
}

// declare stores a version of shop_web with another image.
func (w *world) declare(version int64, image string) {
	c := project.Component{Name: "shop_web", Project: "shop", Image: image}
	effective := c.Effective()
	w.feed.change(func(cs *cluster.ChangeSet) {
		cs.Components = map[string]*cluster.ComponentRow{c.Name: {Spec: &c, Effective: &effective, Version: version}}
	})
	synctest.Wait()
}

// unproven makes shop_web a component of whose version no instance was ready.
func (w *world) unproven() {
	c := project.Component{Name: "shop_web", Project: "shop", Image: "app"}
	effective := c.Effective()
	w.feed.change(func(cs *cluster.ChangeSet) {
		cs.Components = map[string]*cluster.ComponentRow{c.Name: {Spec: &c, Effective: &effective, Version: 1, RestartVersion: 1}}
	})
	synctest.Wait()
}

// want changes what a placement wants.
func (w *world) want(id string, want cluster.Want) {
	w.feed.want(id, want)
	synctest.Wait()
}

// instance returns what the node reports of a placement.
func (w *world) instance(id string) cluster.Instance {
	w.t.Helper()
	for _, i := range w.agent.Instances() {
		if i.Placement == id {
			return i
		}
	}
	w.t.Fatalf("no instance of %s", id)
	return cluster.Instance{}
}

// expect checks the state of an instance and returns it.
func (w *world) expect(id string, state cluster.InstanceState, reason cluster.Reason) cluster.Instance {
	w.t.Helper()
	i := w.instance(id)
	if i.State != state || i.Reason != reason {
		w.t.Fatalf("%s is %s (%s: %s), want %s (%s)", id, i.State, i.Reason, i.Message, state, reason)
	}
	return i
}

// expectGone checks that neither instance nor container is left.
func (w *world) expectGone(id string) {
	w.t.Helper()
	for _, i := range w.agent.Instances() {
		if i.Placement == id {
			w.t.Fatalf("%s is still %s", id, i.State)
		}
	}
	if c, ok := w.container(id); ok {
		w.t.Fatalf("container of %s is still there: %+v", id, c)
	}
}

func (w *world) container(id string) (runtime.Container, bool) {
	w.t.Helper()
	list, err := w.driver.List(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	for _, c := range list {
		if c.Placement == id {
			return c, true
		}
	}
	return runtime.Container{}, false
}

var errAway = errors.New("database is away")

// drainer holds drains until it is told that nothing is in flight.
type drainer struct {
	mu     sync.Mutex
	busy   chan struct{} // nil: nothing is in flight
	drains []string
	ended  []string // whose streams were
}

func (d *drainer) Drain(ctx context.Context, placement string) error {
	d.mu.Lock()
	d.drains = append(d.drains, placement)
	busy := d.busy
	d.mu.Unlock()
	if busy == nil {
		return nil
	}
	select {
	case <-busy:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (d *drainer) EndStreamsOf(_ context.Context, placement string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ended = append(d.ended, placement)
	return errors.New("a request is in flight")
}

func (d *drainer) streamsEnded() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.ended)
}

// inFlight makes drains wait until the returned function is called.
func (d *drainer) inFlight() (done func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	busy := make(chan struct{})
	d.busy = busy
	return func() { close(busy) }
}

func (d *drainer) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.drains)
}

type recent struct {
	mu sync.Mutex
	at time.Time
}

func (r *recent) LastSuccess(string) time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.at
}

func (r *recent) now() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.at = time.Now()
}
