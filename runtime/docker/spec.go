package docker

import (
	"fmt"
	"maps"
	"strconv"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/go-connections/nat"
	"github.com/docker/go-units"

	"maelstrom/project"
	"maelstrom/runtime"
)

const mib = 1 << 20

// minReservation is the least that an engine accepts as a memory reservation.
const minReservation = 6 * mib

// labelPort holds the port that a container is dialled at, so that a daemon
// that adopts it needn't know the spec it was started from.
const labelPort = "maelstrom.port"

// containerName derives from the placement id, which is unique across
// clusters: starting a placement twice is a conflict of names.
func containerName(component, placement string) string {
	return "maelstrom-" + component + "-" + placement
}

// configOf is what the container is: image, command, environment, labels.
func (d *Driver) configOf(spec runtime.Spec) *container.Config {
	c := spec.Component
	config := &container.Config{
		Image:      c.Image,
		Cmd:        c.Command,
		Entrypoint: c.Entrypoint,
		Env:        environment(spec.Environment),
		User:       c.User,
		Hostname:   c.Hostname,
		Domainname: c.DomainName,
		Labels: map[string]string{
			runtime.LabelMaelstrom: "true",
			runtime.LabelComponent: c.Name,
			runtime.LabelVersion:   strconv.FormatInt(spec.Version, 10),
			runtime.LabelCluster:   d.opt.ClusterID,
			runtime.LabelNode:      d.opt.Node,
			runtime.LabelPlacement: spec.Placement,
			runtime.LabelEpoch:     strconv.FormatInt(spec.Epoch, 10),
			labelPort:              strconv.Itoa(c.HTTPPort),
		},
	}
	if spec.Run != "" {
		config.Labels[runtime.LabelRun] = string(spec.Run)
	}
	if spec.Provisional {
		config.Labels[runtime.LabelProvisional] = "true"
	}
	return config
}

// hostConfigOf is how the container runs: limits, mounts, network.
func hostConfigOf(spec runtime.Spec, logDriver string) (*container.HostConfig, error) {
	c := spec.Component
	ulimits, err := parseUlimits(c.Ulimits)
	if err != nil {
		return nil, err
	}
	servers := c.DNS
	if len(servers) == 0 {
		servers = spec.NameServers
	}
	config := &container.HostConfig{
		NetworkMode: container.NetworkMode(c.NetworkName),
		Mounts:      mountsOf(c.Volumes),
		DNS:         servers,
		DNSOptions:  c.DNSOptions,
		DNSSearch:   c.DNSSearch,
		ExtraHosts:  spec.Hosts,
		CapAdd:      c.CapAdd,
		CapDrop:     c.CapDrop,
		LogConfig:   logConfigOf(c, logDriver),
		Resources: container.Resources{
			Memory:            c.LimitMemory * mib,
			MemoryReservation: max(c.ReserveMemory*mib, minReservation),
			CPUShares:         c.CPUShares,
			Ulimits:           ulimits,
		},
	}
	if c.ContainerInit {
		config.Init = &c.ContainerInit
	}
	return config, nil
}

// addPorts publishes the component's host ports and, where the container can't
// be dialled at its own address, its HTTP port on loopback at a free number.
func addPorts(config *container.Config, host *container.HostConfig, c *project.Component, publish bool) error {
	exposed, bindings, err := nat.ParsePortSpecs(c.Ports)
	if err != nil {
		return fmt.Errorf("%w: ports: %s", runtime.ErrInvalidSpec, err)
	}
	http := httpPort(c.HTTPPort)
	if publish {
		bindings[http] = append(bindings[http], nat.PortBinding{HostIP: loopback})
	}
	if !host.NetworkMode.IsContainer() {
		exposed[http] = struct{}{}
	}
	config.ExposedPorts, host.PortBindings = exposed, bindings
	return nil
}

func httpPort(port int) nat.Port { return nat.Port(strconv.Itoa(port) + "/tcp") }

// logConfigOf bounds the logs of json-file, which grow without end by default,
// and leaves any other default of the engine alone. What the driver named
// maelstrom adds happens in the daemon.
func logConfigOf(c *project.Component, engineDefault string) container.LogConfig {
	if c.LogDriver != "" && c.LogDriver != "maelstrom" {
		return container.LogConfig{Type: c.LogDriver, Config: c.LogDriverOptions}
	}
	if engineDefault != "json-file" {
		return container.LogConfig{Type: engineDefault, Config: c.LogDriverOptions}
	}
	options := map[string]string{"max-size": "10m", "max-file": "3"}
	maps.Copy(options, c.LogDriverOptions)
	return container.LogConfig{Type: "json-file", Config: options}
}

// mountsOf uses mounts rather than binds: for those a missing source is an
// error, for binds the engine would create an empty directory.
func mountsOf(volumes []project.Volume) []mount.Mount {
	var mounts []mount.Mount
	for _, v := range volumes {
		mounts = append(mounts, mount.Mount{
			Type:     mount.Type(v.Type),
			Source:   v.Source,
			Target:   v.Target,
			ReadOnly: v.ReadOnly,
		})
	}
	return mounts
}

func parseUlimits(texts []string) ([]*container.Ulimit, error) {
	var limits []*container.Ulimit
	for _, text := range texts {
		limit, err := units.ParseUlimit(text)
		if err != nil {
			return nil, fmt.Errorf("%w: ulimits: %s", runtime.ErrInvalidSpec, err)
		}
		limits = append(limits, limit)
	}
	return limits, nil
}

func environment(vars []project.EnvVar) []string {
	texts := make([]string, 0, len(vars))
	for _, v := range vars {
		texts = append(texts, v.Name+"="+v.Value)
	}
	return texts
}
