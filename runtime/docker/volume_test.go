package docker

import (
	"context"
	"crypto/rand"
	"slices"
	"strings"
	"testing"

	"maelstrom/project"
	"maelstrom/runtime/drivertest"
)

func TestNamedVolumesAreListed(t *testing.T) {
	d := newDriver(t, Options{})
	name := "maelstrom-test-" + strings.ToLower(rand.Text())
	t.Cleanup(func() {
		stopAll(t, d)
		if err := d.client.VolumeRemove(context.Background(), name, true); err != nil {
			t.Error(err)
		}
	})
	before, err := d.VolumeNames(t.Context())
	if err != nil || slices.Contains(before, name) {
		t.Fatalf("%v, %v", before, err)
	}
	_, err = d.Start(t.Context(), drivertest.SpecOf(component(t, func(c *project.Component) {
		c.Volumes = []project.Volume{{Type: "volume", Source: name, Target: "/data"}}
	})))
	if err != nil {
		t.Fatal(err)
	}
	after, err := d.VolumeNames(t.Context())
	if err != nil || !slices.Contains(after, name) {
		t.Errorf("%v, %v", after, err)
	}
	info, err := d.Info(t.Context())
	if err != nil || info.Architecture == "" || info.Architecture == "x86_64" || info.Architecture == "aarch64" {
		t.Errorf("architecture %q, %v", info.Architecture, err)
	}
}
