package cluster

import (
	"cmp"
	"maps"
	"slices"

	"maelstrom/project"
	"maelstrom/project/route"
)

// NewSnapshot returns an empty snapshot.
func NewSnapshot() *Snapshot { return &Snapshot{Routes: route.New(nil), Disabled: route.New(nil)} }

// With returns the snapshot after cs. Its cost is that of the change, unless
// cs is Full.
func (s *Snapshot) With(cs ChangeSet) *Snapshot {
	if cs.Full {
		return s.reload(cs)
	}
	n := *s
	n.Number = cs.Number
	n.Projects = withRows(s.Projects, cs.Projects)
	n.putComponents(cs.Components)
	n.putEventSources(cs.EventSources)
	n.putPlacements(cs.Placements)
	n.putNodes(cs.Nodes)
	n.putSources(cs)
	n.Runs = withRows(s.Runs, cs.Runs)
	if cs.rows() > 0 {
		n.changed = cs.Number
	}
	return &n
}

// reload builds everything anew; of s only what nodes have pushed survives, and
// which of them are heard.
func (s *Snapshot) reload(cs ChangeSet) *Snapshot {
	n := NewSnapshot()
	n.Silent, n.Away, n.Cut = s.Silent, s.Away, s.Cut
	n.Number, n.changed = cs.Number, cs.Number
	n.Projects = withRows(n.Projects, cs.Projects)
	n.Nodes = withRows(n.Nodes, cs.Nodes)
	n.putComponents(cs.Components)
	n.putEventSources(cs.EventSources)
	n.putPlacements(cs.Placements)
	n.putSources(cs)
	n.Runs = withRows(n.Runs, cs.Runs)
	n.keepLists(s, cs.Instances)
	return n
}

// keepLists takes the newer of what s and the database know of each node.
// Lists of nodes that have left are dropped; one of a node whose row has not
// been seen yet is ahead of the database and stays.
func (s *Snapshot) keepLists(old *Snapshot, stored []InstanceList) {
	for node, l := range old.lists.All() {
		_, was := old.Nodes.Get(node)
		_, is := s.Nodes.Get(node)
		if is || !was {
			s.putInstances(l)
		}
	}
	for i := range stored {
		s.putInstances(&stored[i])
	}
}

func (s *Snapshot) putComponents(rows map[string]*ComponentRow) {
	minimum := map[string]int{}
	unreleased, rolling := map[string]*ComponentRow{}, map[string]*ComponentRow{}
	awake, learned := map[string]*ComponentRow{}, map[string]*ComponentRow{}
	var remove []string
	for name, row := range rows {
		unreleased[name], rolling[name], awake[name], learned[name] = nil, nil, nil, nil
		if row != nil && row.Unreleased() {
			unreleased[name] = row
		}
		if row != nil && (row.Gated() || row.Failed != nil && !row.Failed.RetryAt.IsZero()) {
			rolling[name] = row
		}
		if row != nil && len(row.Current().Effective.Awake) > 0 {
			awake[name] = row
		}
		if row != nil && row.Current().Effective.Idle == project.IdleLearned {
			learned[name] = row
		}
		if row != nil && row.Current().Effective.MinInstances > 0 {
			minimum[name] = row.Current().Effective.MinInstances
		} else {
			remove = append(remove, name)
		}
	}
	s.Components = withRows(s.Components, rows)
	s.Unreleased = withRows(s.Unreleased, unreleased)
	s.Rolling = withRows(s.Rolling, rolling)
	s.Awake = withRows(s.Awake, awake)
	s.Learned = withRows(s.Learned, learned)
	s.Minimum = s.Minimum.With(minimum, remove)
}

func (s *Snapshot) putEventSources(rows map[string]*EventSourceRow) {
	if len(rows) == 0 {
		return
	}
	var rules, disabled []route.Rule
	var routeless, enabled, cronless []string
	crons := map[string]*EventSourceRow{}
	for name, row := range rows {
		if rule, ok := RouteRule(row); ok {
			rules = append(rules, rule)
		} else {
			routeless = append(routeless, name)
		}
		if rule, ok := DisabledRule(row); ok {
			disabled = append(disabled, rule)
		} else {
			enabled = append(enabled, name)
		}
		if row != nil && row.Spec.Cron != nil {
			crons[name] = row
		} else {
			cronless = append(cronless, name)
		}
	}
	s.putCronsOf(rows)
	s.EventSources = withRows(s.EventSources, rows)
	s.Crons = s.Crons.With(crons, cronless)
	s.Routes = s.Routes.With(rules, routeless)
	s.Disabled = s.Disabled.With(disabled, enabled)
}

