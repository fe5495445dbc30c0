package docker

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/docker/docker/api/types/container"

	"maelstrom/runtime"
)

// inspected is what List remembers of a container: a summary tells neither
// times nor exit codes, and one inspect for each container and call would slow
// the engine down just when much happens.
type inspected struct {
	mark      string // of the summary that it was inspected after
	container runtime.Container
}

// List returns the containers of this cluster and node, exited ones included.
func (d *Driver) List(ctx context.Context) ([]runtime.Container, error) {
	var summaries []container.Summary
	err := d.call(ctx, quickTimeout, func(ctx context.Context) (err error) {
		summaries, err = d.client.ContainerList(ctx, container.ListOptions{All: true, Filters: d.ours()})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list containers: %w", err)
	}
	seen := make(map[string]inspected, len(summaries))
	var list []runtime.Container
	for _, summary := range summaries {
		known, err := d.inspectIfChanged(ctx, summary)
		switch {
		case errors.Is(err, runtime.ErrNotFound): // removed since it was listed
			continue
		case err != nil:
			return nil, fmt.Errorf("list containers: %w", err)
		}
		seen[summary.ID] = known
		list = append(list, known.container)
	}
	d.mu.Lock()
	d.seen = seen
	d.mu.Unlock()
	return list, nil
}

func (d *Driver) inspectIfChanged(ctx context.Context, summary container.Summary) (inspected, error) {
	mark := markOf(summary)
	d.mu.Lock()
	known, ok := d.seen[summary.ID]
	d.mu.Unlock()
	if ok && known.mark == mark {
		return known, nil
	}
	found, err := d.Inspect(ctx, summary.ID)
	return inspected{mark: mark, container: found}, err
}

// markOf changes with all that a container's description depends on and a
// summary shows. Nothing in a stopped or running container changes unseen but
// by a restart by hand to the same state and address.
func markOf(summary container.Summary) string {
	var ports []string
	for _, port := range summary.Ports {
		ports = append(ports, fmt.Sprint(port))
	}
	slices.Sort(ports)
	address := ""
	if summary.NetworkSettings != nil {
		address = ownAddress(summary.NetworkSettings.Networks)
	}
	return fmt.Sprint(summary.State, address, ports)
}
