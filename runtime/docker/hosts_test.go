package docker

import (
	"testing"

	"maelstrom/runtime/drivertest"
)

// Names that a container is told of are in its /etc/hosts.
func TestHosts(t *testing.T) {
	d := newDriver(t, Options{})
	spec := drivertest.SpecOf(component(t, nil))
	spec.Hosts = []string{"api.shop.internal:192.0.2.7", "web.shop.internal:192.0.2.7"}
	c, err := d.Start(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	found, err := d.client.ContainerInspect(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "names", found.HostConfig.ExtraHosts, spec.Hosts)
}
