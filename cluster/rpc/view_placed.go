package rpc

import (
	"maps"
	"slices"

	"maelstrom/cluster"
)

// placements are what a component has: its rows, and after them what nodes run
// without one.
func (v view) placements(component string) []*cluster.Placement {
	rows, _ := v.snap.ByComponent.Get(component)
	list := slices.Clip(rows) // the snapshot's own
	for _, p := range v.snap.Placed(component) {
		if _, known := v.snap.Placements.Get(p.ID); !known {
			list = append(list, p)
		}
	}
	return list
}

// occupied names the components that have any, sorted.
func (v view) occupied() []string {
	names := map[string]bool{}
	for name := range v.snap.ByComponent.All() {
		names[name] = true
	}
	for name := range v.snap.Unplaced.All() {
		names[name] = true
	}
	return slices.Sorted(maps.Keys(names))
}
