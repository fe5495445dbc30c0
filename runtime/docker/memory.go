package docker

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/docker/docker/api/types/container"
)

// MemoryUse implements runtime.Driver. It is one call: the engine is asked for
// no second sample, as it would for the use of processors.
func (d *Driver) MemoryUse(ctx context.Context, id string) (int64, error) {
	var stats container.StatsResponse
	err := d.call(ctx, quickTimeout, func(ctx context.Context) error {
		answer, err := d.client.ContainerStatsOneShot(ctx, id)
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		return json.NewDecoder(answer.Body).Decode(&stats)
	})
	if err != nil {
		return 0, fmt.Errorf("read memory of container: %w", err)
	}
	return inUse(stats.MemoryStats), nil
}

// inUse leaves out the files that the kernel keeps in memory but has not used
// for a while, by the name that each version of control groups has for them.
func inUse(m container.MemoryStats) int64 {
	cached, ok := m.Stats["total_inactive_file"]
	if !ok {
		cached = m.Stats["inactive_file"]
	}
	return int64(m.Usage - min(cached, m.Usage))
}
