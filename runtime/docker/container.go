package docker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"

	"maelstrom/cluster"
	"maelstrom/runtime"
)

// Inspect returns one container of ours.
func (d *Driver) Inspect(ctx context.Context, id string) (runtime.Container, error) {
	found, err := d.owned(ctx, id)
	if err != nil {
		return runtime.Container{}, err
	}
	return d.describe(ctx, found), nil
}

// Stop ends a container of ours and removes it, with its anonymous volumes.
func (d *Driver) Stop(ctx context.Context, id string, grace time.Duration) error {
	err := d.stop(ctx, id, grace)
	if err != nil && !errors.Is(err, runtime.ErrNotFound) {
		return fmt.Errorf("stop container: %w", err)
	}
	return nil
}

func (d *Driver) stop(ctx context.Context, id string, grace time.Duration) error {
	found, err := d.owned(ctx, id)
	if err != nil {
		return err
	}
	if found.State.Running || found.State.Paused {
		seconds := int((max(grace, 0) + time.Second - 1) / time.Second)
		err := d.call(ctx, grace+slowTimeout, func(ctx context.Context) error {
			return d.client.ContainerStop(ctx, found.ID, container.StopOptions{Timeout: &seconds})
		})
		if err != nil {
			return err
		}
	}
	d.readers.wait(ctx, found.ID)
	if err := d.remove(ctx, found.ID); err != nil {
		return err
	}
	return d.files.started(found.Config.Labels[runtime.LabelPlacement], false)
}

// remove removes a container, running or not, and returns when it is gone.
func (d *Driver) remove(ctx context.Context, id string) error {
	return d.call(ctx, slowTimeout, func(ctx context.Context) error {
		err := d.client.ContainerRemove(ctx, id, container.RemoveOptions{RemoveVolumes: true, Force: true})
		switch {
		case errdefs.IsConflict(err): // somebody is removing it
			return d.awaitRemoval(ctx, id)
		case errdefs.IsNotFound(err):
			return nil
		}
		return err
	})
}

func (d *Driver) awaitRemoval(ctx context.Context, id string) error {
	done, failed := d.client.ContainerWait(ctx, id, container.WaitConditionRemoved)
	select {
	case <-done:
		return nil
	case err := <-failed:
		if errdefs.IsNotFound(err) {
			return nil
		}
		return err
	}
}

// describe turns the engine's words into ours.
func (d *Driver) describe(ctx context.Context, found container.InspectResponse) runtime.Container {
	labels := found.Config.Labels
	c := runtime.Container{
		ID:        found.ID,
		Name:      strings.TrimPrefix(found.Name, "/"),
		Placement: labels[runtime.LabelPlacement],
		Component: labels[runtime.LabelComponent],
		Version:   number(labels[runtime.LabelVersion]),
		Epoch:     number(labels[runtime.LabelEpoch]),
		Run:       cluster.RunKind(labels[runtime.LabelRun]),

		Provisional: labels[runtime.LabelProvisional] == "true",

		Image:      found.Config.Image,
		ImageID:    found.Image,
		State:      stateOf(found.State.Status),
		OOMKilled:  found.State.OOMKilled,
		Error:      found.State.Error,
		StartedAt:  moment(found.State.StartedAt),
		FinishedAt: moment(found.State.FinishedAt),
	}
	switch c.State {
	case runtime.ContainerExited:
		c.ExitCode = found.State.ExitCode
		if !c.FinishedAt.IsZero() && c.StartedAt.After(c.FinishedAt) {
			c.StartedAt = c.FinishedAt // it ended before the engine had noted the start
		}
	case runtime.ContainerRunning, runtime.ContainerPaused:
		c.FinishedAt = time.Time{}
		c.Address = d.address(ctx, endpoint{
			mode:      found.HostConfig.NetworkMode,
			port:      int(number(labels[labelPort])),
			networks:  found.NetworkSettings.Networks,
			published: found.NetworkSettings.Ports,
		})
	}
	return c
}

func stateOf(status container.ContainerState) runtime.ContainerState {
	switch status {
	case container.StateCreated:
		return runtime.ContainerCreated
	case container.StateRunning:
		return runtime.ContainerRunning
	case container.StatePaused:
		return runtime.ContainerPaused
	}
	return runtime.ContainerExited // removing, dead; restarting can't be: we ask for no restarts
}

// moment reads the engine's times, of which the zero one means never.
func moment(text string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, cmp.Or(text, "0001-01-01T00:00:00Z"))
	if err != nil || t.Year() <= 1 {
		return time.Time{}
	}
	return t
}

func number(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0 // a label that somebody changed: no version of ours
	}
	return n
}
