package main

import (
	"syscall"
	"testing"

	"maelstrom/cluster/rpc"
	"maelstrom/runtime/drivertest"
)

func TestDaemonsShareAnEngine(t *testing.T) {
	t.Parallel()
	a, b := newNode(t), newNode(t)
	seen := a.engine.watch(t, a.id)
	w := web{name: "same", image: drivertest.BuildImage(t)}
	for _, n := range []*node{a, b} {
		n.apply(projectOf("shared", w))
		n.mustGet(w.host(), "/")
	}
	before := a.engine.only(t, a.id)
	ofB := b.engine.only(t, b.id)

	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		b.signal(sig)
		b.awaitExit()
		b.start()
		b.mustGet(w.host(), "/")
		if again := b.engine.only(t, b.id); again.ID != ofB.ID {
			t.Errorf("%s: b did not adopt its container", sig)
		}
	}
	if _, err := b.client().RemoveProject(t.Context(), rpc.RemoveProjectRequest{Name: "shared"}); err != nil {
		t.Fatal(err)
	}
	b.await("b's container gone", patience, func() bool { return len(b.engine.containers(t, b.id)) == 0 })

	a.mustGet(w.host(), "/")
	after := a.engine.only(t, a.id)
	if after.ID != before.ID || after.State.StartedAt != before.State.StartedAt || seen.starts("") != 1 {
		t.Errorf("a's container was touched: %d starts", seen.starts(""))
	}
	for _, n := range []*node{a, b} {
		for _, i := range n.ps("") {
			if i.Node != n.id {
				t.Errorf("%s knows an instance of %s", n.id, i.Node)
			}
		}
	}
}
