package rpc

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

const reservedPrefix = "MAELSTROM_" // of names that a component can't set

// millis is t as the original's API writes times; zero stays zero.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// toComponent reads c as a component of a project. What the shape can't
// express, and secrets that came back masked, are kept from old, if any.
func (c *origComponent) toComponent(projectName string, old *project.Component) project.Component {
	if old == nil {
		old = &project.Component{}
	}
	out := project.Component{
		Name:                    project.FullName(projectName, strings.TrimSpace(c.Name)),
		Project:                 projectName,
		Environment:             environment(c.Environment, old.Environment),
		MinInstances:            c.MinInstances,
		MaxInstances:            c.MaxInstances,
		MaxInstancesPerNode:     c.MaxInstancesPerNode,
		MaxConcurrency:          c.MaxConcurrency,
		SoftConcurrencyLimit:    c.SoftConcurrencyLimit,
		ScaleUpConcurrencyPct:   c.ScaleUpConcurrencyPct,
		ScaleDownConcurrencyPct: c.ScaleDownConcurrencyPct,
		MaxDurationSeconds:      c.MaxDurationSeconds,
		StartParallelism:        project.StartParallelism(c.StartParallelism),
		RestartOrder:            project.RestartOrder(c.RestartOrder),

		DrainSeconds: old.DrainSeconds,
		Protocol:     old.Protocol,
		User:         old.User,
		Hostname:     old.Hostname,
		DomainName:   old.DomainName,
		CapAdd:       old.CapAdd,
		CapDrop:      old.CapDrop,
	}
	if c.Docker != nil {
		c.Docker.fill(&out, old)
	}
	return out
}

func (d *origDocker) fill(out *project.Component, old *project.Component) {
	out.Image = d.Image
	out.Command, out.Entrypoint = d.Command, d.Entrypoint
	out.HTTPPort, out.HTTPHealthCheckPath = d.HTTPPort, d.HTTPHealthCheckPath
	out.HTTPStartHealthCheckSeconds = d.HTTPStartHealthCheckSeconds
	out.HTTPHealthCheckSeconds = d.HTTPHealthCheckSeconds
	out.HTTPHealthCheckMaxFailures = d.HTTPHealthCheckMaxFailures
	out.HealthCheckFailedCommand = d.HealthCheckFailedCommand
	out.IdleTimeoutSeconds = d.IdleTimeoutSeconds
	out.Ports, out.NetworkName = d.Ports, d.NetworkName
	out.LogDriver = d.LogDriver
	out.CPUShares, out.ReserveMemory, out.LimitMemory = d.CPUShares, d.ReserveMemoryMiB, d.LimitMemoryMiB
	out.PullCommand, out.PullUsername = d.PullCommand, d.PullUsername
	out.PullPassword = unmask(d.PullPassword, old.PullPassword)
	out.PullImageOnPut, out.PullImageOnStart = d.PullImageOnPut, d.PullImageOnStart
	out.DNS, out.DNSOptions, out.DNSSearch = d.DNS, d.DNSOptions, d.DNSSearch
	out.Ulimits, out.ContainerInit = d.Ulimits, d.Init
	for _, v := range d.Volumes {
		out.Volumes = append(out.Volumes, v.ours())
	}
	if len(d.LogDriverOptions) > 0 {
		out.LogDriverOptions = map[string]string{}
		for _, o := range d.LogDriverOptions {
			out.LogDriverOptions[o.Name] = unmask(o.Value, old.LogDriverOptions[o.Name])
		}
	}
}

func (v origVolume) ours() project.Volume {
	return project.Volume{Type: v.Type, Source: v.Source, Target: v.Target, ReadOnly: v.ReadOnly}
}

// environment merges what was sent: sorted, the last of a name wins, reserved
// names are dropped.
func environment(sent []origNameValue, old []project.EnvVar) []project.EnvVar {
	known := map[string]string{}
	for _, v := range old {
		known[v.Name] = v.Value
	}
	values := map[string]string{}
	for _, v := range sent {
		if !strings.HasPrefix(v.Name, reservedPrefix) {
			values[v.Name] = unmask(v.Value, known[v.Name])
		}
	}
	var out []project.EnvVar
	for _, name := range slices.Sorted(maps.Keys(values)) {
		out = append(out, project.EnvVar{Name: name, Value: values[name]})
	}
	return out
}

