package docker

import (
	"context"
	"errors"
	"fmt"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"

	"maelstrom/project"
	"maelstrom/runtime"
)

// Start creates and starts the container of a placement. Beyond the engine's
// own create and start it costs one inspect, for the address.
func (d *Driver) Start(ctx context.Context, spec runtime.Spec) (runtime.Container, error) {
	started, err := d.start(ctx, spec)
	if err != nil {
		return runtime.Container{}, fmt.Errorf("start container of %s: %w", spec.Component.Name, err)
	}
	return started, nil
}

// start keeps the component's files as long as there is a container: one that
// had the placement before is told by a conflict.
func (d *Driver) start(ctx context.Context, spec runtime.Spec) (runtime.Container, error) {
	mounts, err := d.files.prepare(spec.Placement, spec.Component.Files)
	if err != nil {
		return runtime.Container{}, errors.Join(err, d.files.started(spec.Placement, false))
	}
	found, err := d.startWith(ctx, spec, mounts)
	if len(spec.Component.Files) > 0 {
		exists := err == nil || errors.Is(err, runtime.ErrConflict) || errors.Is(err, runtime.ErrEngineDown)
		err = errors.Join(err, d.files.started(spec.Placement, exists))
	}
	return found, err
}

func (d *Driver) startWith(ctx context.Context, spec runtime.Spec, mounts []mount.Mount) (runtime.Container, error) {
	id, err := d.create(ctx, spec, mounts)
	if err != nil {
		return runtime.Container{}, err
	}
	err = d.call(ctx, slowTimeout, func(ctx context.Context) error {
		return classifyStart(d.client.ContainerStart(ctx, id, container.StartOptions{}))
	})
	if err != nil {
		return runtime.Container{}, errors.Join(err, d.discard(ctx, id))
	}
	found, err := d.Inspect(ctx, id)
	if err != nil {
		return runtime.Container{}, errors.Join(err, d.discard(ctx, id))
	}
	return found, nil
}

func (d *Driver) create(ctx context.Context, spec runtime.Spec, mounts []mount.Mount) (string, error) {
	facts, err := d.facts(ctx)
	if err != nil {
		return "", err
	}
	config := d.configOf(spec)
	if t := spec.Terminal; t != nil {
		config.OpenStdin, config.StdinOnce, config.Tty = t.Stdin != nil, t.Stdin != nil, t.TTY
	}
	host, err := hostConfigOf(spec, facts.logDriver)
	if err != nil {
		return "", err
	}
	host.Mounts = append(host.Mounts, mounts...)
	if spec.Run == "" {
		if err := d.openPorts(ctx, spec.Component, config, host); err != nil {
			return "", err
		}
	}
	name := containerName(spec.Component.Name, spec.Placement)
	var created container.CreateResponse
	err = d.call(ctx, slowTimeout, func(ctx context.Context) (err error) {
		created, err = d.client.ContainerCreate(ctx, config, host, nil, nil, name)
		return classifyCreate(err)
	})
	if err == nil {
		return created.ID, nil
	}
	if ctx.Err() != nil || errors.Is(err, runtime.ErrEngineDown) {
		d.discardUnstarted(ctx, name)
	}
	return "", err
}

func (d *Driver) openPorts(ctx context.Context, c *project.Component, config *container.Config, host *container.HostConfig) error {
	publish, err := d.mustPublish(ctx, c, host.NetworkMode)
	if err != nil {
		return err
	}
	return addPorts(config, host, c, publish)
}

// mustPublish tells whether the container's port has to be published to be
// reached from this host.
func (d *Driver) mustPublish(ctx context.Context, c *project.Component, mode container.NetworkMode) (bool, error) {
	switch {
	case mode.IsNone():
		return false, fmt.Errorf("%w: networkname: none leaves no way to reach the container", runtime.ErrInvalidSpec)
	case mode.IsHost(), mode.IsContainer():
		return false, nil
	}
	reachable, err := d.reachable(ctx, networkOf(c.NetworkName))
	return !reachable, err
}

// discard removes a container that could not be started.
func (d *Driver) discard(ctx context.Context, id string) error {
	ctx = context.WithoutCancel(ctx)
	err := d.remove(ctx, id)
	if err != nil {
		return fmt.Errorf("remove what did not start: %w", err)
	}
	return nil
}

// discardUnstarted removes what a create that was cut off may have left. A
// container that was started holds the name by right and is left alone.
func (d *Driver) discardUnstarted(ctx context.Context, name string) {
	ctx = context.WithoutCancel(ctx)
	found, err := d.owned(ctx, name)
	if err == nil && found.State.Status == container.StateCreated {
		err = d.remove(ctx, found.ID)
	}
	if err != nil && !errors.Is(err, runtime.ErrNotFound) {
		d.log.Warn("container of a start that was cut off may be left", "container", name, "error", err)
	}
}
