package main

import (
	"strings"
	"syscall"
	"testing"

	"maelstrom/cluster"
	"maelstrom/cluster/rpc"
)

// setKey gives a node another cluster key for its next start.
func (n *node) setKey(key string) {
	for i, setting := range n.env {
		if strings.HasPrefix(setting, "MAEL_CLUSTER_KEY=") {
			n.env[i] = "MAEL_CLUSTER_KEY=" + key
		}
	}
}

// The cluster key is changed while the nodes run: they go on and hear each
// other, and take the new one when they start, one after the other. Who starts
// with the old one is refused, also as the program of an upgrade.
func TestTheClusterKeyIsChangedUnderRunningNodes(t *testing.T) {
	t.Parallel()
	a, b := newPair(t, "MAEL_TOTAL_MEMORY=0")
	const key = "the text that they share from now on"
	authority := a.fingerprint()
	answer, err := a.client().Rekey(t.Context(), rpc.RekeyRequest{Key: key})
	if err != nil || answer.Fingerprint != authority || len(answer.Nodes) != 2 {
		t.Fatalf("%+v, %v", answer, err)
	}

	// An upgrade in place keeps the settings, and so the old key.
	b.signal(syscall.SIGUSR2)
	b.await("a refusal of the upgrade", patience, func() bool { return b.log.has("upgrade refused", "MAEL_CLUSTER_KEY does not open") })

	b.signal(syscall.SIGTERM)
	b.awaitExit()
	b.run()
	if code := b.awaitExit(); code != 1 || !b.log.has("maelstromd:", "MAEL_CLUSTER_KEY does not open") {
		t.Errorf("a start with the old key: exit code %d\n%s", code, b.log.tail(5))
	}
	for _, n := range []*node{b, a} {
		other := map[*node]*node{a: b, b: a}[n]
		if n == a {
			n.signal(syscall.SIGTERM)
			n.awaitExit()
		}
		heard := other.log.count(`msg="node is heard"`)
		n.setKey(key)
		n.start()
		other.await("the node that has the new key", patience, func() bool {
			return other.nodeRow(n.id).State == cluster.NodeUp && other.log.count(`msg="node is heard"`) > heard
		})
	}
	if now := a.fingerprint(); now != authority {
		t.Errorf("the authority %s became %s", authority, now)
	}
	if _, err := b.client().Rekey(t.Context(), rpc.RekeyRequest{Key: clusterKey}); err != nil {
		t.Errorf("back to the old key: %v", err)
	}
	for _, n := range []*node{a, b} {
		if n.log.has(key) {
			t.Error("the log has the key")
		}
	}
}
