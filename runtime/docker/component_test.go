package docker

import (
	"crypto/rand"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/google/go-cmp/cmp"

	"maelstrom/project"
	"maelstrom/runtime"
	"maelstrom/runtime/drivertest"
)

// fieldRow is a key of a component in maelstrom.yml, and what the engine says of a
// container that was started with it.
type fieldRow struct {
	key  string
	set  func(c *project.Component)
	got  func(found container.InspectResponse) any
	want any
}

// surroundings are what the fields name on this host.
type surroundings struct{ image, source, volume, network, files string }

func fieldRows(s surroundings) []fieldRow {
	type (
		component = *project.Component
		inspected = container.InspectResponse
	)
	return []fieldRow{
		{"name", func(c component) { c.Name = "drivertest_web" }, func(i inspected) any { return i.Config.Labels[runtime.LabelComponent] }, "drivertest_web"},
		{"image", func(c component) { c.Image = s.image }, func(i inspected) any { return i.Config.Image }, s.image},
		{"entrypoint", func(c component) { c.Entrypoint = []string{drivertest.AppPath, "hold"} }, func(i inspected) any { return []string(i.Config.Entrypoint) }, []string{drivertest.AppPath, "hold"}},
		{"command", func(c component) { c.Command = []string{"for", "ever"} }, func(i inspected) any { return []string(i.Config.Cmd) }, []string{"for", "ever"}},
		{"environment", func(c component) {
			c.Environment = []project.EnvVar{{Name: "A", Value: "1"}, {Name: "B", Value: "x=y"}}
		},
			func(i inspected) any { return i.Config.Env[:min(2, len(i.Config.Env))] }, []string{"A=1", "B=x=y"}},

		{"reservememory", func(c component) { c.ReserveMemory = 64 }, func(i inspected) any { return i.HostConfig.MemoryReservation }, int64(64 * mib)},
		{"limitmemory", func(c component) { c.LimitMemory = 128 }, func(i inspected) any { return i.HostConfig.Memory }, int64(128 * mib)},
		{"cpushares", func(c component) { c.CPUShares = 512 }, func(i inspected) any { return i.HostConfig.CPUShares }, int64(512)},
		{"ulimits", func(c component) { c.Ulimits = []string{"nofile=100:200", "nproc=300"} }, func(i inspected) any { return i.HostConfig.Ulimits },
			[]*container.Ulimit{{Name: "nofile", Soft: 100, Hard: 200}, {Name: "nproc", Soft: 300, Hard: 300}}},

		{"volumes", func(c component) {
			c.Volumes = []project.Volume{
				{Source: s.source, Target: "/data", ReadOnly: true}, {Source: s.source, Target: "/shared"},
				{Type: "volume", Source: s.volume, Target: "/keep"}, {Type: "tmpfs", Target: "/scratch"},
			}
		}, func(i inspected) any { return mountsOutside(i, s.files) }, map[string]string{
			"/data": s.source + " bind ro", "/shared": s.source + " bind rw", "/keep": s.volume + " volume rw", "/scratch": " tmpfs rw",
		}},
		{"files", func(c component) {
			c.Files = []project.FileMount{{Target: "/etc/web.conf", Content: []byte("a=1\n")}}
		}, func(i inspected) any { return mountsInside(i, s.files) }, map[string]string{"/etc/web.conf": "bind ro"}},

		{"httpport", func(c component) { c.HTTPPort = 8090 }, func(i inspected) any { _, ok := i.Config.ExposedPorts["8090/tcp"]; return ok }, true},
		{"ports", func(c component) { c.Ports = []string{"127.0.0.1:0:9000", "127.0.0.1::9001/udp"} }, boundPorts, []string{"9000/tcp on 127.0.0.1", "9001/udp on 127.0.0.1"}},
		{"networkname", func(c component) { c.NetworkName = s.network }, func(i inspected) any { return string(i.HostConfig.NetworkMode) }, s.network},
		{"dns", func(c component) { c.DNS = []string{"192.0.2.53"} }, func(i inspected) any { return i.HostConfig.DNS }, []string{"192.0.2.53"}},
		{"dnsoptions", func(c component) { c.DNSOptions = []string{"ndots:2"} }, func(i inspected) any { return i.HostConfig.DNSOptions }, []string{"ndots:2"}},
		{"dnssearch", func(c component) { c.DNSSearch = []string{"example.test"} }, func(i inspected) any { return i.HostConfig.DNSSearch }, []string{"example.test"}},
		{"hostname", func(c component) { c.Hostname = "web" }, func(i inspected) any { return i.Config.Hostname }, "web"},
		{"domainname", func(c component) { c.DomainName = "example.test" }, func(i inspected) any { return i.Config.Domainname }, "example.test"},

		{"containerinit", func(c component) { c.ContainerInit = true }, func(i inspected) any { return i.HostConfig.Init != nil && *i.HostConfig.Init }, true},
		{"user", func(c component) { c.User = "1234:5678" }, func(i inspected) any { return i.Config.User }, "1234:5678"},
		{"capadd", func(c component) { c.CapAdd = []string{"NET_ADMIN"} }, func(i inspected) any { return []string(i.HostConfig.CapAdd) }, []string{"CAP_NET_ADMIN"}},
		{"capdrop", func(c component) { c.CapDrop = []string{"CAP_CHOWN"} }, func(i inspected) any { return []string(i.HostConfig.CapDrop) }, []string{"CAP_CHOWN"}},

		{"logdriver", func(c component) { c.LogDriver = "local" }, func(i inspected) any { return i.HostConfig.LogConfig.Type }, "local"},
		{"logdriveroptions", func(c component) { c.LogDriverOptions = map[string]string{"max-size": "1m"} },
			func(i inspected) any { return i.HostConfig.LogConfig.Config }, map[string]string{"max-size": "1m"}},
	}
}

