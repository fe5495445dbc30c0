package placer

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

// database keeps rows in memory, as the store would.
type database struct {
	mu         sync.Mutex
	number     int64
	nodes      map[string]*cluster.Node
	components map[string]*cluster.ComponentRow
	placements map[string]*cluster.Placement
	runs       map[string]*cluster.Run
	stopping   map[string]bool // past the point of no return
	habits     map[string]*cluster.Habit
	habitsFail error
	habitsHeld chan struct{} // until it is closed, habits are not read; nil: they are
	habitsSlow time.Duration // to write habits

	habitWrites, mostHabits int
	commits                 int
	tries                   int
	fail                    error
	slow                    time.Duration // of a write
}

func newDatabase() *database {
	return &database{
		number:     1,
		nodes:      map[string]*cluster.Node{"n1": {ID: "n1", Name: "n1", State: cluster.NodeUp, Epoch: 1, MemoryTotalMiB: 4096}},
		components: map[string]*cluster.ComponentRow{},
		placements: map[string]*cluster.Placement{},
		runs:       map[string]*cluster.Run{},
		stopping:   map[string]bool{},
	}
}

func (d *database) ChangeNumber(context.Context) (int64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.number, nil
}

func (d *database) Changes(context.Context, int64) (cluster.ChangeSet, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return cluster.ChangeSet{
		Number: d.number, Full: true,
		Nodes: maps.Clone(d.nodes), Components: maps.Clone(d.components), Placements: maps.Clone(d.placements),
		Runs: maps.Clone(d.runs),
	}, nil
}

