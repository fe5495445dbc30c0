package main

import (
	"fmt"
	"slices"
	"syscall"
	"testing"

	"github.com/docker/docker/api/types/container"

	"maelstrom/cluster"
	"maelstrom/cluster/rpc"
	"maelstrom/runtime/drivertest"
)

// newPair returns two nodes of a cluster, which hear each other.
func newPair(t *testing.T, env ...string) (a, b *node) {
	t.Helper()
	_, dsn := emptyDatabase(t, postgres)
	return newPairOn(t, dsn, env...)
}

// newPairOn is newPair on a database of the caller's.
func newPairOn(t *testing.T, dsn string, env ...string) (a, b *node) {
	t.Helper()
	env = append([]string{"MAEL_SQL_DRIVER=postgres", "MAEL_SQL_DSN=" + dsn, "MAEL_TOTAL_MEMORY=1024"}, env...)
	pair := make([]*node, 2)
	for i := range pair {
		_, own := peerEnv(t, env...)
		pair[i] = newNode(t, own...)
	}
	for i, n := range pair {
		other := pair[1-i]
		n.await("hears "+other.id, patience, func() bool {
			return n.nodeRow(other.id).State == cluster.NodeUp && n.log.has("node is heard", other.id)
		})
	}
	return pair[0], pair[1]
}

// nodeRow is what n knows of a node.
func (n *node) nodeRow(id string) rpc.Node {
	n.t.Helper()
	list, err := n.client().Nodes(n.t.Context())
	if err != nil {
		n.t.Fatal(err)
	}
	for _, row := range list.Nodes {
		if row.ID == id {
			return row
		}
	}
	return rpc.Node{}
}

// placedOn returns on which nodes the ready instances of a component are, as n
// knows.
func (n *node) placedOn(component string) (nodes []string) {
	for _, i := range n.ps(component) {
		if i.State == string(cluster.InstanceReady) {
			nodes = append(nodes, i.Node)
		}
	}
	return nodes
}

// containerIDs are those of the instances of a component, as n knows.
func (n *node) containerIDs(component string) string {
	var ids []string
	for _, i := range n.ps(component) {
		ids = append(ids, i.ContainerID)
	}
	slices.Sort(ids)
	return fmt.Sprint(ids)
}

// What a node starts is known to the other one at once, which only a push can
// tell it: instances are not in the change log;
// each may ask for it, the holder of the role placement decides; and when that
// is killed, the other takes its roles, and runs what it ran.
func TestTwoNodesAreACluster(t *testing.T) {
	t.Parallel()
	a, b := newPair(t)
	holder, other := holderOf(t, []*node{a, b}, cluster.RolePlacement)
	image := drivertest.BuildImage(t)
	holder.apply(projectOf("shop", web{name: "web", image: image}))

	other.await("the component", patience, func() bool {
		list, err := other.client().ListComponents(t.Context(), rpc.ListComponentsRequest{Prefix: "shop_web"})
		if err != nil {
			t.Fatal(err)
		}
		return len(list.Components) == 1
	})
	if _, err := other.client().Wake(t.Context(), rpc.WakeRequest{Name: "shop_web"}); err != nil {
		t.Fatalf("the node that does not hold the role can't wake: %v", err)
	}
	var on []string
	for _, n := range []*node{holder, other} {
		n.await("one ready instance", patience, func() bool {
			on = n.placedOn("shop_web")
			return len(on) == 1
		})
	}
	if got := holder.placedOn("shop_web"); len(got) != 1 || got[0] != on[0] {
		t.Errorf("one knows of %v, the other of %v", on, got)
	}
	if _, err := other.client().Sleep(t.Context(), rpc.SleepRequest{Name: "shop_web"}); err != nil {
		t.Fatalf("nor put to sleep: %v", err)
	}
	holder.await("sleep", patience, func() bool { return len(holder.ps("shop_web")) == 0 })

	// One each, so that both have something to lose.
	holder.apply(projectOf("shop", web{name: "web", image: image, lines: []string{"mininstances: 2", "maxinstancespernode: 1"}}))
	holder.await("an instance on each node", patience, func() bool { return len(holder.placedOn("shop_web")) == 2 })
	other.await("an instance on each node", patience, func() bool { return len(other.placedOn("shop_web")) == 2 })
	holder.apply(projectOf("shop", web{name: "web", image: image, lines: []string{"mininstances: 2"}}))
	other.await("the change", patience, func() bool { return len(other.placedOn("shop_web")) == 2 })

	before := holder.engine.only(t, holder.id).ID
	holder.signal(syscall.SIGKILL)
	holder.awaitExit()
	other.await("the roles", patience, func() bool {
		roles, err := other.client().Roles(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		held := 0
		for _, r := range roles.Roles {
			if r.Holder == other.id && (r.Role == cluster.RolePlacement || r.Role == cluster.RoleCron) {
				held++
			}
		}
		return held == 2
	})
	other.await("the node that was killed is down", patience, func() bool { return other.nodeRow(holder.id).State == cluster.NodeDown })
	other.await("both instances here", patience, func() bool {
		on := other.placedOn("shop_web")
		return len(on) == 2 && on[0] == other.id && on[1] == other.id
	})

	// It comes back: what it ran has no place any more, and goes. It gets its
	// share of what is spread over the nodes.
	holder.start()
	other.await("the node is back", patience, func() bool { return other.nodeRow(holder.id).State == cluster.NodeUp })
	holder.await("no container of before", patience, func() bool {
		return !slices.ContainsFunc(holder.engine.containers(t, holder.id), func(c container.Summary) bool { return c.ID == before })
	})
	other.await("an instance on each node again", patience, func() bool {
		on := other.placedOn("shop_web")
		return len(on) == 2 && on[0] != on[1]
	})
}

// A node that is stopped for good says so; one that is started again at once
// keeps what it has.
func TestARestartIsNoLoss(t *testing.T) {
	t.Parallel()
	a, b := newPair(t)
	image := drivertest.BuildImage(t)
	a.apply(projectOf("shop", web{name: "web", image: image, lines: []string{"mininstances: 2", "maxinstancespernode: 1"}}))
	a.await("an instance on each node", patience, func() bool { return len(a.placedOn("shop_web")) == 2 })
	before := b.containerIDs("shop_web")
	b.signal(syscall.SIGTERM)
	if code := b.awaitExit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	b.start()
	b.await("its instance again", patience, func() bool { return len(b.placedOn("shop_web")) == 2 })
	a.await("its instance again", patience, func() bool { return len(a.placedOn("shop_web")) == 2 })
	if got := b.containerIDs("shop_web"); got != before {
		t.Errorf("containers %s after a restart, %s before", got, before)
	}
}
