package placer

import (
	"context"
	"errors"
	"fmt"
	goruntime "runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"maelstrom/cluster"
	"maelstrom/cluster/store"
	"maelstrom/cluster/store/sqlitetest"
	"maelstrom/project"
)

// real is a placer on a real SQLite file and feed.
type real struct {
	*Placer
	store   *store.Store
	feed    *cluster.Feed
	gateway *gateway
	hold    cluster.Hold
	epoch   int64
	counter int64
}

func newReal(t testing.TB, components int) *real {
	t.Helper()
	ctx := t.Context()
	s := sqlitetest.Open(t)
	epoch, err := s.JoinNode(ctx, cluster.Node{ID: "n1", Name: "n1", MemoryTotalMiB: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	p := &project.Project{Name: "shop"}
	for i := range components {
		p.Components = append(p.Components, project.Component{Name: fmt.Sprintf("shop_%d", i), Project: "shop", Image: "app"})
	}
	_, err = s.ApplyProject(ctx, cluster.ApplyRequest{Desired: p, RequestID: "1", Plan: func(cluster.ProjectState) (cluster.ProjectWrite, error) {
		var w cluster.ProjectWrite
		for i := range p.Components {
			w.PutComponents = append(w.PutComponents, cluster.ComponentWrite{Spec: &p.Components[i]})
		}
		return w, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	r := &real{store: s, epoch: epoch, gateway: &gateway{load: map[string]cluster.ComponentLoad{}, changed: make(chan struct{}, 1)}}
	r.feed = cluster.NewFeed(s, cluster.FeedOptions{})
	r.Placer = New(Options{Node: "n1"}, s, r.feed, r.gateway)
	r.hold = r.take(t, "n1")
	return r
}

// take takes the role placement for a holder.
func (r *real) take(t testing.TB, holder string) cluster.Hold {
	t.Helper()
	observed := cluster.Lease{Role: cluster.RolePlacement}
	leases, err := r.store.Leases(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range leases {
		if l.Role == cluster.RolePlacement {
			observed = l
		}
	}
	l, ok, err := r.store.TakeLease(t.Context(), observed, holder)
	if err != nil || !ok {
		t.Fatalf("take lease: %v, %v", ok, err)
	}
	return cluster.Hold{Role: l.Role, Holder: l.Holder, Fence: l.Fence}
}

// run follows the database and decides until the returned function is called,
// which tells how Hold ended.
func (r *real) run(t testing.TB) (end func() error) {
	ctx, cancel := context.WithCancel(t.Context())
	var work sync.WaitGroup
	work.Go(func() { r.feed.Run(ctx) })
	<-r.feed.Ready()
	r.push(t)
	term, stop := context.WithCancel(ctx)
	result := make(chan error, 1)
	work.Go(func() { result <- r.Hold(term, r.hold) })
	for !r.holds() {
		goruntime.Gosched()
	}
	return func() error {
		stop()
		err := <-result
		cancel()
		work.Wait()
		return err
	}
}

// holds tells whether Hold has begun.
func (r *real) holds() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.held
}

// push reports every placement that runs as ready, as its node would.
func (r *real) push(t testing.TB) {
	r.counter++
	l := cluster.InstanceList{Node: "n1", Epoch: r.epoch, Counter: r.counter}
	for id, pl := range r.feed.Snapshot().Placements.All() {
		l.Instances = append(l.Instances, cluster.Instance{Placement: id, Component: pl.Component, Node: "n1", State: cluster.InstanceReady, ReadyAt: time.Now()})
	}
	if err := r.store.WriteInstances(t.Context(), "n1", r.epoch, l.Instances, nil); err != nil {
		t.Fatal(err)
	}
	r.feed.PushInstances(l)
}

func (r *real) rows() []*cluster.Placement {
	rows, _ := r.feed.Snapshot().ByComponent.Get("shop_0")
	return rows
}

func TestLifeOfAPlacementOnSQLite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReal(t, 3)
		end := r.run(t)
		if err := r.Wake(t.Context(), "shop_0"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		rows := r.rows()
		if len(rows) != 1 || rows[0].Slot != 0 || rows[0].Want != cluster.WantRun || rows[0].MemoryMiB != 128 || rows[0].CreatedAt.IsZero() {
			t.Fatalf("placed %+v", rows)
		}
		r.push(t)
		if err := r.Sleep(t.Context(), "shop_0"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if err := r.Wake(t.Context(), "shop_0"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if again := r.rows(); len(again) != 1 || again[0].ID != rows[0].ID || again[0].Want != cluster.WantRun {
			t.Errorf("after sleep and wake: %+v, want the same placement again", again)
		}
		if err := end(); err != nil {
			t.Errorf("hold ended with %v", err)
		}
	})
}

// The node passes the point of no return before the holder hears of it.
func TestPointOfNoReturnOnSQLite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReal(t, 1)
		end := r.run(t)
		if err := r.Wake(t.Context(), "shop_0"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		r.push(t)
		if err := r.Sleep(t.Context(), "shop_0"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		old := r.rows()[0]
		i, _ := r.feed.Snapshot().Instances.Get(old.ID)
		if marked, err := r.store.MarkStopping(t.Context(), *i, old.Version); !marked || err != nil {
			t.Fatalf("mark stopping: %v, %v", marked, err)
		}
		if err := r.Wake(t.Context(), "shop_0"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		rows := r.rows()
		if len(rows) != 2 || rows[0].ID != old.ID || rows[0].Want != cluster.WantStop || rows[1].Slot != 1 || rows[1].Want != cluster.WantRun {
			t.Errorf("placed %+v, want the old one stopping and a new one in slot 1", rows)
		}
		if err := end(); err != nil {
			t.Errorf("hold ended with %v", err)
		}
	})
}

func TestLateWriteIsRefusedOnSQLite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReal(t, 1)
		end := r.run(t)
		r.take(t, "n2")
		if err := r.Wake(t.Context(), "shop_0"); !errors.Is(err, cluster.ErrNotHolder) {
			t.Errorf("wake: %v, want ErrNotHolder", err)
		}
		if err := end(); !errors.Is(err, cluster.ErrFenced) {
			t.Errorf("hold ended with %v, want ErrFenced", err)
		}
		if len(r.rows()) > 0 {
			t.Error("placed without the role")
		}
	})
}

// From the call to the committed row.
func BenchmarkWakeOnSQLite(b *testing.B) {
	r := newReal(b, b.N)
	end := r.run(b)
	b.ResetTimer()
	for i := range b.N {
		if err := r.Wake(b.Context(), fmt.Sprintf("shop_%d", i)); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	if err := end(); err != nil {
		b.Fatal(err)
	}
}