func (d *database) Habits(ctx context.Context) (map[string]*cluster.Habit, error) {
	if d.habitsHeld != nil {
		select {
		case <-d.habitsHeld:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return maps.Clone(d.habits), d.habitsFail
}

func (d *database) WriteHabits(ctx context.Context, _ cluster.Hold, put map[string]*cluster.Habit, remove []string) error {
	if d.habitsSlow > 0 {
		select {
		case <-time.After(d.habitsSlow):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.habitsFail != nil {
		return d.habitsFail
	}
	d.habitWrites++
	d.mostHabits = max(d.mostHabits, len(put)+len(remove))
	if d.habits == nil {
		d.habits = map[string]*cluster.Habit{}
	}
	maps.Copy(d.habits, put)
	for _, name := range remove {
		delete(d.habits, name)
	}
	return nil
}

func (d *database) Reserve(_ context.Context, _ cluster.Hold, runs []cluster.Run) (int64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fail != nil {
		return 0, d.fail
	}
	for _, r := range runs {
		for _, known := range d.runs {
			if known.Key() == r.Key() {
				return 0, cluster.ErrConflict
			}
		}
		r.State = cluster.RunReserved
		d.runs[r.ID] = &r
	}
	d.number++
	return d.number, nil
}

func (d *database) WritePlacements(ctx context.Context, _ cluster.Hold, writes []cluster.PlacementWrite) (int64, error) {
	d.mu.Lock()
	slow := d.slow
	d.mu.Unlock()
	if slow > 0 {
		select {
		case <-time.After(slow):
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tries++
	if d.fail != nil {
		return 0, d.fail
	}
	rows := maps.Clone(d.placements)
	for _, w := range writes {
		if err := d.write(rows, w); err != nil {
			return 0, fmt.Errorf("write placements: %w", err)
		}
	}
	d.placements = rows
	d.commits++
	d.number++
	return d.number, nil
}

func (d *database) write(rows map[string]*cluster.Placement, w cluster.PlacementWrite) error {
	switch {
	case w.Rollout != nil:
		return d.rollout(w.Rollout)
	case w.Insert != nil:
		row := *w.Insert
		row.Version = 1
		rows[row.ID] = &row
	case w.Want != nil:
		if rows[w.Want.ID].Version != w.Want.Version || w.Want.Want == cluster.WantRun && d.stopping[w.Want.ID] {
			return cluster.ErrConflict
		}
		row := *w.Want
		row.Version++
		rows[row.ID] = &row
	default:
		delete(rows, w.Delete.ID)
	}
	return nil
}

func (d *database) rollout(w *cluster.RolloutWrite) error {
	row := *d.components[w.Component]
	if row.RestartVersion != w.Version {
		return cluster.ErrConflict
	}
	switch w.State {
	case cluster.RolloutProven:
		row.Proven, row.Kept = w.Version, nil
	case cluster.RolloutFailed:
		row.Failed, row.Tries = w.Failure, w.Failure.Tries
	default:
		row.Failed = nil
	}
	d.components[w.Component] = &row
	return nil
}

func (d *database) change(f func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f()
	d.number++
}

func (d *database) declare(name string, spec project.Component) {
	spec.Name = name
	e := spec.Effective()
	d.change(func() {
		d.components[name] = &cluster.ComponentRow{Spec: &spec, Effective: &e, Version: 1, RestartVersion: 1}
	})
}

// tally tells how many writes were stored and tried, and how many rows there are.
func (d *database) tally() (commits, tries, rows int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.commits, d.tries, len(d.placements)
}

// count counts the rows of a component with a want.
func (d *database) count(component string, want cluster.Want) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := 0
	for _, pl := range d.placements {
		if pl.Component == component && pl.Want == want {
			n++
		}
	}
	return n
}

// gateway is the load, as a test sets it.
type gateway struct {
	mu      sync.Mutex
	load    map[string]cluster.ComponentLoad
	memory  []cluster.NodeMemory
	changed chan struct{}
}

func (g *gateway) Load() cluster.Load {
	g.mu.Lock()
	defer g.mu.Unlock()
	return cluster.Load{Node: "n1", Components: maps.Clone(g.load), Memory: g.memory}
}

// uses tells what instances of a component, at its first version, have in memory.
func (g *gateway) uses(component string, mib int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	uses := map[string]cluster.MemoryUse{component: {Version: 1, MiB: mib, Readings: 100}}
	g.memory = []cluster.NodeMemory{{Node: "n1", Uses: uses}}
}

func (g *gateway) LoadChanged() <-chan struct{} { return g.changed }

func (g *gateway) set(component string, l cluster.ComponentLoad) {
	g.mu.Lock()
	g.load[component] = l
	g.mu.Unlock()
	select {
	case g.changed <- struct{}{}:
	default:
	}
}

// stage is a placer with everything around it, in a bubble.
type stage struct {
	*Placer
	db      *database
	gateway *gateway
	feed    *cluster.Feed
	counter int64
	mu      sync.Mutex
	told    []cluster.Event
	hold    func() (end func() error) // takes the role
}

// play runs a test in a bubble, with a feed that follows the database.
func play(t *testing.T, test func(*testing.T, *stage)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &stage{db: newDatabase(), gateway: &gateway{load: map[string]cluster.ComponentLoad{}, changed: make(chan struct{}, 1)}}
		s.feed = cluster.NewFeed(s.db, cluster.FeedOptions{})
		var work sync.WaitGroup
		ctx, cancel := context.WithCancel(t.Context())
		defer work.Wait()
		defer cancel()
		work.Go(func() { s.feed.Run(ctx) })
		s.Placer = New(Options{Node: "n1", Record: s.record}, s.db, s.feed, s.gateway)
		s.hold = func() func() error {
			term, end := context.WithCancel(ctx)
			result := make(chan error, 1)
			work.Go(func() { result <- s.Hold(term, cluster.Hold{Role: cluster.RolePlacement, Holder: "n1", Fence: 1}) })
			synctest.Wait()
			return func() error {
				end()
				return <-result
			}
		}
		s.report(cluster.InstanceReady)
		test(t, s)
	})
}

// playWith plays with a component web, while this node decides.
func playWith(t *testing.T, web project.Component, test func(*testing.T, *stage)) {
	t.Helper()
	play(t, func(t *testing.T, s *stage) {
		s.db.declare("web", web)
		s.feed.Hint()
		defer s.hold()()
		test(t, s)
	})
}

// awake wakes the component web and has all instances ready.
func (s *stage) awake(t *testing.T) {
	t.Helper()
	if err := s.Wake(t.Context(), "web"); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
	s.report(cluster.InstanceReady)
}

func (s *stage) record(events ...cluster.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told = append(s.told, events...)
}

// events are all that were recorded.
func (s *stage) events() []cluster.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.told)
}

// report tells the state of every instance that there is.
func (s *stage) report(state cluster.InstanceState) {
	s.counter++
	l := cluster.InstanceList{Node: "n1", Epoch: 1, Counter: s.counter}
	s.db.mu.Lock()
	for id, pl := range s.db.placements {
		i := cluster.Instance{Placement: id, Component: pl.Component, Node: "n1", State: state, ReadyAt: time.Now()}
		if state == cluster.InstanceBackoff {
			i.Reason = cluster.ReasonExited
		}
		l.Instances = append(l.Instances, i)
	}
	s.db.mu.Unlock()
	s.feed.PushInstances(l)
	synctest.Wait()
}

// gone reports that no instance is left.
func (s *stage) gone() {
	s.counter++
	s.feed.PushInstances(cluster.InstanceList{Node: "n1", Epoch: 1, Counter: s.counter})
	synctest.Wait()
}

// after lets time pass.
func after(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}
