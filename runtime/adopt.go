package runtime

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"maelstrom/cluster"
)

const (
	recallWithin   = 2 * time.Second
	recallRetry    = time.Second
	recogniseAtOne = 64 // probes at a time
)

// Adopt takes over the containers that an earlier daemon left: those whose
// placement says run here at that version are probed once and published,
// others will be drained and removed by Run. An engine that does not answer is
// no error: Run adopts when it does. Call it before Run, with a snapshot.
func (a *Agent) Adopt(ctx context.Context) error {
	if err := a.recall(ctx); err != nil {
		a.log.Warn("earlier instances of this node not read; will retry", "error", err)
	}
	if err := a.look(ctx); err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("adopt containers: %w", ctx.Err())
		}
		a.keepReported()
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	var group errgroup.Group
	group.SetLimit(recogniseAtOne)
	for _, u := range a.units {
		if u.found.State == ContainerRunning && !u.orphan && u.target.want == cluster.WantRun && u.inst.State != cluster.InstanceStopping {
			group.Go(func() error { u.recognise(ctx, *u.found); return nil })
		}
	}
	group.Wait()
	var instances []cluster.Instance
	for _, u := range a.units {
		instances = append(instances, u.inst)
	}
	a.board.put(instances...)
	return nil
}

// followLedger reads the earlier instances if Adopt could not. It ends when
// that is done.
func (a *Agent) followLedger(ctx context.Context) error {
	for ctx.Err() == nil && !a.recalled() {
		if err := a.recall(ctx); err != nil {
			idle(ctx, recallRetry)
		}
	}
	return nil
}

func (a *Agent) recalled() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.previous != nil
}

// recall reads what this node reported before it was started again, so that
// placements keep their history and rows of what is gone go as well.
func (a *Agent) recall(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, recallWithin)
	defer cancel()
	lists, err := a.deps.Ledger.InstanceLists(ctx)
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.previous = map[string]cluster.Instance{}
	for _, l := range lists {
		for _, i := range l.Instances {
			if l.Node == a.opt.Node {
				a.previous[i.Placement] = i
			}
		}
	}
	if a.adopted {
		a.dropStaleLocked()
	}
	return nil
}

// keepReported goes on reporting the containers of the earlier daemon while
// the engine can't be asked about them: they may well serve.
func (a *Agent) keepReported() {
	a.mu.Lock()
	defer a.mu.Unlock()
	var kept []cluster.Instance
	for _, i := range a.previous {
		if i.ContainerID != "" && i.State != cluster.InstanceBackoff {
			kept = append(kept, i)
		}
	}
	a.board.put(kept...)
}

// StopAll drains and stops every container of this node. Call it after Run
// has returned, while the gateway still serves.
func (a *Agent) StopAll(ctx context.Context) error {
	containers, err := a.driver.List(ctx)
	if err != nil {
		return fmt.Errorf("stop all containers: %w", err)
	}
	var group errgroup.Group
	group.SetLimit(recogniseAtOne)
	for _, c := range instances(containers) {
		group.Go(func() error { return a.stopOne(ctx, c) })
	}
	err = group.Wait()
	a.board.writeLast(ctx, a.deps.Ledger, a.log)
	if err != nil {
		return fmt.Errorf("stop all containers: %w", err)
	}
	return nil
}

func (a *Agent) stopOne(ctx context.Context, c Container) error {
	u := a.unitOf(c)
	u.inst.State = cluster.InstanceDraining
	u.report()
	u.drained(ctx, u.spec.DrainTimeout())
	u.inst.State = cluster.InstanceStopping
	u.report()
	u.follow(ctx, c, time.Now()) // Run has ended, and what it followed with it
	defer func() { u.stopFollow() }()
	if err := u.remove(ctx, u.agent.opt.StopGrace); err != nil {
		return fmt.Errorf("stop container %s of %s: %w", c.ID, c.Component, err)
	}
	a.board.remove(c.Placement)
	return nil
}

// unitOf returns the unit of a container, a new one if it has none.
func (a *Agent) unitOf(c Container) *unit {
	snap := a.deps.Feed.Snapshot()
	row, _ := snap.Placements.Get(c.Placement)
	a.mu.Lock()
	defer a.mu.Unlock()
	u := a.units[c.Placement]
	if u == nil || u.inst.ContainerID != c.ID {
		u = a.addLocked(c.Placement, a.targetLocked(snap, row, c.Placement))
		u.adopt(c, true)
	}
	return u
}
