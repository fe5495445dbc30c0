package docker

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/system"

	"maelstrom/runtime"
)

// engine is what starting a container depends on and the engine alone knows.
type engine struct {
	logDriver string // the default one

	// elsewhere: bridges are not on this host even if their addresses seem to
	// be (rootless engines and Docker Desktop use the same default ranges).
	elsewhere bool

	dataRoot string // as the engine sees it
	away     bool   // it runs in a machine of its own
}

// Info tells whether the engine answers, and what it is.
func (d *Driver) Info(ctx context.Context) (runtime.EngineInfo, error) {
	var info system.Info
	err := d.call(ctx, quickTimeout, func(ctx context.Context) (err error) {
		info, err = d.client.Info(ctx)
		return err
	})
	if err != nil {
		return runtime.EngineInfo{}, fmt.Errorf("ask engine: %w", err)
	}
	d.mu.Lock()
	d.engine = engineOf(info)
	d.mu.Unlock()
	return runtime.EngineInfo{
		Name:           "docker",
		Version:        info.ServerVersion,
		APIVersion:     d.client.ClientVersion(),
		MemoryTotalMiB: info.MemTotal / mib,
		CPUCount:       info.NCPU,
		Architecture:   architecture(info.Architecture),
	}, nil
}

// architecture is what images call an architecture that the kernel names.
func architecture(kernel string) string {
	switch kernel {
	case "x86_64":
		return "amd64"
	case "aarch64":
		return "arm64"
	case "armv7l", "armv6l":
		return "arm"
	case "i386", "i686":
		return "386"
	}
	return kernel
}

// facts returns what the last Info told, asking once if there was none.
func (d *Driver) facts(ctx context.Context) (engine, error) {
	d.mu.Lock()
	known := d.engine
	d.mu.Unlock()
	if known != nil {
		return *known, nil
	}
	if _, err := d.Info(ctx); err != nil {
		return engine{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return *d.engine, nil
}

func engineOf(info system.Info) *engine {
	rootless := slices.ContainsFunc(info.SecurityOptions, func(option string) bool {
		return strings.Contains(option, "name=rootless")
	})
	return &engine{
		logDriver: info.LoggingDriver,
		elsewhere: rootless || isDesktop(info),
		dataRoot:  info.DockerRootDir,
		away:      isDesktop(info),
	}
}
