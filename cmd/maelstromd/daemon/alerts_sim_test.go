package daemon

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"maelstrom/cluster"
	"maelstrom/runtime/fake"
)

// begun begins all nodes and returns the holder of a role.
func (f *fleet) begun(role string) *fleetNode {
	f.t.Helper()
	for _, n := range f.nodes {
		n.begin()
	}
	wait(10 * time.Second)
	for _, n := range f.nodes {
		if d := n.live(); d != nil {
			if _, holds := d.keeper.Hold(role); holds {
				return n
			}
		}
	}
	f.t.Fatalf("nobody holds the role %s", role)
	return nil
}

// A component that nobody can place is an alert, whichever node looks for those
// and whichever decides what is placed.
func TestAComponentThatAnotherNodeCannotPlaceIsAnAlert(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, 2, 0, func(string) map[string]fake.Image {
			return map[string]fake.Image{"web": {Handler: okHandler}}
		})
		defer f.close()
		holder := f.begun(cluster.RolePlacement)
		if err := holder.live().keeper.Remove(context.Background(), cluster.RoleNotify); err != nil {
			t.Fatal(err)
		}
		holder.apply("name: shop\ncomponents:\n  huge:\n    image: web\n    reservememory: 5000\n" +
			"    eventsources: {huge-http: {http: {hostname: huge.test}}}\n")
		for range 90 {
			_, _ = f.nodes[0].request("huge.test") // it is refused
			wait(time.Second)
		}
		alerts, err := f.watch.Alerts(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		open := false
		for _, a := range alerts {
			open = open || a.Kind == cluster.AlertComponentFailing && a.Subject == "shop_huge" && a.Open()
		}
		if !open {
			t.Errorf("alerts: %v", alerts)
		}
	})
}
