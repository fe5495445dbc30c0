package cron

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"maelstrom/cluster"
	"maelstrom/cluster/store"
	"maelstrom/cluster/store/sqlitetest"
	"maelstrom/project"
)

// real is a real SQLite file and feed, with two jobs that are due at ten.
type real struct {
	store  *store.Store
	feed   *cluster.Feed
	sender *sender
	work   *sync.WaitGroup
}

// playReal runs a test in a bubble that begins at 09:58.
func playReal(t *testing.T, test func(*testing.T, *real)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		<-time.After(time.Until(time.Date(2026, 3, 1, 9, 58, 0, 0, time.UTC)))
		ctx, cancel := context.WithCancel(t.Context())
		s := sqlitetest.Open(t)
		r := &real{store: s, feed: cluster.NewFeed(s, cluster.FeedOptions{}), sender: &sender{}, work: &sync.WaitGroup{}}
		defer func() {
			cancel()
			r.work.Wait()
		}()
		r.work.Go(func() { r.feed.Run(ctx) })
		r.apply(t, "ten", "also-ten")
		test(t, r)
	})
}

// apply declares the jobs by these names and no others.
func (r *real) apply(t *testing.T, names ...string) {
	t.Helper()
	p := &project.Project{Name: "shop", Components: []project.Component{{Name: "shop_web", Project: "shop", Image: "app"}}}
	for _, name := range names {
		p.EventSources = append(p.EventSources, project.EventSource{Name: "shop_" + name, Project: "shop", Component: "shop_web", Cron: &project.CronSource{
			Schedule: "0 10 * * *", HTTP: project.CronHTTP{Method: "POST", Path: "/job", Data: "x"},
		}})
	}
	_, err := r.store.ApplyProject(t.Context(), cluster.ApplyRequest{Desired: p, RequestID: rid(names), Plan: func(s cluster.ProjectState) (cluster.ProjectWrite, error) {
		var w cluster.ProjectWrite
		if _, there := s.Components["shop_web"]; !there {
			w.PutComponents = []cluster.ComponentWrite{{Spec: &p.Components[0]}}
		}
		wanted := map[string]bool{}
		for i := range p.EventSources {
			wanted[p.EventSources[i].Name] = true
			if _, there := s.EventSources[p.EventSources[i].Name]; !there {
				w.PutEventSources = append(w.PutEventSources, cluster.EventSourceWrite{Spec: &p.EventSources[i]})
			}
		}
		for name, row := range s.EventSources {
			if !wanted[name] {
				w.RemoveEventSources = append(w.RemoveEventSources, cluster.ObjectVersion{Name: name, Version: row.Version})
			}
		}
		return w, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	r.feed.Hint()
	synctest.Wait()
}

func rid(names []string) string {
	id := "apply"
	for _, n := range names {
		id += " " + n
	}
	return id
}

// hold takes the role for a node of its own.
func (r *real) hold(t *testing.T, node string) (end func() error) {
	t.Helper()
	observed := cluster.Lease{Role: cluster.RoleCron}
	leases, err := r.store.Leases(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range leases {
		if l.Role == cluster.RoleCron {
			observed = l
		}
	}
	l, ok, err := r.store.TakeLease(t.Context(), observed, node)
	if err != nil || !ok {
		t.Fatalf("take lease: %v, %v", ok, err)
	}
	c := New(Options{}, Deps{Feed: r.feed, Ledger: r.store, Sender: r.sender})
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	r.work.Go(func() {
		result <- c.Hold(ctx, cluster.Hold{Role: l.Role, Holder: l.Holder, Fence: l.Fence})
		c.Drain(context.WithoutCancel(ctx))
	})
	synctest.Wait()
	return func() error {
		cancel()
		return <-result
	}
}

func TestFailoversOnSQLiteFireOnce(t *testing.T) {
	playReal(t, func(t *testing.T, r *real) {
		first := r.hold(t, "n1")
		until(t, "10:00:05")
		// Renamed, restarted, failed over, and the old holder goes on unaware.
		r.apply(t, "ten-oclock", "also-ten")
		second := r.hold(t, "n2")
		until(t, "10:00:20")
		if err := second(); err != nil {
			t.Errorf("second holder: %v", err)
		}
		third := r.hold(t, "n3")
		until(t, "10:30:00")
		equal(t, "sent", r.sender.times(), []string{"10:00:00", "10:00:00"})
		for _, end := range []func() error{first, third} {
			if err := end(); err != nil {
				t.Errorf("hold ended with %v", err)
			}
		}
		for _, name := range []string{"shop_ten", "shop_also-ten"} {
			rows, err := r.store.LastFirings(t.Context(), name, 10)
			if err != nil || len(rows) != 1 || rows[0].Status != http.StatusOK || rows[0].FinishedAt.IsZero() || rows[0].Component != "shop_web" {
				t.Errorf("firings of %s: %+v, %v", name, rows, err)
			}
		}
	})
}

func TestStaleHolderOnSQLiteFiresNothing(t *testing.T) {
	playReal(t, func(t *testing.T, r *real) {
		first := r.hold(t, "n1")
		until(t, "09:59:00")
		second := r.hold(t, "n2")
		if err := second(); err != nil {
			t.Error(err)
		}
		until(t, "10:30:00")
		equal(t, "sent", r.sender.times(), nil)
		if err := first(); !errors.Is(err, cluster.ErrFenced) {
			t.Errorf("stale hold ended with %v, want ErrFenced", err)
		}
	})
}
