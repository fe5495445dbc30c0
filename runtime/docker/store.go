package docker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/system"

	"maelstrom/runtime"
)

// noName is what old engines show in place of the name that an image has lost.
const noName = "<none>"

var _ runtime.ImageInspector = (*Driver)(nil)

func (d *Driver) inspectImage(ctx context.Context, name string) (found image.InspectResponse, err error) {
	err = d.call(ctx, quickTimeout, func(ctx context.Context) (err error) {
		found, err = d.client.ImageInspect(ctx, name)
		return err
	})
	if errors.Is(err, runtime.ErrNotFound) {
		err = fmt.Errorf("%w: %s", runtime.ErrImageMissing, name)
	}
	if err != nil {
		return found, fmt.Errorf("inspect image: %w", err)
	}
	return found, nil
}

// ImageDetails implements runtime.ImageInspector.
func (d *Driver) ImageDetails(ctx context.Context, id string) (runtime.ImageDetails, error) {
	found, err := d.inspectImage(ctx, id)
	if err != nil {
		return runtime.ImageDetails{}, err
	}
	details := runtime.ImageDetails{OS: found.Os, Architecture: found.Architecture}
	if found.Config != nil {
		for port := range found.Config.ExposedPorts {
			details.Exposed = append(details.Exposed, string(port))
		}
	}
	slices.Sort(details.Exposed)
	return details, nil
}

// Image returns the image that a name or an id stands for now.
func (d *Driver) Image(ctx context.Context, name string) (runtime.Image, error) {
	found, err := d.inspectImage(ctx, name)
	if err != nil {
		return runtime.Image{}, err
	}
	return runtime.Image{
		ID: found.ID, Names: named(found.RepoTags), Digests: named(found.RepoDigests), SizeBytes: found.Size,
	}, nil
}

// Images returns every image of the engine, and which of them a container uses.
func (d *Driver) Images(ctx context.Context) ([]runtime.Image, error) {
	var summaries []image.Summary
	used := map[string]bool{}
	err := d.call(ctx, listTimeout, func(ctx context.Context) (err error) {
		if summaries, err = d.client.ImageList(ctx, image.ListOptions{}); err != nil {
			return err
		}
		containers, err := d.client.ContainerList(ctx, container.ListOptions{All: true})
		for _, c := range containers {
			used[c.ImageID] = true
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list images: %w", err)
	}
	images := make([]runtime.Image, 0, len(summaries))
	for _, s := range summaries {
		images = append(images, runtime.Image{
			ID: s.ID, Names: named(s.RepoTags), Digests: named(s.RepoDigests), SizeBytes: s.Size, InUse: used[s.ID],
		})
	}
	return images, nil
}

func named(references []string) []string {
	var names []string
	for _, r := range references {
		if !strings.Contains(r, noName) {
			names = append(names, r)
		}
	}
	return names
}

// RemoveImage takes a name away, and the image with its last one. It never
// forces: what the engine says is in use stays.
func (d *Driver) RemoveImage(ctx context.Context, name string) error {
	err := d.call(ctx, slowTimeout, func(ctx context.Context) error {
		_, err := d.client.ImageRemove(ctx, name, image.RemoveOptions{PruneChildren: true})
		return err
	})
	if err != nil && !errors.Is(err, runtime.ErrNotFound) {
		return fmt.Errorf("remove image %s: %w", name, err)
	}
	return nil
}

// WatchImages sends when a name may stand for another image.
func (d *Driver) WatchImages(ctx context.Context) <-chan struct{} {
	filter := filters.NewArgs(filters.Arg("type", string(events.ImageEventType)))
	for _, action := range []events.Action{
		events.ActionPull, events.ActionTag, events.ActionUnTag, events.ActionDelete, events.ActionLoad, events.ActionImport,
	} {
		filter.Add("event", string(action))
	}
	return d.watchEvents(ctx, filter, func(events.Message) {})
}

// DataRoot is the directory of the engine's images; empty where that is not on
// this host.
func (d *Driver) DataRoot(ctx context.Context) (string, error) {
	facts, err := d.facts(ctx)
	if err != nil {
		return "", err
	}
	if facts.away || !strings.HasPrefix(d.client.DaemonHost(), "unix://") {
		return "", nil
	}
	if _, err := os.Stat(facts.dataRoot); err != nil {
		return "", nil // it is another host's, or another container's
	}
	return facts.dataRoot, nil
}

func isDesktop(info system.Info) bool {
	return strings.Contains(info.OperatingSystem, "Docker Desktop")
}
