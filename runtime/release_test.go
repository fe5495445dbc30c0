package runtime_test

import (
	"context"
	"strings"
	"testing"

	"maelstrom/cluster"
	"maelstrom/project"
	"maelstrom/runtime"
	"maelstrom/runtime/fake"
)

// releases is all that a Releaser works with: one component whose release was
// started by a daemon that is gone.
type releases struct {
	snap     *cluster.Snapshot
	finished chan cluster.Run
	life     context.Context
}

func (r *releases) Snapshot() *cluster.Snapshot                   { return r.snap }
func (r *releases) Subscribe() (<-chan struct{}, func())          { return nil, func() {} }
func (r *releases) Hint()                                         {}
func (r *releases) WaitFor(context.Context, int64) error          { return nil }
func (r *releases) Remove(context.Context, string) error          { return nil }
func (r *releases) Hold(role string) (cluster.Hold, bool)         { return cluster.Hold{Role: role}, true }
func (r *releases) EndRun(context.Context, string) (int64, error) { return 1, nil }
func (r *releases) Reserve(context.Context, cluster.Run) error    { return nil }

func (r *releases) Add(role string, work func(context.Context, cluster.Hold) error) {
	go work(r.life, cluster.Hold{Role: role})
}

func (r *releases) StartRun(context.Context, string, *cluster.Hold) (int64, error) {
	return 0, cluster.ErrConflict
}

func (r *releases) FinishRelease(_ context.Context, run cluster.Run, _ cluster.Event) (int64, error) {
	select {
	case r.finished <- run:
	default:
	}
	return 1, nil
}

func TestAReleaseInDoubtFailsAndIsNotRunAgain(t *testing.T) {
	spec := project.Component{Name: "web", Image: "web", ReleaseCommand: []string{"migrate"}}
	effective := spec.Effective()
	r := &releases{life: t.Context(), finished: make(chan cluster.Run, 1), snap: cluster.NewSnapshot().With(cluster.ChangeSet{
		Number: 1, Full: true,
		Components: map[string]*cluster.ComponentRow{"web": {Spec: &spec, Effective: &effective, Version: 1, RestartVersion: 1}},
		Runs:       map[string]*cluster.Run{"r": {ID: "r", Kind: cluster.RunRelease, Component: "web", Version: 1, Node: "n", State: cluster.RunStarted}},
	})}
	driver := fake.New(fake.Options{Cluster: "c", Node: "n", Images: map[string]fake.Image{"web": {}}})
	runner := runtime.NewRunner(runtime.RunnerOptions{Node: "n", Epoch: func() int64 { return 2 }},
		runtime.RunnerDeps{Driver: driver, Feed: r, Ledger: r, Reserver: r})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- runtime.NewReleaser(runner, r).Run(ctx) }()
	run := <-r.finished
	cancel()
	<-ended
	if run.State != cluster.RunFailed || !strings.Contains(run.Message, "maelctl comp restart web") {
		t.Errorf("release in doubt ended as %+v", run)
	}
	if starts := driver.Engine().Counts().Starts; starts != 0 {
		t.Errorf("%d containers were started", starts)
	}
}