// notOfContainers are the other keys: what no engine is told when a container
// starts.
var notOfContainers = map[string]string{
	"project": "of names, and the environment that is injected",

	"maxconcurrency": "gateway", "softconcurrencylimit": "gateway", "maxdurationseconds": "gateway", "wake": "gateway", "balance": "gateway",

	"mininstances": "scheduler", "maxinstances": "scheduler", "maxinstancespernode": "scheduler", "idletimeoutseconds": "scheduler", "idle": "scheduler", "spareslots": "scheduler", "scaledowndelayseconds": "scheduler",
	"scaledownconcurrencypct": "scheduler", "scaleupconcurrencypct": "scheduler", "awake": "scheduler",
	"restartorder": "scheduler", "startparallelism": "scheduler", "nodes": "scheduler", "placement": "scheduler", "ondisconnect": "agent",

	"drainseconds": "agent", "protocol": "agent", "httphealthcheckpath": "agent", "httpstarthealthcheckseconds": "agent",
	"httphealthcheckseconds": "agent", "httphealthcheckmaxfailures": "agent", "healthcheckfailedcommand": "agent",

	"releasecommand": "a run's command",

	"pullcommand": "images", "pullusername": "images", "pullpassword": "images", "pullimageonput": "images", "pullimageonstart": "images",
}

// Every key of maelstrom.yml that concerns the engine, as the engine says it
// of one container that has them all.
func TestFields(t *testing.T) {
	files := filepath.Join(t.TempDir(), "files")
	d := newDriver(t, Options{FilesDir: files})
	s := surroundings{
		image: drivertest.BuildImage(t), source: t.TempDir(), files: files,
		volume: "drivertest-" + strings.ToLower(rand.Text()), network: newNetwork(t, d, network.CreateOptions{}),
	}
	rows := fieldRows(s)
	_, found := started(t, d, component(t, func(c *project.Component) {
		for _, row := range rows {
			row.set(c)
		}
	}))
	t.Cleanup(func() { removeVolume(t, d, s.volume) })
	for _, row := range rows {
		t.Run(row.key, func(t *testing.T) {
			if diff := cmp.Diff(row.want, row.got(found)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", row.key, diff)
			}
		})
	}
	same(t, "restart policy", found.HostConfig.RestartPolicy.IsNone(), true)
}

// A new key has to be in one of the two tables.
func TestFieldsAreAllInATable(t *testing.T) {
	told := map[string]bool{}
	for _, row := range fieldRows(surroundings{}) {
		told[row.key] = true
	}
	all := map[string]bool{}
	for field := range reflect.TypeFor[project.Component]().Fields() {
		key, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		all[key] = true
		if other := notOfContainers[key] != ""; told[key] == other {
			t.Errorf("%s: in the table of containers %t, in that of other keys %t; want it in one of them", key, told[key], other)
		}
	}
	for key := range told {
		if !all[key] {
			t.Errorf("%s is no key of a component", key)
		}
	}
	for key := range notOfContainers {
		if !all[key] {
			t.Errorf("%s is no key of a component", key)
		}
	}
}

// Each row of the table can fail: without the key, the engine says otherwise.
func TestFieldsAreSeen(t *testing.T) {
	s := surroundings{image: "another", source: "/nowhere", volume: "v", network: "n", files: "/files"}
	d := newDriver(t, Options{})
	_, found := started(t, d, component(t, func(c *project.Component) { c.Name = "drivertest_other" }))
	for _, row := range fieldRows(s) {
		if cmp.Equal(row.want, row.got(found)) {
			t.Errorf("%s: the engine says the same of a container without it", row.key)
		}
	}
}
