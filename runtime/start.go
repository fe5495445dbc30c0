package runtime

import (
	"context"
	"errors"
	"fmt"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

// startWithin bounds one call of the engine, not the container's own start.
const startWithin = 2 * time.Minute

// launch starts the placement's container, with a pull where it is needed.
func (u *unit) launch(ctx context.Context) phase {
	t := u.asked()
	if t.want == cluster.WantStop {
		return nil
	}
	u.inst.State, u.inst.BackoffUntil = cluster.InstanceStarting, time.Time{}
	u.inst.ImageID = ""
	u.spec = t.startable()
	if u.spec == nil {
		return u.await
	}
	if f := u.agent.admit(u, t.row.MemoryMiB); f != nil {
		return u.fail(f)
	}
	began := time.Now()
	u.inst.Image, u.inst.LaunchedAt = u.spec.Image, began
	u.report()
	c, err := u.start(ctx, t)
	switch {
	case ctx.Err() != nil, errors.Is(err, errStopWanted):
		return nil
	case err != nil:
		return u.fail(startFailure(err, u.spec))
	}
	u.hold(c)
	u.report()
	u.follow(ctx, c, time.Time{})
	u.log.Info("container started", "container", c.ID, "address", c.Address, "took", time.Since(began))
	return u.awaitReady
}

// await holds a placement whose component can't be started from what this
// node knows: the scheduler replaces it, or the database comes back.
func (u *unit) await(ctx context.Context) phase {
	u.inst.Message = "its version of the component is not stored any more; waiting to be replaced"
	switch t := u.asked(); {
	case t.restored:
		u.inst.Message = "the database is away; nothing is started until it answers"
	case t.frozen:
		u.inst.Message = "this node is cut off; it starts nothing until it reaches the database"
	}
	u.report()
	work, done := u.during(ctx, stopWanted, startable)
	defer done()
	<-work.Done()
	u.inst.Message = ""
	return u.launch
}

func (u *unit) start(ctx context.Context, t target) (Container, error) {
	if err := u.fetch(ctx, t, u.agent.deps.Images.Refresh); err != nil {
		return Container{}, err
	}
	c, err := u.create(ctx, t)
	if errors.Is(err, ErrImageMissing) {
		if err := u.fetch(ctx, t, u.agent.deps.Images.Pull); err != nil {
			return Container{}, err
		}
		c, err = u.create(ctx, t)
	}
	if errors.Is(err, ErrConflict) {
		return u.takeOver(ctx, t)
	}
	return c, err
}

// create waits for its turn and starts a container. A start under way is not
// cut short when the placement changes its mind: that is dealt with after it.
func (u *unit) create(ctx context.Context, t target) (Container, error) {
	work, done := u.during(ctx, stopWanted)
	err := u.agent.starts.Acquire(work, 1)
	cause := context.Cause(work)
	done()
	if err != nil {
		return Container{}, cause
	}
	defer u.agent.starts.Release(1)
	limited, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	return u.agent.driver.Start(limited, Spec{
		Placement:   u.id,
		Component:   u.spec,
		Version:     t.row.PlacedVersion,
		Epoch:       u.agent.opt.Epoch,
		Provisional: u.agent.board.isOwn(u.id),
		Environment: u.environment(t),
		NameServers: nameServers(u.agent.opt.NameServers, u.spec),
		Hosts:       hosts(u.agent.opt.Hosts, u.spec),
	})
}

func (u *unit) environment(t target) []project.EnvVar {
	url := ""
	if u.agent.opt.PrivateURL != nil {
		url = u.agent.opt.PrivateURL(u.spec.NetworkName)
	}
	return project.ContainerEnvironment(u.spec, t.row.PlacedVersion, url)
}

// nameServers asks for those of a component that names none.
func nameServers(of func(networkName string) []string, c *project.Component) []string {
	if of == nil || len(c.DNS) > 0 {
		return nil
	}
	return of(c.NetworkName)
}

// hosts asks for what a component knows of names that says nothing of them.
func hosts(of func(*project.Component) []string, c *project.Component) []string {
	if of == nil || len(c.DNS) > 0 {
		return nil
	}
	return of(c)
}

// fetch brings the image here by one of the two ways, and reports how far it
// has come. It ends early when the placement wants to stop.
func (u *unit) fetch(ctx context.Context, t target, by func(context.Context, PullOrder) error) error {
	work, done := u.during(ctx, stopWanted)
	defer done()
	var told time.Time
	err := by(work, PullOrder{Component: u.spec, Version: t.row.PlacedVersion, Progress: func(percent int) {
		if percent > 0 && time.Since(told) < progressEvery {
			return
		}
		told = time.Now()
		u.inst.State, u.inst.PullPercent = cluster.InstancePulling, percent
		u.report()
	}})
	if cause := context.Cause(work); err != nil && cause != nil {
		return cause
	}
	u.inst.PullPercent = 0
	if err == nil && u.inst.State == cluster.InstancePulling {
		u.inst.State = cluster.InstanceStarting
		u.report()
	}
	return err
}

// takeOver deals with a container that the placement has already: a start
// whose answer was lost, or one that could not be removed.
func (u *unit) takeOver(ctx context.Context, t target) (Container, error) {
	containers, err := u.agent.driver.List(ctx)
	if err != nil {
		return Container{}, err
	}
	for _, c := range containers {
		if c.Placement != u.id {
			continue
		}
		if c.State == ContainerRunning && c.Version == t.row.PlacedVersion {
			return c, nil
		}
		if err := u.agent.driver.Stop(ctx, c.ID, u.agent.opt.StopGrace); err != nil {
			return Container{}, err
		}
		return u.create(ctx, t)
	}
	return Container{}, fmt.Errorf("%w: one that is not of this node and cluster", ErrConflict)
}
