package names

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"maelstrom/cluster"
	"maelstrom/project"
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

func TestOfProject(t *testing.T) {
	rows := map[string]*cluster.ComponentRow{}
	declare := func(owner, full string) {
		rows[full] = &cluster.ComponentRow{Spec: &project.Component{Name: full, Project: owner}}
	}
	declare("shop", "shop_web")
	declare("shop", "shop_job_runner")
	declare("shop", "shop_"+strings.Repeat("x", maxLabel+1))
	declare("shop_two", "shop_two_web")
	for i := range mostOfProject + 1 {
		declare("many", fmt.Sprintf("many_c%03d", i))
	}
	snap := new(cluster.Snapshot)
	snap.Components = snap.Components.With(rows, nil)
	snap.Projects = snap.Projects.With(map[string]*cluster.ProjectRow{"shop": {}, "shop_two": {}, "many": {}}, nil)

	want := []string{"job_runner.shop.internal", "web.shop.internal"}
	if got := OfProject(snap, "shop"); !slices.Equal(got, want) {
		t.Errorf("of shop: %q, want %q", got, want)
	}
	many := OfProject(snap, "many")
	if len(many) != mostOfProject || many[mostOfProject-1] != "c199.many.internal" {
		t.Errorf("of many: %d, the last %q", len(many), many[len(many)-1])
	}
	for _, name := range append(many, want...) {
		if kind, _ := Find(snap, name); kind != Component {
			t.Errorf("%s is of no component", name)
		}
	}
	if got := OfProject(snap, "nobody"); len(got) != 0 {
		t.Errorf("of nobody: %q", got)
	}
}
