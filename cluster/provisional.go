package cluster

import (
	"cmp"
	"slices"
)

// Placed returns the placements of a component that requests are sent to: its
// rows, and what nodes run without one. That are provisional placements and,
// while the database is away from this node, all whose row it can't have seen.
// Nodes that are not heard don't count then: nobody can move what is there.
func (s *Snapshot) Placed(component string) []*Placement {
	rows, _ := s.ByComponent.Get(component)
	unplaced, _ := s.Unplaced.Get(component)
	if !s.Away && len(unplaced) == 0 {
		return rows
	}
	placed := make([]*Placement, 0, len(rows)+len(unplaced))
	for _, p := range rows {
		if !s.Away || s.Hears(p.Node) {
			placed = append(placed, p)
		}
	}
	for _, i := range unplaced {
		if i.Provisional && !s.Away || s.Away && s.Hears(i.Node) {
			placed = append(placed, i.placement())
		}
	}
	return placed
}

// placement is what an instance without a row would have as one.
func (i *Instance) placement() *Placement {
	return &Placement{
		ID: i.Placement, Component: i.Component, Slot: i.Slot, Node: i.Node, Want: WantRun,
		PlacedVersion: i.ComponentVersion, MemoryMiB: i.MemoryMiB,
	}
}

// follow keeps Unplaced true of these placements, each of a component.
func (s *Snapshot) follow(components map[string]string) {
	touched := map[string][]*Instance{}
	for id, component := range components {
		list := ownUnplaced(touched, s.Unplaced, component)
		list = slices.DeleteFunc(list, func(i *Instance) bool { return i.Placement == id })
		_, placed := s.Placements.Get(id)
		if in, ok := s.Instances.Get(id); ok && !placed && in.Component == component {
			list = append(list, in)
		}
		touched[component] = list
	}
	for _, list := range touched {
		slices.SortFunc(list, func(a, b *Instance) int { return cmp.Compare(a.Placement, b.Placement) })
	}
	s.Unplaced = withFilled(s.Unplaced, touched, func(l []*Instance) bool { return len(l) > 0 })
}

func ownUnplaced(owned map[string][]*Instance, from Map[[]*Instance], component string) []*Instance {
	if l, ok := owned[component]; ok {
		return l
	}
	l, _ := from.Get(component)
	return slices.Clone(l)
}

// WithReach returns the snapshot in which the database is away from this node,
// or not, and exactly these other nodes say that it is away from them. It is s
// itself if that is so already.
func (s *Snapshot) WithReach(away bool, cut map[string]bool) *Snapshot {
	put, remove := differing(s.Cut, cut)
	if away == s.Away && len(put)+len(remove) == 0 {
		return s
	}
	n := *s
	n.Away, n.Cut = away, s.Cut.With(put, remove)
	return &n
}

// differing is what makes a set the one that it shall be.
func differing(is Map[bool], shall map[string]bool) (put map[string]bool, remove []string) {
	put = map[string]bool{}
	for key := range is.All() {
		if !shall[key] {
			remove = append(remove, key)
		}
	}
	for key, in := range shall {
		if _, known := is.Get(key); in && !known {
			put[key] = true
		}
	}
	return put, remove
}

// SetReach says whether the database is away from this node, and from which
// other nodes that are heard.
func (f *Feed) SetReach(away bool, cut map[string]bool) {
	f.change(func(s *Snapshot) *Snapshot { return s.WithReach(away, cut) })
}
