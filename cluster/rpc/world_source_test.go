package rpc

import (
	"context"
	"errors"
	"testing"

	"maelstrom/cluster"
	"maelstrom/cluster/store"
	"maelstrom/cluster/store/sqlitetest"
	"maelstrom/project"
	"maelstrom/reconcile"
)

// stored is a world over a database of its own: sources, controls, events and
// projects are what the store has.
type stored struct {
	*world
	store  *store.Store
	feed   *cluster.Feed
	client *Client
	probe  fakeProbe
}

// fakeProbe answers a try, and keeps what was tried.
type fakeProbe struct {
	spec    *cluster.Source
	secrets cluster.SourceSecrets
	told    *cluster.Notifier
	secret  string
	err     error
}

func (p *fakeProbe) TestSource(_ context.Context, spec *cluster.Source, secrets cluster.SourceSecrets) (TestSourceAnswer, error) {
	p.spec, p.secrets = spec, secrets
	return TestSourceAnswer{
		Fetched: true, Revision: "abc", Files: []TestedFile{{Path: "maelstrom.yml", Project: "shop", Components: 1, Valid: true}},
		Problems: []project.Problem{}, Reason: cluster.ReasonFetched,
	}, p.err
}

func (p *fakeProbe) TestNotifier(_ context.Context, spec *cluster.Notifier, secret string) (TestNotifierAnswer, error) {
	p.told, p.secret = spec, secret
	return TestNotifierAnswer{Delivered: true, Message: "200 OK"}, p.err
}

func newStored(t testing.TB) *stored {
	t.Helper()
	s := &stored{world: newWorld(t), store: sqlitetest.Open(t)}
	s.feed = cluster.NewFeed(s.store, cluster.FeedOptions{})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.feed.Run(ctx) // ends with ctx
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	<-s.feed.Ready()
	deps := s.server.deps
	deps.Declarations, deps.Store, deps.Feed = applier{reconcile.Applier{Store: s.store}}, s.store, s.feed
	deps.Sources, deps.Notifiers, deps.Events, deps.Probe = s.store, s.store, s.store, &s.probe
	deps.Roles = func() []Role { return []Role{{Role: cluster.RoleReconcile("shop"), Holder: testNode}} }
	s.server = NewServer(deps)
	s.client, _, _ = s.port()
	return s
}

// applier plans and writes as the daemon's does.
type applier struct{ reconcile.Applier }

func (a applier) Diff(context.Context, Declaration) (DiffAnswer, error) {
	return DiffAnswer{}, errors.New("not here")
}

func (a applier) Apply(ctx context.Context, d Declaration) (ApplyAnswer, error) {
	out, err := a.Applier.Apply(ctx, reconcile.Request{
		Project: d.Project, Where: d.Positions, Prune: true, TakeOver: d.Adopt, Source: d.Source,
		SourceRevision: d.SourceRevision, Actor: d.Actor, RequestID: d.RequestID,
	})
	return ApplyAnswer{Changes: out.Changes, Revision: out.Revision, ChangeNumber: out.ChangeNumber}, err
}

func (a applier) Remove(ctx context.Context, r Removal) (ApplyAnswer, error) {
	out, err := a.Applier.Remove(ctx, reconcile.Removal{Name: r.Name, Actor: r.Actor, RequestID: r.RequestID})
	return ApplyAnswer{Changes: out.Changes, Revision: out.Revision, ChangeNumber: out.ChangeNumber}, err
}

// add stores a source in a directory.
func (s *stored) add(name string) SourceInfo {
	s.t.Helper()
	answer, err := s.client.PutSource(s.t.Context(), PutSourceRequest{Spec: &cluster.Source{Name: name, Dir: "/srv/" + name}, Actor: "ann"})
	if err != nil {
		s.t.Fatal(err)
	}
	return answer.Source
}

// own applies a project on behalf of a source.
func (s *stored) own(source, name string) {
	s.t.Helper()
	loaded := project.Load(project.Input{File: "maelstrom.yml", Data: []byte("name: " + name + "\ncomponents:\n  web: {image: web}\n")})
	if loaded.Project == nil {
		s.t.Fatal(loaded.Problems)
	}
	out, err := applier{reconcile.Applier{Store: s.store}}.Apply(s.t.Context(), Declaration{
		Project: loaded.Project, Source: source, SourceRevision: "c0ffee", Actor: "loop", RequestID: cluster.NewID(), Adopt: true,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.feed.WaitFor(s.t.Context(), out.ChangeNumber); err != nil {
		s.t.Fatal(err)
	}
}

// tell writes what the loop of a source knows.
func (s *stored) tell(w cluster.StatusWrite) {
	s.t.Helper()
	number, err := s.store.WriteSourceStatus(s.t.Context(), w)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.feed.WaitFor(s.t.Context(), number); err != nil {
		s.t.Fatal(err)
	}
}

// failing is what a loop says of a file that does not parse.
func failing(source, path, name string) cluster.ProjectStatus {
	bad := func(kind cluster.ConditionType, status cluster.ConditionStatus) cluster.Condition {
		return cluster.Condition{
			Type: kind, Status: status, Reason: cluster.ReasonParseError, Message: "cannot be read", ObservedRevision: "beef", LastTransition: started,
		}
	}
	return cluster.ProjectStatus{
		Source: source, Path: path, Project: name, Attempted: "beef", LastGood: "c0ffee", Digest: "d", Files: []string{path},
		Conditions: []cluster.Condition{bad(cluster.ConditionStalled, cluster.StatusTrue), bad(cluster.ConditionSynced, cluster.StatusFalse)},
		Problems:   []project.Problem{{Rule: "MAEL001", Severity: project.Error, File: path, Line: 3, Column: 5, Message: "no YAML"}},
	}
}

func good(source, path, name string) cluster.ProjectStatus {
	return cluster.ProjectStatus{
		Source: source, Path: path, Project: name, Attempted: "c0ffee", LastGood: "c0ffee", Applied: 1, Digest: "d", Files: []string{path},
		Conditions: []cluster.Condition{{
			Type: cluster.ConditionSynced, Status: cluster.StatusTrue, Reason: cluster.ReasonApplied, ObservedRevision: "c0ffee", LastTransition: started,
		}},
	}
}
