package runtime_test

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"maelstrom/cluster"
)

// feed is the database's snapshot, changed by the test.
type feed struct {
	mu     sync.Mutex
	snap   *cluster.Snapshot
	subs   []chan struct{}
	pushes []cluster.InstanceList
}

func newFeed() *feed { return &feed{snap: cluster.NewSnapshot()} }

func (f *feed) Snapshot() *cluster.Snapshot {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.snap
}

func (f *feed) Subscribe() (<-chan struct{}, func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := make(chan struct{}, 1)
	f.subs = append(f.subs, c)
	return c, func() {}
}

func (f *feed) PushInstances(l cluster.InstanceList) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pushes = append(f.pushes, l)
	f.swap(f.snap.WithInstances(l))
}

func (f *feed) swap(snap *cluster.Snapshot) {
	f.snap = snap
	for _, c := range f.subs {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

func (f *feed) change(edit func(*cluster.ChangeSet)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	cs := cluster.ChangeSet{Number: f.snap.Number + 1}
	edit(&cs)
	f.swap(f.snap.With(cs))
}

// restart is what the node's row says once its daemon has started.
func (f *feed) restart(epoch int64) {
	f.change(func(cs *cluster.ChangeSet) {
		cs.Nodes = map[string]*cluster.Node{node: {ID: node, Epoch: epoch}}
	})
}

func (f *feed) want(id string, want cluster.Want) {
	f.change(func(cs *cluster.ChangeSet) {
		row, _ := f.snap.Placements.Get(id)
		changed := *row
		changed.Want = want
		changed.Version++
		cs.Placements = map[string]*cluster.Placement{id: &changed}
	})
}

func (f *feed) remove(id string) {
	f.change(func(cs *cluster.ChangeSet) { cs.Placements = map[string]*cluster.Placement{id: nil} })
}

// restored sets whether the snapshot is the copy on disk.
func (f *feed) restored(is bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	snap := *f.snap
	snap.Restored = is
	f.swap(&snap)
}

// states are the states of a placement in the order they were pushed.
func (f *feed) states(id string) []cluster.InstanceState {
	f.mu.Lock()
	defer f.mu.Unlock()
	var states []cluster.InstanceState
	for _, l := range f.pushes {
		for _, i := range l.Instances {
			if i.Placement == id && (len(states) == 0 || states[len(states)-1] != i.State) {
				states = append(states, i.State)
			}
		}
	}
	return states
}

// ledger is the database's tables, with the faults of one.
type ledger struct {
	feed *feed

	mu      sync.Mutex
	err     error
	hidden  map[string]int64 // placement versions that the snapshot does not show yet
	marked  []string
	rows    map[string]cluster.Instance
	written []time.Time
}

func (l *ledger) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.err = err
}

// flipped lets the placement be at a version that the snapshot does not show.
func (l *ledger) flipped(id string, version int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hidden = map[string]int64{id: version}
}

func (l *ledger) WriteInstances(_ context.Context, _ string, _ int64, put []cluster.Instance, remove []string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.written = append(l.written, time.Now())
	if l.err != nil {
		return l.err
	}
	if l.rows == nil {
		l.rows = map[string]cluster.Instance{}
	}
	for _, i := range put {
		l.rows[i.Placement] = i
	}
	for _, id := range remove {
		delete(l.rows, id)
	}
	return nil
}

func (l *ledger) MarkStopping(_ context.Context, i cluster.Instance, version int64) (bool, error) {
	row, ok := l.feed.Snapshot().Placements.Get(i.Placement)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return false, l.err
	}
	if hidden, is := l.hidden[i.Placement]; is && hidden != version {
		return false, nil
	}
	if !ok || row.Version != version || row.Want != cluster.WantStop {
		return false, nil
	}
	l.marked = append(l.marked, i.Placement)
	if l.rows != nil {
		l.rows[i.Placement] = i
	}
	return true, nil
}

func (l *ledger) InstanceLists(context.Context) ([]cluster.InstanceList, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := cluster.InstanceList{Node: node}
	for _, i := range l.rows {
		list.Instances = append(list.Instances, i)
	}
	return []cluster.InstanceList{list}, l.err
}

func (l *ledger) row(id string) (cluster.Instance, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	i, ok := l.rows[id]
	return i, ok
}

func (l *ledger) marks() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.marked)
}

func (l *ledger) writes() []time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]time.Time(nil), l.written...)
}

// logbook keeps log records.
type logbook struct {
	mu      sync.Mutex
	records []slog.Record
}

func (l *logbook) Enabled(context.Context, slog.Level) bool { return true }
func (l *logbook) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l *logbook) WithGroup(string) slog.Handler            { return l }

func (l *logbook) Handle(_ context.Context, r slog.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.records = append(l.records, r)
	return nil
}

// values returns an attribute of every record with a message.
func (l *logbook) values(message, key string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var values []string
	for _, r := range l.records {
		if r.Message != message {
			continue
		}
		r.Attrs(func(a slog.Attr) bool {
			if a.Key == key {
				values = append(values, a.Value.String())
			}
			return true
		})
	}
	return values
}
