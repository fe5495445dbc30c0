package names

import (
	"testing"

	"maelstrom/cluster"
)

// stored is a snapshot with one project and two components.
type stored struct{ snap *cluster.Snapshot }

func (s stored) Snapshot() *cluster.Snapshot { return s.snap }

func storedShop() stored {
	snap := new(cluster.Snapshot)
	snap.Projects = snap.Projects.With(map[string]*cluster.ProjectRow{"shop": {Name: "shop"}, "my_shop-2": {Name: "my_shop-2"}}, nil)
	snap.Components = snap.Components.With(map[string]*cluster.ComponentRow{
		"shop_web": {}, "shop_job_runner": {}, "my_shop-2_api": {},
	}, nil)
	return stored{snap}
}

func TestFind(t *testing.T) {
	snap := storedShop().Snapshot()
	for _, c := range []struct {
		name      string
		kind      Kind
		component string
	}{
		{"web.shop.internal", Component, "shop_web"},
		{"web.shop.internal.", Component, "shop_web"},
		{"WEB.Shop.INTERNAL", Component, "shop_web"},
		{"job_runner.shop.internal", Component, "shop_job_runner"},
		{"shop_web.shop.internal", Component, "shop_web"},
		{"api.my_shop-2.internal", Component, "my_shop-2_api"},
		{"nobody.shop.internal", Unknown, "shop_nobody"},
		{"a.web.shop.internal", Unknown, "shop_a.web"},
		{".shop.internal", Unknown, "shop_"},
		{"shop.internal", Project, ""},
		{"metadata.google.internal", Foreign, ""},
		{"web.other.internal", Foreign, ""},
		{"internal", Foreign, ""},
		{".internal", Foreign, ""},
		{"..internal", Foreign, ""},
		{"", Foreign, ""},
		{".", Foreign, ""},
		{"web.shop.internal.example.com", Foreign, ""},
		{"web.shopinternal", Foreign, ""},
		{"shop_web", Foreign, ""},
	} {
		if kind, component := Find(snap, c.name); kind != c.kind || component != c.component {
			t.Errorf("Find(%q) = %d %q, want %d %q", c.name, kind, component, c.kind, c.component)
		}
	}
}

func TestPossible(t *testing.T) {
	for host, want := range map[string]bool{
		"web.shop.internal": true, "web.shop.internal:8080": true, "web.shop.INTERNAL.": true, "web.shop.internal.:80": true,
		"example.com": false, "internal": false, "": false, ":": false, "[::1]:80": false, "[::1]": false, "::1": false, "a:b:c.internal": false,
	} {
		if got := Possible(host); got != want {
			t.Errorf("Possible(%q) = %t", host, got)
		}
	}
	host := "www.example.com:443"
	if n := testing.AllocsPerRun(100, func() { Possible(host) }); n != 0 {
		t.Errorf("%v allocations on the way of every request", n)
	}
}
