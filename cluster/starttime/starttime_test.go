package starttime

import (
	"fmt"
	"testing"
	"time"

	"maelstrom/cluster"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// world is a snapshot that changes.
type world struct {
	*Times
	now cluster.Snapshot
}

func newWorld(components ...string) *world {
	w := &world{Times: New()}
	rows := map[string]*cluster.ComponentRow{}
	for _, name := range components {
		rows[name] = &cluster.ComponentRow{}
	}
	w.see(func(s *cluster.Snapshot) { s.Components = s.Components.With(rows, nil) })
	return w
}

func (w *world) see(change func(*cluster.Snapshot)) {
	old := w.now
	change(&w.now)
	next := w.now
	w.observe(&old, &next)
}

// instance reports one that took that long to be ready.
func (w *world) instance(id, component string, took time.Duration, change ...func(*cluster.Instance)) {
	i := &cluster.Instance{Placement: id, Component: component, State: cluster.InstanceReady, LaunchedAt: noon, ReadyAt: noon.Add(took)}
	for _, f := range change {
		f(i)
	}
	w.see(func(s *cluster.Snapshot) { s.Instances = s.Instances.With(map[string]*cluster.Instance{id: i}, nil) })
}

func (w *world) expect(t *testing.T, component string, want time.Duration) {
	t.Helper()
	got, known := w.P95(component)
	if got != want || known != (want != 0) {
		t.Errorf("%s starts within %s (%v), want %s", component, got, known, want)
	}
}

func TestP95OfTheLastStarts(t *testing.T) {
	for _, tt := range []struct {
		took []int // seconds
		want time.Duration
	}{
		{nil, 0},
		{[]int{3}, 3 * time.Second},
		{[]int{3, 1}, 3 * time.Second},
		{[]int{20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1}, 19 * time.Second},
		{[]int{100, 100, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20}, 19 * time.Second},
	} {
		w := newWorld("shop_web")
		for n, seconds := range tt.took {
			w.instance(fmt.Sprint("p", n), "shop_web", time.Duration(seconds)*time.Second)
		}
		w.expect(t, "shop_web", tt.want)
	}
}

func TestEachStartCountsOnce(t *testing.T) {
	w := newWorld("shop_web")
	w.instance("p1", "shop_web", 4*time.Second)
	w.instance("p2", "shop_web", time.Second)
	for range 40 { // the same start, reported again
		w.instance("p2", "shop_web", time.Second, func(i *cluster.Instance) { i.FailedChecks = int(w.now.Number) })
		w.now.Number++
	}
	w.expect(t, "shop_web", 4*time.Second)
	w.instance("p2", "shop_web", 9*time.Second) // started again
	w.expect(t, "shop_web", 9*time.Second)
}

func TestWhatIsNoStartDoesNotCount(t *testing.T) {
	w := newWorld("shop_web")
	for name, change := range map[string]func(*cluster.Instance){
		"starting":        func(i *cluster.Instance) { i.State = cluster.InstanceStarting },
		"draining":        func(i *cluster.Instance) { i.State = cluster.InstanceDraining },
		"from who knows":  func(i *cluster.Instance) { i.LaunchedAt = time.Time{} },
		"a clock back":    func(i *cluster.Instance) { i.ReadyAt = i.LaunchedAt.Add(-time.Second) },
		"over an outage":  func(i *cluster.Instance) { i.ReadyAt = i.LaunchedAt.Add(2 * time.Hour) },
		"never was ready": func(i *cluster.Instance) { i.ReadyAt = time.Time{} },
	} {
		w.instance(name, "shop_web", time.Second, change)
	}
	w.expect(t, "shop_web", 0)
}

func TestWhatIsRemovedIsForgotten(t *testing.T) {
	w := newWorld("shop_web", "shop_db")
	w.instance("p1", "shop_web", time.Second)
	w.instance("p2", "shop_db", 2*time.Second)
	w.see(func(s *cluster.Snapshot) { s.Components = s.Components.With(nil, []string{"shop_web"}) })
	w.expect(t, "shop_web", 0)
	w.expect(t, "shop_db", 2*time.Second)
}
