package docker

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/google/go-cmp/cmp"

	"maelstrom/project"
	"maelstrom/runtime"
	"maelstrom/runtime/drivertest"
)

// started starts a component and returns what the engine says of it.
func started(t *testing.T, d *Driver, c *project.Component) (runtime.Container, container.InspectResponse) {
	t.Helper()
	ours, err := d.Start(t.Context(), drivertest.SpecOf(c))
	if err != nil {
		t.Fatal(err)
	}
	found, err := d.client.ContainerInspect(t.Context(), ours.ID)
	if err != nil {
		t.Fatal(err)
	}
	return ours, found
}

func same[T any](t *testing.T, field string, got, want T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", field, diff)
	}
}

// mountsOutside are the mounts whose source is not below a directory.
func mountsOutside(found container.InspectResponse, dir string) map[string]string {
	mounts := make(map[string]string)
	for _, m := range found.Mounts {
		source := m.Source
		if m.Type == mount.TypeVolume {
			source = m.Name
		}
		if !strings.HasPrefix(source, dir) {
			mounts[m.Destination] = strings.Join([]string{source, string(m.Type), mode(m.RW)}, " ")
		}
	}
	return mounts
}

// mountsInside are those whose source is.
func mountsInside(found container.InspectResponse, dir string) map[string]string {
	mounts := make(map[string]string)
	for _, m := range found.Mounts {
		if strings.HasPrefix(m.Source, dir) {
			mounts[m.Destination] = string(m.Type) + " " + mode(m.RW)
		}
	}
	return mounts
}

func mode(writable bool) string {
	if writable {
		return "rw"
	}
	return "ro"
}

// boundPorts are the ports of a container that are bound on this host.
func boundPorts(found container.InspectResponse) any {
	var bound []string
	for port, bindings := range found.NetworkSettings.Ports {
		for _, b := range bindings {
			bound = append(bound, string(port)+" on "+b.HostIP)
		}
	}
	slices.Sort(bound)
	return bound
}

func removeVolume(t *testing.T, d *Driver, name string) {
	stopAll(t, d)
	if err := d.client.VolumeRemove(context.Background(), name, false); err != nil {
		t.Errorf("a named volume outlives its container: %v", err)
	}
}

func TestNameAndLabels(t *testing.T) {
	d := newDriver(t, Options{})
	c := component(t, nil)
	spec := drivertest.SpecOf(c)
	ours, err := d.Start(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	found, err := d.client.ContainerInspect(t.Context(), ours.ID)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "name", found.Name, "/maelstrom-drivertest_web-"+spec.Placement)
	delete(found.Config.Labels, "maelstrom.testapp")
	same(t, "labels", found.Config.Labels, map[string]string{
		"maelstrom": "true", "maelstrom_component": "drivertest_web", "maelstrom_version": "7",
		"maelstrom.cluster": d.opt.ClusterID, "maelstrom.node": "here",
		"maelstrom.placement": spec.Placement, "maelstrom.epoch": "3", "maelstrom.port": "8080",
	})
	same(t, "default log driver", found.HostConfig.LogConfig,
		container.LogConfig{Type: "json-file", Config: map[string]string{"max-size": "10m", "max-file": "3"}})
	same(t, "default reservation", found.HostConfig.MemoryReservation, 128*mib)
	if found.HostConfig.Init != nil && *found.HostConfig.Init {
		t.Error("init runs though containerinit is not set")
	}
}

// An anonymous volume goes with its container.
func TestAnonymousVolume(t *testing.T) {
	d := newDriver(t, Options{})
	ours, found := started(t, d, component(t, func(c *project.Component) {
		c.Volumes = []project.Volume{{Type: "volume", Target: "/data"}}
	}))
	if err := d.Stop(t.Context(), ours.ID, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := d.client.VolumeInspect(t.Context(), found.Mounts[0].Name); err == nil {
		t.Error("the anonymous volume is left behind")
	}
}

// What the engine refuses is told as such, with its text, and leaves nothing.
func TestRefusedSpecs(t *testing.T) {
	d := newDriver(t, Options{})
	missing := filepath.Join(t.TempDir(), "missing")
	for name, test := range map[string]struct {
		change func(*project.Component)
		text   string
	}{
		"bind source":      {func(c *project.Component) { c.Volumes = []project.Volume{{Source: missing, Target: "/x"}} }, missing},
		"network":          {func(c *project.Component) { c.NetworkName = "no-such-network" }, "no-such-network"},
		"network none":     {func(c *project.Component) { c.NetworkName = "none" }, "networkname"},
		"ulimit":           {func(c *project.Component) { c.Ulimits = []string{"files=1"} }, "ulimit"},
		"ports":            {func(c *project.Component) { c.Ports = []string{"a:b"} }, "ports"},
		"log option":       {func(c *project.Component) { c.LogDriverOptions = map[string]string{"paper": "a4"} }, "paper"},
		"entrypoint":       {func(c *project.Component) { c.Entrypoint = []string{"/no-such-file"} }, "/no-such-file"},
		"user":             {func(c *project.Component) { c.User = "nobody-knows" }, "nobody-knows"},
		"capability":       {func(c *project.Component) { c.CapAdd = []string{"FLY"} }, "FLY"},
		"memory":           {func(c *project.Component) { c.LimitMemory, c.ReserveMemory = 1, 1 }, "emory"},
		"hostname":         {func(c *project.Component) { c.Hostname = strings.Repeat("x", 100) }, "hostname"},
		"shared and named": {func(c *project.Component) { c.NetworkName, c.Hostname = "container:x", "web" }, "hostname"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := d.Start(t.Context(), drivertest.SpecOf(component(t, test.change)))
			if !errors.Is(err, runtime.ErrInvalidSpec) || !strings.Contains(err.Error(), test.text) {
				t.Errorf("start = %v, want ErrInvalidSpec with %q", err, test.text)
			}
		})
	}
	if list, err := d.List(t.Context()); err != nil || len(list) > 0 {
		t.Errorf("left: %+v, %v", list, err)
	}
	if _, err := os.Stat(missing); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the missing bind source was made: %v", err)
	}
}
