package cluster

import "slices"

// putSources takes in what has to do with sources.
func (s *Snapshot) putSources(cs ChangeSet) {
	s.Sources = withRows(s.Sources, cs.Sources)
	s.SourceStatuses = withRows(s.SourceStatuses, cs.SourceStatuses)
	s.putProjectStatuses(cs.ProjectStatuses)
	s.Controls = withRows(s.Controls, cs.Controls)
	s.Notifiers = withRows(s.Notifiers, cs.Notifiers)
	s.Alerts = withRows(s.Alerts, cs.Alerts)
}

// putProjectStatuses touches the indexes only for statuses that come, go or
// get another project.
func (s *Snapshot) putProjectStatuses(rows map[string]*ProjectStatus) {
	bySource, byProject := keyIndex{from: s.BySource}, keyIndex{from: s.ByProject}
	for key, row := range rows {
		old, had := s.ProjectStatuses.Get(key)
		switch {
		case had && row != nil && old.Source == row.Source && old.Project == row.Project:
			continue
		case had:
			bySource.remove(old.Source, key)
			byProject.remove(old.Project, key)
		}
		if row != nil {
			bySource.add(row.Source, key)
			byProject.add(row.Project, key)
		}
	}
	s.ProjectStatuses = withRows(s.ProjectStatuses, rows)
	s.BySource, s.ByProject = bySource.done(), byProject.done()
}

// keyIndex is an index of keys by a name being changed; nothing is indexed
// under the empty name.
type keyIndex struct {
	from    Map[[]string]
	added   map[string][]string
	removed map[string]map[string]bool
}

func (x *keyIndex) add(name, key string) {
	if name == "" {
		return
	}
	if x.added == nil {
		x.added = map[string][]string{}
	}
	x.added[name] = append(x.added[name], key)
}

func (x *keyIndex) remove(name, key string) {
	if name == "" {
		return
	}
	if x.removed == nil {
		x.removed = map[string]map[string]bool{}
	}
	if x.removed[name] == nil {
		x.removed[name] = map[string]bool{}
	}
	x.removed[name][key] = true
}

// done returns the changed index.
func (x *keyIndex) done() Map[[]string] {
	lists := map[string][]string{}
	for name := range x.removed {
		lists[name] = nil
	}
	for name := range x.added {
		lists[name] = nil
	}
	for name := range lists {
		old, _ := x.from.Get(name)
		list := make([]string, 0, len(old)+len(x.added[name]))
		for _, key := range old {
			if !x.removed[name][key] {
				list = append(list, key)
			}
		}
		list = append(list, x.added[name]...)
		slices.Sort(list)
		lists[name] = list
	}
	return withFilled(x.from, lists, func(keys []string) bool { return len(keys) > 0 })
}
