package docker

import (
	"context"
	"crypto/rand"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"maelstrom/project"
	"maelstrom/runtime"
	"maelstrom/runtime/drivertest"
)

func TestDriver(t *testing.T) {
	drivertest.Run(t, func(t *testing.T) drivertest.Harness {
		d := newDriver(t, Options{})
		cluster := d.opt.ClusterID
		return drivertest.Harness{
			Driver: d,
			Others: []runtime.Driver{
				newDriver(t, Options{ClusterID: cluster, Node: "other"}),
				newDriver(t, Options{ClusterID: cluster + "x", Node: d.opt.Node}),
			},
			Component:    func(b drivertest.Behaviour) project.Component { return behaving(t, b) },
			MissingImage: "127.0.0.1:1/nothing/here:1",
			Dial:         new(net.Dialer).DialContext,
			Exec:         drivertest.Command{Command: []string{drivertest.AppPath, "exec", "hello", "5"}, Output: "hello", ExitCode: 5},
			Cat:          []string{drivertest.AppPath, "cat"},
			Hold:         []string{drivertest.AppPath, "hold"},
		}
	})
}

// newDriver returns a driver of a cluster of its own, whose containers are
// removed at the end of the test.
func newDriver(t *testing.T, opt Options) *Driver {
	t.Helper()
	if opt.ClusterID == "" {
		opt.ClusterID = strings.ToLower(rand.Text())
	}
	if opt.Node == "" {
		opt.Node = "here"
	}
	d, err := New(opt)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Info(t.Context()); err != nil {
		t.Fatalf("these tests need a Docker engine (make test installs and starts one): %v", err)
	}
	t.Cleanup(func() {
		stopAll(t, d)
		d.Close()
	})
	return d
}

// stopAll removes the containers of d, at the end of a test.
func stopAll(t *testing.T, d *Driver) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	list, err := d.List(ctx)
	if err != nil {
		t.Errorf("clean up: %v", err)
	}
	for _, c := range list {
		if err := d.Stop(ctx, c.ID, 0); err != nil {
			t.Errorf("clean up: %v", err)
		}
	}
}

// component returns an effective component of the test app.
func component(t *testing.T, change func(*project.Component)) *project.Component {
	t.Helper()
	c := project.Component{Name: "drivertest_web", Project: "drivertest", Image: drivertest.BuildImage(t)}
	if change != nil {
		change(&c)
	}
	effective := c.Effective()
	return &effective
}

func behaving(t *testing.T, b drivertest.Behaviour) project.Component {
	t.Helper()
	env := map[drivertest.Behaviour][]project.EnvVar{
		drivertest.Serves: {
			{Name: "ERR", Value: strings.Join(drivertest.ErrLines, "|")},
			{Name: "OUT", Value: strings.Join(drivertest.OutLines, "|")},
		},
		drivertest.Exits:        {{Name: "EXIT_CODE", Value: strconv.Itoa(drivertest.ExitCode)}},
		drivertest.NeverListens: {{Name: "LISTEN", Value: "none"}},
		drivertest.IgnoresTerm:  {{Name: "IGNORE_TERM", Value: "1"}},
		drivertest.Crashes:      {{Name: "CRASH_CODE", Value: strconv.Itoa(drivertest.ExitCode)}},
	}[b]
	if env == nil {
		t.Fatalf("no container that %s", b)
	}
	return *component(t, func(c *project.Component) { c.Environment = env })
}
