package daemon

import (
	"context"
	"errors"
	"strings"

	"maelstrom/cluster/rpc"
	"maelstrom/project"
	"maelstrom/runtime"
)

// startRuns lets this node run commands and release versions.
func (d *Daemon) startRuns(base context.Context) {
	runner := runtime.NewRunner(runtime.RunnerOptions{
		Node:        d.node,
		Epoch:       func() int64 { return d.identity.Load().Epoch },
		PrivateURL:  d.bridges.privateURL,
		NameServers: d.bridges.nameServers,
		Hosts:       d.bridges.hosts,
		Logger:      d.part("runs"),
	}, runtime.RunnerDeps{Driver: d.driver, Images: d.depot.Load(), Feed: d.feed, Ledger: d.store, Reserver: decisions{d}})
	d.runner.Store(runner)
	d.tasks.start(base, "runs", d.failed, runner.Run)
	d.tasks.start(base, "releases", d.failed, runtime.NewReleaser(runner, d.keeper).Run)
}

// endRuns stops the commands of clients. A release goes on in its container.
func (d *Daemon) endRuns() {
	if runner := d.runner.Load(); runner != nil {
		d.step("commands end", drainLimit, runner.End)
	}
	d.tasks.end(d.log, "releases", stepLimit)
	d.tasks.end(d.log, "runs", stepLimit)
}

// commands implements rpc.Commander.
type commands struct{ daemon *Daemon }

// RunCommand implements rpc.Commander.
func (c commands) RunCommand(ctx context.Context, order rpc.CommandOrder, streams rpc.CommandStreams) (int, error) {
	runner := c.daemon.runner.Load()
	if runner == nil {
		return 0, errStarting
	}
	command := runtime.CommandOrder{Component: order.Component, Command: order.Command, Image: order.Image, Notice: streams.Notice}
	for _, text := range order.Environment {
		name, value, ok := strings.Cut(text, "=")
		if !ok || name == "" {
			return 0, errors.New("an environment variable is not NAME=value")
		}
		command.Environment = append(command.Environment, project.EnvVar{Name: name, Value: value})
	}
	return runner.Command(ctx, command, terminal(ctx, order, streams))
}

// ExecCommand implements rpc.Commander.
func (c commands) ExecCommand(ctx context.Context, order rpc.CommandOrder, streams rpc.CommandStreams) (int, error) {
	runner := c.daemon.runner.Load()
	if runner == nil {
		return 0, errStarting
	}
	return runner.Exec(ctx, runtime.ExecOrder{Component: order.Component, Instance: order.Instance, Command: order.Command}, terminal(ctx, order, streams))
}

func terminal(ctx context.Context, order rpc.CommandOrder, streams rpc.CommandStreams) runtime.Terminal {
	sizes := make(chan runtime.Size, 1)
	go func() {
		for {
			select {
			case size := <-streams.Resize:
				select {
				case sizes <- runtime.Size(size):
				case <-ctx.Done():
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	return runtime.Terminal{Stdin: streams.Stdin, Stdout: streams.Stdout, Stderr: streams.Stderr, TTY: order.TTY, Resize: sizes}
}
