package docker

import (
	"testing"

	"github.com/docker/docker/api/types/container"
)

func TestMemoryInUse(t *testing.T) {
	for _, c := range []struct {
		name string
		m    container.MemoryStats
		want int64
	}{
		{"version 1", container.MemoryStats{Usage: 100, Stats: map[string]uint64{"total_inactive_file": 30, "inactive_file": 10}}, 70},
		{"version 2", container.MemoryStats{Usage: 100, Stats: map[string]uint64{"inactive_file": 40}}, 60},
		{"not running", container.MemoryStats{}, 0},
		{"read at two moments", container.MemoryStats{Usage: 10, Stats: map[string]uint64{"inactive_file": 40}}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := inUse(c.m); got != c.want {
				t.Errorf("%d bytes are in use, want %d", got, c.want)
			}
		})
	}
}
