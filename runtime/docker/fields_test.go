package docker

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
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

// Every field of maelstrom.yml that concerns the engine, as the engine says it.
func TestFields(t *testing.T) {
	d := newDriver(t, Options{})
	source, volume := t.TempDir(), "drivertest-"+strings.ToLower(rand.Text())
	_, found := started(t, d, component(t, func(c *project.Component) {
		c.Entrypoint = []string{drivertest.AppPath, "hold"}
		c.Command = []string{"for", "ever"}
		c.Environment = []project.EnvVar{{Name: "A", Value: "1"}, {Name: "B", Value: "x=y"}}
		c.ReserveMemory, c.LimitMemory, c.CPUShares = 64, 128, 512
		c.Volumes = []project.Volume{
			{Source: source, Target: "/data", ReadOnly: true},
			{Type: "volume", Source: volume, Target: "/keep"},
			{Type: "tmpfs", Target: "/scratch"},
		}
		c.Ports = []string{"127.0.0.1:0:9000", "127.0.0.1::9001/udp"}
		c.DNS = []string{"192.0.2.53"}
		c.DNSOptions = []string{"ndots:2"}
		c.DNSSearch = []string{"example.test"}
		c.Ulimits = []string{"nofile=100:200", "nproc=300"}
		c.ContainerInit = true
		c.User = "1234:5678"
		c.Hostname, c.DomainName = "web", "example.test"
		c.CapAdd, c.CapDrop = []string{"NET_ADMIN"}, []string{"CAP_CHOWN"}
		c.LogDriver = "local"
		c.LogDriverOptions = map[string]string{"max-size": "1m"}
	}))
	t.Cleanup(func() { removeVolume(t, d, volume) })
	h := found.HostConfig
	same(t, "image", found.Config.Image, drivertest.BuildImage(t))
	same(t, "entrypoint", []string(found.Config.Entrypoint), []string{drivertest.AppPath, "hold"})
	same(t, "command", []string(found.Config.Cmd), []string{"for", "ever"})
	same(t, "environment", found.Config.Env[:2], []string{"A=1", "B=x=y"})
	same(t, "reservememory", h.MemoryReservation, 64*mib)
	same(t, "limitmemory", h.Memory, 128*mib)
	same(t, "cpushares", h.CPUShares, 512)
	same(t, "dns", h.DNS, []string{"192.0.2.53"})
	same(t, "dnsoptions", h.DNSOptions, []string{"ndots:2"})
	same(t, "dnssearch", h.DNSSearch, []string{"example.test"})
	same(t, "ulimits", h.Ulimits, []*container.Ulimit{{Name: "nofile", Soft: 100, Hard: 200}, {Name: "nproc", Soft: 300, Hard: 300}})
	same(t, "containerinit", *h.Init, true)
	same(t, "user", found.Config.User, "1234:5678")
	same(t, "hostname", found.Config.Hostname+"."+found.Config.Domainname, "web.example.test")
	same(t, "capadd", []string(h.CapAdd), []string{"CAP_NET_ADMIN"})
	same(t, "capdrop", []string(h.CapDrop), []string{"CAP_CHOWN"})
	same(t, "logdriver", h.LogConfig, container.LogConfig{Type: "local", Config: map[string]string{"max-size": "1m"}})
	same(t, "restart policy", h.RestartPolicy.IsNone(), true)
	same(t, "volumes", mountsIn(found), map[string]string{"/data": source + " bind ro", "/keep": volume + " volume rw", "/scratch": " tmpfs rw"})
	same(t, "ports", len(found.NetworkSettings.Ports["9000/tcp"])+len(found.NetworkSettings.Ports["9001/udp"]), 2)
}

func same[T any](t *testing.T, field string, got, want T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", field, diff)
	}
}

func mountsIn(found container.InspectResponse) map[string]string {
	mounts := make(map[string]string)
	for _, m := range found.Mounts {
		text := m.Source
		if m.Type == mount.TypeVolume {
			text = m.Name
		}
		mode := map[bool]string{true: "rw", false: "ro"}[m.RW]
		mounts[m.Destination] = strings.Join([]string{text, string(m.Type), mode}, " ")
	}
	return mounts
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
