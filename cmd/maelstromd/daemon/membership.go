package daemon

import (
	"context"
	"errors"
	"net"
	"os"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"maelstrom/cluster"
	"maelstrom/cluster/rpc"
)

const (
	statusPeriod = time.Minute
	// engineCheck is how soon a change of the engine's state is in the node's
	// row. It compares two strings; nothing is written while they are equal.
	engineCheck = time.Second
)

// membership is what this node does as a member of its cluster: it joins if
// the start could not, then holds roles and writes its status until ctx ends.
func (d *Daemon) membership(ctx context.Context, joined bool) error {
	if !joined {
		if err := d.joinLoop(ctx); err != nil {
			return err
		}
		d.unjoined = false
		// The node has a new epoch: what it reports must carry it.
		if err := d.startAgent(ctx, context.WithoutCancel(ctx)); err != nil {
			return err
		}
		d.log.Info("database is back: joined")
		if err := d.issueTokens(ctx); err != nil {
			return err
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return d.keeper.Run(ctx) })
	group.Go(func() error { return d.statusLoop(ctx) })
	group.Go(func() error { return d.inventoryLoop(ctx) })
	group.Go(func() error { return d.watchStanding(ctx) })
	group.Go(func() error { return d.watchNodes(ctx) })
	group.Go(func() error { return d.starts.Run(ctx, d.feed) })
	return group.Wait()
}

// issueTokens makes the operator's first token count, and one for maelctl on
// this machine.
func (d *Daemon) issueTokens(ctx context.Context) error {
	if d.opt.APIToken != "" {
		if err := d.keys.Ensure(ctx, rpc.FirstTokenName, d.opt.APIToken); err != nil {
			d.log.Warn("API token is not stored yet", "error", err)
		}
	}
	client, err := rpc.ReadClientFile(d.dir.path)
	if err != nil || client.Token == "" {
		client.Token = rpc.NewSecret() // none yet, or damaged: a new one replaces it
	}
	client.URL = d.localURL()
	if err := d.keys.Ensure(ctx, rpc.LocalTokenName(d.node), client.Token); err != nil {
		d.log.Warn("local token is not stored yet", "error", err)
	}
	return d.dir.writeClientFile(client)
}

func (d *Daemon) localAddress() string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(d.opt.PrivatePort))
}

func (d *Daemon) localURL() string { return "http://" + d.localAddress() }

// statusLoop writes the node's row once a minute, when its engine goes down or
// comes back, and when it has something else of what components need.
func (d *Daemon) statusLoop(ctx context.Context) error {
	status := time.NewTicker(statusPeriod)
	defer status.Stop()
	engine := time.NewTicker(engineCheck)
	defer engine.Stop()
	d.learnMemory(ctx)
	zones := ""
	written, at := d.engine(), time.Now()
	if err := d.writeStatus(ctx, d.nodeState()); err != nil {
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-engine.C:
			shown := time.Since(at) < aliveEvery || !d.unheard()
			if d.engine() == written && !d.lost() && !d.disowned() && shown {
				continue
			}
		case <-d.stocked:
		case <-status.C:
			zones = d.tellZones(d.feed.Snapshot(), zones)
		}
		if d.cutOff() {
			continue // it would be lost again, after something was placed here
		}
		at = time.Now()
		if written = d.engine(); written == "" && d.memory.Load() == 0 {
			d.learnMemory(ctx)
		}
		if err := d.writeStatus(ctx, d.nodeState()); err != nil {
			return err
		}
	}
}

func (d *Daemon) nodeState() cluster.NodeState {
	if d.leaving.Load() {
		return cluster.NodeLeaving
	}
	return cluster.NodeUp
}

// writeStatus writes the node's row. Only ErrSuperseded, and that it was
// removed, is returned: a database that is away gets the next one.
func (d *Daemon) writeStatus(ctx context.Context, state cluster.NodeState) error {
	ctx, cancel := context.WithTimeout(ctx, stepLimit)
	defer cancel()
	err := d.store.WriteNode(ctx, d.status(state))
	if errors.Is(err, cluster.ErrSuperseded) || errors.Is(err, cluster.ErrNotFound) {
		return err
	}
	if err != nil && ctx.Err() == nil {
		d.log.Debug("status is not written", "error", err)
	}
	d.feed.Hint() // and what it finds is told to other nodes
	return nil
}

// status is this node as its row shall tell.
func (d *Daemon) status(state cluster.NodeState) cluster.Node {
	host := readHost()
	memory := d.opt.TotalMemoryMiB
	if memory < 0 {
		memory = host.memoryMiB
		if known := d.memory.Load(); known > 0 {
			memory = known
		}
	}
	name, _ := os.Hostname() // for people only
	node := cluster.Node{
		ID: d.node, Name: name, Address: d.address(), State: state, Version: d.opt.Version,
		StartedAt: d.started, CPUCount: host.cpus,
		Load1m: host.load[0], Load5m: host.load[1], Load15m: host.load[2],
		MemoryTotalMiB: memory, Engine: d.engine(), Labels: d.labels(name), Peers: d.hub != nil,
		CronZone: d.opt.CronZone.String(),
	}
	if have := d.inventory.Load(); have != nil {
		node.Images, node.Mounts = have.images, have.mounts
	}
	if have := d.disks.Load(); have != nil {
		node.Disks = *have
	}
	if id := d.identity.Load(); id != nil {
		node.Epoch = id.Epoch
	}
	return node
}
