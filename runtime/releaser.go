package runtime

import (
	"context"
	"errors"
	"maps"
	"time"

	"maelstrom/cluster"
)

// Roles are the jobs that one node does at a time.
type Roles interface {
	Add(role string, work func(ctx context.Context, hold cluster.Hold) error)
	Remove(ctx context.Context, role string) error
	Hold(role string) (cluster.Hold, bool)
}

// Releaser sees to it that the release command of each new version is run
// before the version is rolled out, once, under the role start/<component>.
type Releaser struct {
	runner *Runner
	roles  Roles
	held   map[string]bool // components whose role was added
}

// NewReleaser returns a Releaser.
func NewReleaser(runner *Runner, roles Roles) *Releaser {
	return &Releaser{runner: runner, roles: roles, held: map[string]bool{}}
}

// Run follows the declared versions until ctx ends.
func (r *Releaser) Run(ctx context.Context) error {
	changed, cancel := r.runner.deps.Feed.Subscribe()
	defer cancel()
	for {
		r.follow(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		case <-time.After(releaseRetry):
		}
	}
}

// follow adds the roles that there is work for, and removes the others.
func (r *Releaser) follow(ctx context.Context) {
	snap := r.runner.deps.Feed.Snapshot()
	if snap.Number == 0 || snap.Restored {
		return
	}
	due := r.due(snap)
	for component := range maps.Clone(r.held) {
		if due[component] {
			continue
		}
		if err := r.roles.Remove(ctx, cluster.RoleStart(component)); err != nil {
			return // ctx has ended
		}
		delete(r.held, component)
	}
	for component := range due {
		if !r.held[component] {
			r.held[component] = true
			r.roles.Add(cluster.RoleStart(component), func(ctx context.Context, hold cluster.Hold) error {
				return r.hold(ctx, component, hold)
			})
		}
	}
}

// due are the components that have something to release here: memory is
// reserved by the holder of the role placement.
func (r *Releaser) due(snap *cluster.Snapshot) map[string]bool {
	due := map[string]bool{}
	for _, run := range snap.Runs.All() {
		if run.Kind == cluster.RunRelease && !run.Ended() && run.Node == r.runner.opt.Node {
			due[run.Component] = true
		}
	}
	if _, places := r.roles.Hold(cluster.RolePlacement); !places {
		return due
	}
	for component, row := range snap.Unreleased.All() {
		if run := released(snap, row); run == nil || !run.Ended() {
			due[component] = true
		}
	}
	return due
}

// released is the run of a declared version; nil: there is none yet.
func released(snap *cluster.Snapshot, row *cluster.ComponentRow) *cluster.Run {
	key := cluster.ReleaseKey(row.Spec.Name, row.RestartVersion)
	for _, run := range snap.Runs.All() {
		if run.Kind == cluster.RunRelease && run.Key() == key {
			return run
		}
	}
	return nil
}

// hold releases a component while this node has its role: one version after
// the other, for a release under way is never cut short.
func (r *Releaser) hold(ctx context.Context, component string, hold cluster.Hold) error {
	changed, cancel := r.runner.deps.Feed.Subscribe()
	defer cancel()
	for ctx.Err() == nil {
		err := r.step(ctx, component, hold)
		if errors.Is(err, cluster.ErrFenced) {
			return err
		}
		if err != nil && ctx.Err() == nil {
			r.runner.log.Warn("release waits", "component", component, "error", err)
		}
		select {
		case <-ctx.Done():
		case <-changed:
		case <-time.After(releaseRetry):
		}
	}
	return nil
}

// step does what is next: an unfinished release first, then the reservation
// for the version that is declared now.
func (r *Releaser) step(ctx context.Context, component string, hold cluster.Hold) error {
	snap := r.runner.deps.Feed.Snapshot()
	for _, run := range snap.Runs.All() {
		if run.Kind == cluster.RunRelease && run.Component == component && !run.Ended() {
			if run.Node != r.runner.opt.Node {
				return nil // that node goes on with it
			}
			return r.runner.release(ctx, *run, hold)
		}
	}
	row, ok := snap.Unreleased.Get(component)
	if !ok || released(snap, row) != nil {
		return nil
	}
	err := r.runner.deps.Reserver.Reserve(ctx, cluster.Run{
		ID: cluster.NewID(), Kind: cluster.RunRelease, Component: component, Version: row.RestartVersion,
		Node: r.runner.opt.Node, MemoryMiB: row.Effective.ReserveMemory,
	})
	if errors.Is(err, cluster.ErrConflict) {
		return nil // it is there, and will be seen
	}
	return err
}
