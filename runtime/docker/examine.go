package docker

import (
	"context"
	"fmt"

	"github.com/docker/docker/api/types/system"

	"maelstrom/runtime"
)

// Details asks the engine for more than a start of containers depends on.
func (d *Driver) Details(ctx context.Context) (runtime.EngineDetails, error) {
	basic, err := d.Info(ctx)
	if err != nil {
		return runtime.EngineDetails{}, err
	}
	var info system.Info
	err = d.call(ctx, quickTimeout, func(ctx context.Context) (err error) {
		info, err = d.client.Info(ctx)
		return err
	})
	if err != nil {
		return runtime.EngineDetails{}, fmt.Errorf("ask engine: %w", err)
	}
	return runtime.EngineDetails{
		EngineInfo:    basic,
		StorageDriver: info.Driver,
		CgroupVersion: info.CgroupVersion,
		MemoryLimits:  info.MemoryLimit,
		Warnings:      info.Warnings,
	}, nil
}