// putCronsOf takes in rows that take the place of those in EventSources.
func (s *Snapshot) putCronsOf(rows map[string]*EventSourceRow) {
	lists := map[string][]*EventSourceRow{}
	own := func(component string) []*EventSourceRow {
		if _, mine := lists[component]; !mine {
			list, _ := s.CronsOf.Get(component)
			lists[component] = slices.Clone(list)
		}
		return lists[component]
	}
	for name, row := range rows {
		if old, _ := s.EventSources.Get(name); old != nil && old.Spec.Cron != nil {
			lists[old.Spec.Component] = slices.DeleteFunc(own(old.Spec.Component), func(r *EventSourceRow) bool { return r.Spec.Name == name })
		}
		if row != nil && row.Spec.Cron != nil && row.Enabled {
			lists[row.Spec.Component] = append(own(row.Spec.Component), row)
		}
	}
	for _, list := range lists {
		slices.SortFunc(list, func(a, b *EventSourceRow) int { return cmp.Compare(a.Spec.Name, b.Spec.Name) })
	}
	s.CronsOf = withFilled(s.CronsOf, lists, func(l []*EventSourceRow) bool { return len(l) > 0 })
}

func (s *Snapshot) putPlacements(rows map[string]*Placement) {
	if len(rows) == 0 {
		return
	}
	components := map[string][]*Placement{}
	nodes := map[string]map[string]*Placement{}
	reported := map[string]string{}
	for id, row := range rows {
		if in, ok := s.Instances.Get(id); ok {
			reported[id] = in.Component
		}
		if old, ok := s.Placements.Get(id); ok {
			list := ownList(components, s.ByComponent, old.Component)
			components[old.Component] = slices.DeleteFunc(list, func(p *Placement) bool { return p.ID == id })
			delete(ownNode(nodes, s.ByNode, old.Node), id)
		}
		if row != nil {
			components[row.Component] = append(ownList(components, s.ByComponent, row.Component), row)
			ownNode(nodes, s.ByNode, row.Node)[id] = row
		}
	}
	for _, list := range components {
		slices.SortFunc(list, func(a, b *Placement) int { return cmp.Compare(a.Slot, b.Slot) })
	}
	s.Placements = withRows(s.Placements, rows)
	s.ByComponent = withFilled(s.ByComponent, components, func(l []*Placement) bool { return len(l) > 0 })
	s.ByNode = withFilled(s.ByNode, nodes, func(m map[string]*Placement) bool { return len(m) > 0 })
	s.follow(reported)
}

func ownList(owned map[string][]*Placement, from Map[[]*Placement], component string) []*Placement {
	if l, ok := owned[component]; ok {
		return l
	}
	l, _ := from.Get(component)
	return slices.Clone(l)
}

func ownNode(owned map[string]map[string]*Placement, from Map[map[string]*Placement], node string) map[string]*Placement {
	if m, ok := owned[node]; ok {
		return m
	}
	m, _ := from.Get(node)
	if m = maps.Clone(m); m == nil {
		m = map[string]*Placement{}
	}
	owned[node] = m
	return m
}

// withRows puts the rows that are there and removes those that are nil.
func withRows[V any](m Map[*V], rows map[string]*V) Map[*V] {
	return withFilled(m, rows, func(v *V) bool { return v != nil })
}

func withFilled[V any](m Map[V], rows map[string]V, filled func(V) bool) Map[V] {
	if len(rows) == 0 {
		return m
	}
	put := make(map[string]V, len(rows))
	var remove []string
	for k, v := range rows {
		if filled(v) {
			put[k] = v
		} else {
			remove = append(remove, k)
		}
	}
	return m.With(put, remove)
}
