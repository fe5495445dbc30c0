package docker

import (
	"context"
	"fmt"
	"slices"

	"github.com/docker/docker/api/types/volume"

	"maelstrom/runtime"
)

var _ runtime.VolumeLister = (*Driver)(nil)

// VolumeNames implements runtime.VolumeLister.
func (d *Driver) VolumeNames(ctx context.Context) ([]string, error) {
	var found volume.ListResponse
	err := d.call(ctx, listTimeout, func(ctx context.Context) (err error) {
		found, err = d.client.VolumeList(ctx, volume.ListOptions{})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list volumes: %w", err)
	}
	names := make([]string, 0, len(found.Volumes))
	for _, v := range found.Volumes {
		names = append(names, v.Name)
	}
	slices.Sort(names)
	return names, nil
}
