package runtime_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
	"maelstrom/runtime"
	"maelstrom/runtime/fake"
)

// commands is all that a Runner works with for commands: a role that nobody
// holds before a moment.
type commands struct {
	releases
	taken time.Time
	asked int
}

func (c *commands) Reserve(context.Context, cluster.Run) error {
	if c.asked++; time.Now().Before(c.taken) {
		return cluster.ErrNotHolder
	}
	return nil
}

func (c *commands) StartRun(context.Context, string, *cluster.Hold) (int64, error) { return 1, nil }

func commandWorld(takenAfter time.Duration) (*runtime.Runner, *commands) {
	spec := project.Component{Name: "web", Image: "web"}
	effective := spec.Effective()
	c := &commands{taken: time.Now().Add(takenAfter)}
	c.snap = cluster.NewSnapshot().With(cluster.ChangeSet{
		Number: 1, Full: true,
		Components: map[string]*cluster.ComponentRow{"web": {Spec: &spec, Effective: &effective, Version: 1, RestartVersion: 1}},
	})
	driver := fake.New(fake.Options{Cluster: "c", Node: "n", Images: map[string]fake.Image{"web": {}}})
	return runtime.NewRunner(runtime.RunnerOptions{Node: "n", Epoch: func() int64 { return 2 }},
		runtime.RunnerDeps{Driver: driver, Feed: c, Ledger: c, Reserver: c}), c
}

// A command that comes while the role is being taken waits for it, and not for
// ever where nobody takes it.
func TestACommandWaitsForTheRole(t *testing.T) {
	for _, c := range []struct {
		name  string
		after time.Duration
		err   error
		took  time.Duration
	}{
		{"held", 0, nil, 0},
		{"being taken", 950 * time.Millisecond, nil, time.Second},
		{"held by nobody", time.Hour, cluster.ErrNotHolder, 10 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				runner, role := commandWorld(c.after)
				began := time.Now()
				code, err := runner.Command(t.Context(), runtime.CommandOrder{Component: "web", Command: []string{"true"}}, runtime.Terminal{})
				if !errors.Is(err, c.err) || err == nil && code != 0 {
					t.Errorf("exit code %d, %v; want %v", code, err, c.err)
				}
				if took := time.Since(began); took != c.took {
					t.Errorf("after %s, want %s; asked %d times", took, c.took, role.asked)
				}
			})
		})
	}
}

// The end of the daemon ends the wait too.
func TestACommandThatWaitsForTheRoleEndsWithTheDaemon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		runner, _ := commandWorld(time.Hour)
		ended := make(chan error, 1)
		go func() {
			_, err := runner.Command(t.Context(), runtime.CommandOrder{Component: "web"}, runtime.Terminal{})
			ended <- err
		}()
		synctest.Wait()
		began := time.Now()
		if err := runner.End(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := <-ended; err == nil || errors.Is(err, cluster.ErrNotHolder) || time.Since(began) != 0 {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
	})
}
