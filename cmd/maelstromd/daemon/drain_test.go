package daemon

import (
	"bytes"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"maelstrom/cluster"
	"maelstrom/cluster/roles"
	"maelstrom/cluster/rpc"
	"maelstrom/project"
	"maelstrom/runtime"
)

func TestDrainOfTheOnlyNodeStopsAllAndOutlivesItsDaemon(t *testing.T) {
	inWorld(t, quickImage(), func(t *testing.T, w *world, m *member) {
		m.apply(shop("    mininstances: 1\n    volumes:\n      - {type: volume, source: data, target: /data}\n"))
		m.mustAnswer(t, "shop.test")
		wait(2 * time.Second)
		id := m.daemon.node
		if n := m.row(id); n.Mounts["data"] != cluster.Present || !slices.Equal(n.Images, []string{"web"}) || n.Labels["host"] == "" {
			t.Errorf("the node tells %v, %v, %v", n.Mounts, n.Images, n.Labels)
		}
		if _, err := m.client().Drain(t.Context(), rpc.DrainRequest{Node: id}); err == nil || !strings.Contains(err.Error(), "--force") {
			t.Fatalf("drained without force: %v", err)
		}
		if _, err := m.client().Drain(t.Context(), rpc.DrainRequest{Node: id, Force: true}); err != nil {
			t.Fatal(err)
		}
		wait(10 * time.Second)
		answer, err := m.request("shop.test")
		if err != nil || answer.status != 503 || answer.header.Get("Maelstrom-Reason") != string(cluster.ReasonNoCapacity) || len(m.instances()) != 0 {
			t.Fatalf("%d %v, %v, instances %v", answer.status, answer.header, err, m.instances())
		}
		m.leave()
		m.join()
		wait(2 * time.Minute)
		if n := m.row(id); n.State != cluster.NodeDraining || len(m.instances()) != 0 {
			t.Fatalf("after a restart it is %s with %v", n.State, m.instances())
		}
		if _, err := m.client().Undrain(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		m.mustAnswer(t, "shop.test")
	})
}

// row is the row of a node as this member knows it.
func (m *member) row(id string) *cluster.Node {
	m.world.t.Helper()
	n, ok := m.daemon.feed.Snapshot().Nodes.Get(id)
	if !ok {
		m.world.t.Fatalf("no node %s", id)
	}
	return n
}

func TestRolesAreYieldedToNodesThatAreThere(t *testing.T) {
	for name, c := range map[string]struct {
		own   cluster.Drain
		other cluster.NodeState
		want  bool
	}{
		"not drained":  {cluster.DrainNone, cluster.NodeUp, false},
		"drained":      {cluster.DrainMove, cluster.NodeUp, true},
		"by force":     {cluster.DrainForce, cluster.NodeUp, true},
		"both drained": {cluster.DrainMove, cluster.NodeDraining, false},
		"alone":        {cluster.DrainMove, cluster.NodeDown, false},
	} {
		snap := cluster.NewSnapshot().With(cluster.ChangeSet{Number: 1, Full: true, Nodes: map[string]*cluster.Node{
			"a": {ID: "a", State: cluster.NodeUp, Drain: c.own}, "b": {ID: "b", State: c.other},
		}})
		if got := yields(snap, "a"); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	if yields(cluster.NewSnapshot(), "a") {
		t.Error("an unknown node yields")
	}
}

func TestTheLogTellsWhyRolesAreGivenUp(t *testing.T) {
	for want, few := range map[string]bool{"this node is drained": false, "fewer than half of the others": true} {
		var log bytes.Buffer
		logger := slog.New(slog.NewTextHandler(&log, nil))
		d := &Daemon{log: logger, keeper: roles.New(nil, roles.Options{Node: "a", Logger: logger})}
		d.yield(t.Context(), true, few)
		if told := log.String(); strings.Count(told, "\n") != 1 || !strings.Contains(told, want) {
			t.Errorf("told %q, want %q alone", told, want)
		}
		d.yield(t.Context(), false, false)
		if told := log.String(); strings.Count(told, "\n") != 1 {
			t.Errorf("told when they are taken again: %q", told)
		}
	}
}

func TestInventoryIsOfWhatComponentsNeed(t *testing.T) {
	row := func(image string, volumes ...project.Volume) *cluster.ComponentRow {
		spec := project.Component{Image: image, Volumes: volumes}
		effective := spec.Effective()
		return &cluster.ComponentRow{Spec: &spec, Effective: &effective, Version: 1}
	}
	old := row("web:0")
	web := row("web:1", project.Volume{Source: "/srv", Target: "/a"}, project.Volume{Type: "volume", Source: "data", Target: "/b"}, project.Volume{Type: "tmpfs", Target: "/c"})
	web.Kept = old
	snap := cluster.NewSnapshot().With(cluster.ChangeSet{Number: 1, Full: true, Components: map[string]*cluster.ComponentRow{"web": web}})
	n := needsOf(snap, "a")
	if !slices.Equal(n.images, []string{"web:0", "web:1"}) || !slices.Equal(n.paths, []string{"/srv"}) || !slices.Equal(n.names, []string{"data"}) {
		t.Errorf("needs %+v", n)
	}
	if !n.equal(needsOf(snap, "a")) || n.equal(nil) {
		t.Error("needs are not compared")
	}
	got := presentImages([]string{"docker.io/library/web:1", "sha256:1", "web", "x:1"}, []runtime.Image{{ID: "sha256:1", Names: []string{"web:1"}}})
	if !slices.Equal(got, []string{"docker.io/library/web:1", "sha256:1"}) {
		t.Errorf("images %v", got)
	}
	dir := t.TempDir()
	if presenceOf(dir) != cluster.Present || presenceOf(filepath.Join(dir, "x")) != cluster.Absent || presenceOf("/dev/null/x") == cluster.Present {
		t.Error("paths are not told apart")
	}
}

// A container that has made a volume may be gone by the time that somebody looks
// what there is: that it was to be is reason enough to look again.
func TestVolumesAreLookedForWhenTheirContainerIsGone(t *testing.T) {
	spec := project.Component{Image: "web:1", Volumes: []project.Volume{{Type: "volume", Source: "data", Target: "/b"}}}
	effective := spec.Effective()
	empty := cluster.NewSnapshot().With(cluster.ChangeSet{Number: 1, Full: true, Components: map[string]*cluster.ComponentRow{
		"web": {Spec: &spec, Effective: &effective, Version: 1},
	}, Nodes: map[string]*cluster.Node{"a": {ID: "a", Epoch: 1}}})
	placed := empty.With(cluster.ChangeSet{Number: 2, Placements: map[string]*cluster.Placement{"web/0": {ID: "web/0", Component: "web", Node: "a"}}})
	ready := placed.WithInstances(cluster.InstanceList{Node: "a", Epoch: 1, Counter: 1, Instances: []cluster.Instance{
		{Placement: "web/0", Component: "web", Node: "a", State: cluster.InstanceReady},
	}})
	for name, step := range map[string][2]*cluster.Snapshot{
		"it begins": {empty, placed}, "it is ready": {placed, ready}, "it is gone": {ready, empty}, "it is gone before it was seen ready": {placed, empty},
	} {
		if needsOf(step[1], "a").equal(needsOf(step[0], "a")) {
			t.Errorf("%s: nobody looks", name)
		}
	}
	if !needsOf(placed, "b").equal(needsOf(empty, "b")) {
		t.Error("another node looks")
	}
}

func TestLabels(t *testing.T) {
	d := &Daemon{opt: Options{NodeLabels: map[string]string{"disk": "ssd", "host": "other"}}}
	d.arch.Store("arm64")
	if got := d.labels("vm"); !maps.Equal(got, map[string]string{"disk": "ssd", "host": "other", "arch": "arm64"}) {
		t.Errorf("labels %v", got)
	}
	if got, err := parseLabels("disk=ssd, zone=eu/1"); err != nil || !maps.Equal(got, map[string]string{"disk": "ssd", "zone": "eu/1"}) {
		t.Errorf("%v, %v", got, err)
	}
	for _, bad := range []string{"disk", "disk=", "=ssd", "a b=c", "a=1,a=2"} {
		if got, err := parseLabels(bad); err == nil {
			t.Errorf("%q is read as %v", bad, got)
		}
	}
}
