package main

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"maelstrom/cluster"
	"maelstrom/cluster/rpc"
	"maelstrom/runtime/drivertest"
)

// rolesOf tells what a node holds, as n knows.
func (n *node) rolesOf(id string) (held []string) {
	n.t.Helper()
	list, err := n.client().Roles(n.t.Context())
	if err != nil {
		n.t.Fatal(err)
	}
	for _, r := range list.Roles {
		if r.Holder == id {
			held = append(held, r.Role)
		}
	}
	return held
}

// A node that is drained gives its roles and its instances to the other one,
// each when its successor is ready, stays so after a restart, and is forgotten
// once it is down.
func TestDrainedNodeIsEmptyAndCanBeForgotten(t *testing.T) {
	t.Parallel()
	a, b := newPair(t, "MAEL_NODE_LABELS=disk=ssd")
	holder, other := holderOf(t, []*node{a, b}, cluster.RolePlacement)
	image := drivertest.BuildImage(t)
	holder.apply(projectOf("shop", web{name: "web", image: image, lines: []string{"mininstances: 2", "maxinstancespernode: 1", "nodes: {disk: ssd}"}}))
	holder.await("an instance on each node", patience, func() bool { return len(holder.placedOn("shop_web")) == 2 })
	holder.apply(projectOf("shop", web{name: "web", image: image, lines: []string{"mininstances: 2", "nodes: {disk: ssd}"}}))

	if _, err := other.client().Drain(t.Context(), rpc.DrainRequest{Node: holder.id}); err != nil {
		t.Fatal(err)
	}
	other.await("both instances here", patience, func() bool {
		if n := len(other.placedOn("shop_web")); n < 2 {
			t.Fatalf("%d instances are ready while they move", n)
		}
		return slices.Equal(other.placedOn("shop_web"), []string{other.id, other.id}) && len(other.ps("shop_web")) == 2
	})
	other.await("no role there", patience, func() bool { return len(other.rolesOf(holder.id)) == 0 })
	explained, err := other.client().Explain(t.Context(), "shop_web")
	if err != nil || !explained.Nodes[0].Fits || explained.Nodes[0].ID != other.id || explained.Nodes[0].Score.Image == 0 || explained.Nodes[1].Fits {
		t.Errorf("explained as %+v, %v", explained, err)
	}

	holder.signal(syscall.SIGTERM)
	holder.awaitExit()
	holder.start()
	other.await("the node drains again", patience, func() bool { return other.nodeRow(holder.id).State == cluster.NodeDraining })
	if _, err := other.client().RemoveNode(t.Context(), holder.id); err == nil {
		t.Error("a node that lives is removed")
	}
	if _, err := other.client().Undrain(t.Context(), holder.id); err != nil {
		t.Fatal(err)
	}
	if row := other.nodeRow(holder.id); row.State != cluster.NodeUp || row.Labels["disk"] != "ssd" {
		t.Errorf("undrained it is %+v", row)
	}
	holder.signal(syscall.SIGTERM)
	holder.awaitExit()
	other.await("the node is down", patience, func() bool { return other.nodeRow(holder.id).State == cluster.NodeDown })
	if _, err := other.client().RemoveNode(t.Context(), holder.id); err != nil {
		t.Fatal(err)
	}
	if row := other.nodeRow(holder.id); row.ID != "" {
		t.Errorf("it is still known: %+v", row)
	}
}

// A path that is missing is a refusal, by placement or by the engine, which ends
// when somebody makes it.
func TestMissingPathIsRefusedUntilItIsThere(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	path := filepath.Join(t.TempDir(), "data")
	w := web{name: "web", image: drivertest.BuildImage(t), lines: []string{"volumes: [{source: " + path + ", target: /data}]"}}
	n.apply(projectOf("shop", w))
	n.await("a refusal", patience, func() bool {
		got := n.get(w.host(), "/")
		return got.status == http.StatusServiceUnavailable && strings.Contains(n.component("shop_web").Message, path)
	})
	if _, err := os.Stat(path); err == nil {
		t.Error("the path was made")
	}
	if err := os.Mkdir(path, 0o755); err != nil {
		t.Fatal(err)
	}
	n.await("an answer", patience, func() bool { return n.get(w.host(), "/").status == http.StatusOK })
}
