package daemon

import (
	"context"
	"errors"
	"time"

	"maelstrom/cluster"
	"maelstrom/runtime"
)

// startAgent adopts this node's containers and keeps them equal to its
// placements from then on. A running Agent, of an earlier epoch, ends first.
func (d *Daemon) startAgent(ctx, base context.Context) error {
	d.tasks.end(d.log, "agent", stepLimit)
	first := int64(0)
	if d.hub != nil && d.agent.Load() == nil {
		// The epoch may be that of the daemon before, if this one has not joined.
		first = time.Now().UnixMicro()
	}
	agent := runtime.NewAgent(d.driver, runtime.Options{
		Node:        d.node,
		Epoch:       d.identity.Load().Epoch,
		FirstList:   first,
		PrivateURL:  d.bridges.privateURL,
		NameServers: d.bridges.nameServers,
		Hosts:       d.bridges.hosts,
		Dial:        d.sur.Dial,
		Logger:      d.part("agent"),
	}, runtime.Deps{Feed: d.agentFeed(), Ledger: d.store, Images: d.depot.Load(), Drainer: d.gateway, Activity: d.gateway, Rings: d.rings, VolumesMade: d.volumesMade})
	if err := agent.Adopt(ctx); err != nil {
		return err
	}
	d.agent.Store(agent)
	d.tasks.start(base, "agent", d.failed, d.agentLoop(agent.Run))
	return nil
}

// agentLoop is the loop of an Agent. Before this start has joined, its epoch is
// that of the one before; what it writes as the database is back may come just
// after the join, and is refused: another Agent is about to follow.
func (d *Daemon) agentLoop(run func(context.Context) error) func(context.Context) error {
	if !d.unjoined {
		return run
	}
	return func(ctx context.Context) error {
		err := run(ctx)
		if errors.Is(err, cluster.ErrSuperseded) {
			<-ctx.Done()
			return ctx.Err()
		}
		return err
	}
}

// engine is empty while the container engine answers, else why it doesn't.
func (d *Daemon) engine() string {
	if agent := d.agent.Load(); agent != nil {
		return agent.Engine()
	}
	return ""
}

// learnMemory asks the engine how much memory its host has: it can be another
// host than the one whose /proc the daemon sees.
func (d *Daemon) learnMemory(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, stepLimit)
	defer cancel()
	if info, err := d.driver.Info(ctx); err == nil {
		d.memory.Store(info.MemoryTotalMiB)
		d.arch.Store(info.Architecture)
	}
}