// unmask gives a secret back that a client read masked and sends unchanged.
func unmask(sent, stored string) string {
	if sent == project.Hidden && stored != "" {
		return stored
	}
	return sent
}

// origFromRow shows a stored component as it was written, secrets masked. What
// the shape always carries has its effective value.
func origFromRow(row *cluster.ComponentRow) origComponent {
	c := origFromComponent(row.Spec)
	c.Version, c.ModifiedAt = row.Version, millis(row.ModifiedAt)
	return c
}

func origFromComponent(spec *project.Component) origComponent {
	effective := spec.Effective()
	out := origComponent{
		Name:                    spec.Name,
		ProjectName:             spec.Project,
		Environment:             []origNameValue{},
		MinInstances:            spec.MinInstances,
		MaxInstances:            spec.MaxInstances,
		MaxInstancesPerNode:     spec.MaxInstancesPerNode,
		MaxConcurrency:          effective.MaxConcurrency,
		SoftConcurrencyLimit:    spec.SoftConcurrencyLimit,
		ScaleUpConcurrencyPct:   spec.ScaleUpConcurrencyPct,
		ScaleDownConcurrencyPct: spec.ScaleDownConcurrencyPct,
		MaxDurationSeconds:      spec.MaxDurationSeconds,
		StartParallelism:        string(spec.StartParallelism),
		RestartOrder:            string(spec.RestartOrder),
		Docker:                  origFromDocker(spec),
	}
	out.Docker.HTTPPort, out.Docker.HTTPHealthCheckPath = effective.HTTPPort, effective.HTTPHealthCheckPath
	for _, v := range spec.Environment {
		out.Environment = append(out.Environment, origNameValue{Name: v.Name, Value: project.MaskValue(v.Name, v.Value)})
	}
	return out
}

func origFromDocker(spec *project.Component) *origDocker {
	d := &origDocker{
		Image:                       spec.Image,
		Command:                     spec.Command,
		Entrypoint:                  spec.Entrypoint,
		HTTPStartHealthCheckSeconds: spec.HTTPStartHealthCheckSeconds,
		HTTPHealthCheckSeconds:      spec.HTTPHealthCheckSeconds,
		HTTPHealthCheckMaxFailures:  spec.HTTPHealthCheckMaxFailures,
		HealthCheckFailedCommand:    spec.HealthCheckFailedCommand,
		IdleTimeoutSeconds:          spec.IdleTimeoutSeconds,
		Ports:                       spec.Ports,
		NetworkName:                 spec.NetworkName,
		LogDriver:                   spec.LogDriver,
		CPUShares:                   spec.CPUShares,
		ReserveMemoryMiB:            spec.ReserveMemory,
		LimitMemoryMiB:              spec.LimitMemory,
		PullCommand:                 spec.PullCommand,
		PullUsername:                spec.PullUsername,
		PullPassword:                project.MaskValue("pullpassword", spec.PullPassword),
		PullImageOnPut:              spec.PullImageOnPut,
		PullImageOnStart:            spec.PullImageOnStart,
		DNS:                         spec.DNS,
		DNSOptions:                  spec.DNSOptions,
		DNSSearch:                   spec.DNSSearch,
		Ulimits:                     spec.Ulimits,
		Init:                        spec.ContainerInit,
	}
	for _, v := range spec.Volumes {
		d.Volumes = append(d.Volumes, origVolume{Type: v.Type, Source: v.Source, Target: v.Target, ReadOnly: v.ReadOnly})
	}
	for name, value := range spec.LogDriverOptions {
		d.LogDriverOptions = append(d.LogDriverOptions, origNameValue{Name: name, Value: project.MaskValue(name, value)})
	}
	slices.SortFunc(d.LogDriverOptions, func(a, b origNameValue) int { return cmp.Compare(a.Name, b.Name) })
	return d
}
