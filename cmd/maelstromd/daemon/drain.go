package daemon

import "maelstrom/cluster"

// yields tells whether a node is drained and another one is there for its roles.
func yields(snap *cluster.Snapshot, node string) bool {
	own, ok := snap.Nodes.Get(node)
	if !ok || own.Drain == cluster.DrainNone {
		return false
	}
	for id, n := range snap.Nodes.All() {
		if id != node && n.State == cluster.NodeUp && snap.Hears(id) {
			return true
		}
	}
	return false
}
