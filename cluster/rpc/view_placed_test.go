package rpc

import (
	"testing"

	"maelstrom/cluster"
)

// What a node started without the database is shown among the rest.
func TestInstancesWithoutARowAreShown(t *testing.T) {
	w, client := shop(t)
	unlock := w.lock()
	w.snap = w.snap.WithInstances(cluster.InstanceList{Node: testNode, Epoch: 7, Counter: w.number, Instances: []cluster.Instance{{
		Placement: "p1", Component: "shop_web", Node: testNode, State: cluster.InstanceReady, Address: "10.0.0.2:80", Provisional: true, MemoryMiB: 64,
	}}})
	unlock()
	list, err := client.Instances(t.Context(), InstancesRequest{Project: "shop"})
	if err != nil || len(list.Instances) != 1 {
		t.Fatalf("%+v, %v", list, err)
	}
	if i := list.Instances[0]; i.Placement != "p1" || !i.Provisional || i.State != string(cluster.InstanceReady) || i.MemoryReservedMiB != 64 || i.Node != testNode {
		t.Errorf("%+v", i)
	}
	status, err := client.ComponentStatus(t.Context(), "shop_web")
	if err != nil || status.Component.State != ComponentReady {
		t.Errorf("%+v, %v", status, err)
	}
}
