package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"

	"maelstrom/cluster"
	"maelstrom/project"
)

// database is an empty, migrated database; each store of it stands for
// another daemon.
type database struct {
	driver, dsn string
}

func (d database) open(t testing.TB) *Store {
	t.Helper()
	s, err := Open(t.Context(), Options{Driver: d.driver, DSN: d.dsn, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// The small world of the tests: components and event sources by short names.

func component(owner, name, image string) *project.Component {
	return &project.Component{Name: name, Project: owner, Image: image}
}

func route(owner, name, component, host string) *project.EventSource {
	return &project.EventSource{Name: name, Project: owner, Component: component, HTTP: &project.HTTPSource{Hostname: host}}
}

func cron(owner, name, component, schedule string) *project.EventSource {
	return &project.EventSource{Name: name, Project: owner, Component: component,
		Cron: &project.CronSource{Schedule: schedule, HTTP: project.CronHTTP{Method: "GET", Path: "/"}}}
}

func projectOf(name string, objects ...any) *project.Project {
	p := &project.Project{Name: name}
	for _, o := range objects {
		switch o := o.(type) {
		case *project.Component:
			p.Components = append(p.Components, *o)
		case *project.EventSource:
			p.EventSources = append(p.EventSources, *o)
		}
	}
	return p
}

// conflicts is what the test's plan returns for foreign claims.
type conflicts struct{ claims []cluster.Claim }

func (c *conflicts) Error() string { return fmt.Sprintf("%d conflicts", len(c.claims)) }

// planFor is a plain planner: everything that differs is put, the rest removed.
func planFor(p *project.Project) func(cluster.ProjectState) (cluster.ProjectWrite, error) {
	return func(state cluster.ProjectState) (cluster.ProjectWrite, error) {
		w := cluster.ProjectWrite{Content: p}
		if len(state.Foreign) > 0 {
			return w, &conflicts{state.Foreign}
		}
		wanted := map[string]bool{}
		for i := range p.Components {
			c := &p.Components[i]
			wanted[c.Name] = true
			if old, ok := state.Components[c.Name]; !ok || !equalJSON(old.Spec, c) {
				w.PutComponents = append(w.PutComponents, cluster.ComponentWrite{Spec: c, Version: old.Version})
			}
		}
		for i := range p.EventSources {
			e := &p.EventSources[i]
			wanted["es "+e.Name] = true
			if old, ok := state.EventSources[e.Name]; !ok || !equalJSON(old.Spec, e) {
				w.PutEventSources = append(w.PutEventSources, cluster.EventSourceWrite{Spec: e, Version: old.Version})
			}
		}
		for name, row := range state.Components {
			if !wanted[name] {
				w.RemoveComponents = append(w.RemoveComponents, cluster.ObjectVersion{Name: name, Version: row.Version})
			}
		}
		for name, row := range state.EventSources {
			if !wanted["es "+name] {
				w.RemoveEventSources = append(w.RemoveEventSources, cluster.ObjectVersion{Name: name, Version: row.Version})
			}
		}
		return w, nil
	}
}

func equalJSON(a, b any) bool {
	x, errX := encode(a)
	y, errY := encode(b)
	return errors.Join(errX, errY) == nil && x == y
}

func request(p *project.Project) cluster.ApplyRequest {
	return cluster.ApplyRequest{Desired: p, Actor: "test", Plan: planFor(p)}
}

func apply1(t *testing.T, s *Store, p *project.Project) cluster.ApplyResult {
	t.Helper()
	result, err := s.ApplyProject(t.Context(), request(p))
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func removeRequest(name string) cluster.ApplyRequest {
	return cluster.ApplyRequest{Desired: &project.Project{Name: name}, Actor: "test",
		Plan: func(cluster.ProjectState) (cluster.ProjectWrite, error) {
			return cluster.ProjectWrite{RemoveProject: true, Summary: "removed"}, nil
		}}
}

// all reads everything that readers are told of.
func all(t *testing.T, s *Store) cluster.ChangeSet {
	t.Helper()
	cs, err := s.Changes(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	return cs
}

func number(t *testing.T, s *Store) int64 {
	t.Helper()
	n, err := s.ChangeNumber(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// take takes a role for a node.
func take(t *testing.T, s *Store, role, holder string) cluster.Hold {
	t.Helper()
	l, err := s.lease(t.Context(), role)
	if err != nil {
		t.Fatal(err)
	}
	taken, ok, err := s.TakeLease(t.Context(), l, holder)
	if err != nil || !ok {
		t.Fatalf("TakeLease: %v, %v", ok, err)
	}
	return cluster.Hold{Role: role, Holder: holder, Fence: taken.Fence}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantError(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error %v, want %v", err, want)
	}
}

var _ cluster.ChangeReader = (*Store)(nil)

func TestOpenRefuses(t *testing.T) {
	for _, opt := range []Options{
		{Driver: "oracle", DSN: "x"},
		{Driver: "sqlite", DSN: ""},
		{Driver: "sqlite", DSN: ":memory:"},
		{Driver: "sqlite", DSN: filepath.Join(t.TempDir(), "missing", "x.db")},
		{Driver: "mysql", DSN: "no address"},
		{Driver: "postgres", DSN: "postgres://host:notaport/x"},
	} {
		if s, err := Open(t.Context(), opt); err == nil {
			t.Errorf("Open(%v) succeeded", opt)
			s.Close()
		}
	}
}

func TestServerThatIsAwayIsAnErrorOfPingNotOfOpen(t *testing.T) {
	for _, opt := range []Options{
		{Driver: "postgres", DSN: "postgres://x@127.0.0.1:1/x?sslmode=disable"},
		{Driver: "mysql", DSN: "x@tcp(127.0.0.1:1)/x"},
	} {
		s, err := Open(t.Context(), opt)
		must(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		if err := s.Ping(ctx); err == nil {
			t.Errorf("%s: Ping succeeded", opt.Driver)
		}
		if err := s.Migrate(ctx, "test"); err == nil {
			t.Errorf("%s: Migrate succeeded", opt.Driver)
		}
		cancel()
		must(t, s.Close())
	}
}
