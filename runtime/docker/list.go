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
// One that had an event is inspected whatever its summary says: the engine
// sends the event first and updates what it lists a moment later.
func (d *Driver) List(ctx context.Context) ([]runtime.Container, error) {
	d.listing.Lock()
	defer d.listing.Unlock()
	list, err := d.list(ctx)
	if err != nil {
		d.seen = nil // what had an event may not have been inspected
		return nil, fmt.Errorf("list containers: %w", err)
	}
	return list, nil
}

func (d *Driver) list(ctx context.Context) ([]runtime.Container, error) {
	for id := range d.takeTouched() {
		delete(d.seen, id)
	}
	var summaries []container.Summary
	err := d.call(ctx, quickTimeout, func(ctx context.Context) (err error) {
		summaries, err = d.client.ContainerList(ctx, container.ListOptions{All: true, Filters: d.ours()})
		return err
	})
	if err != nil {
		return nil, err
	}
	seen := make(map[string]inspected, len(summaries))
	var list []runtime.Container
	for _, summary := range summaries {
		known, err := d.inspectIfChanged(ctx, summary)
		switch {
		case errors.Is(err, runtime.ErrNotFound): // removed since it was listed
			continue
		case err != nil:
			return nil, err
		}
		seen[summary.ID] = known
		list = append(list, known.container)
	}
	d.seen = seen
	if err := d.files.sweep(list); err != nil {
		d.log.Warn("files of containers that are gone are left", "error", err)
	}
	return list, nil
}

// touch notes that a container had an event.
func (d *Driver) touch(id string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.touched[id] = struct{}{}
}

func (d *Driver) takeTouched() map[string]struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	touched := d.touched
	d.touched = make(map[string]struct{})
	return touched
}

func (d *Driver) inspectIfChanged(ctx context.Context, summary container.Summary) (inspected, error) {
	mark := markOf(summary)
	known, ok := d.seen[summary.ID]
	if ok && known.mark == mark {
		return known, nil
	}
	found, err := d.Inspect(ctx, summary.ID)
	return inspected{mark: mark, container: found}, err
}

// markOf changes with all that a container's description depends on and a
// summary shows, for containers whose events nobody follows.
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
