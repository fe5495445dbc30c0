package cluster

// WithInstances returns the snapshot after a node's report. It is s itself if
// s knows a report as new or newer.
func (s *Snapshot) WithInstances(l InstanceList) *Snapshot {
	n := *s
	if !n.putInstances(&l) {
		return s
	}
	return &n
}

// putInstances takes l in if it is news.
func (s *Snapshot) putInstances(l *InstanceList) bool {
	old, known := s.lists.Get(l.Node)
	if known && !l.Newer(old.Epoch, old.Counter) && !refresh(old, l) {
		return false
	}
	s.lists = s.lists.With(map[string]*InstanceList{l.Node: l}, nil)
	s.Lists = s.Lists.With(map[string]ListPosition{l.Node: {Epoch: l.Epoch, Counter: l.Counter}}, nil)
	s.showInstances(old, l)
	return true
}

// refresh tells whether both lists come from the database, which keeps no
// counter: what was read later is newer.
func refresh(old, l *InstanceList) bool {
	return old.Counter == 0 && l.Counter == 0 && l.Epoch == old.Epoch
}

// putNodes changes the nodes, and hides the instances that a node reported
// before its last start, or that belong to a node that is gone.
func (s *Snapshot) putNodes(rows map[string]*Node) {
	s.Nodes = withRows(s.Nodes, rows)
	for id, row := range rows {
		l, ok := s.lists.Get(id)
		if !ok {
			continue
		}
		if row == nil {
			s.lists = s.lists.With(nil, []string{id})
			s.Lists = s.Lists.With(nil, []string{id})
			s.showInstances(l, nil)
		} else {
			s.showInstances(l, l)
		}
	}
}

// showInstances makes Instances follow the step from one list of a node to
// the next; either may be nil.
func (s *Snapshot) showInstances(old, l *InstanceList) {
	put := map[string]*Instance{}
	if l != nil && s.current(l) {
		for i := range l.Instances {
			put[l.Instances[i].Placement] = &l.Instances[i]
		}
	}
	var remove []string
	changed := map[string]string{}
	if old != nil {
		for i := range old.Instances {
			id := old.Instances[i].Placement
			if shown, ok := s.Instances.Get(id); ok && put[id] == nil && shown.Node == old.Node {
				remove = append(remove, id)
				changed[id] = shown.Component
			}
		}
	}
	for id, i := range put {
		if shown, ok := s.Instances.Get(id); ok && *shown == *i {
			delete(put, id)
			continue
		}
		changed[id] = i.Component
	}
	s.Instances = s.Instances.With(put, remove)
	s.follow(changed)
}

// current tells whether l was sent since its node's last known start, by a
// node that is not lost.
func (s *Snapshot) current(l *InstanceList) bool {
	node, ok := s.Nodes.Get(l.Node)
	return !ok || l.Epoch >= node.Epoch && !node.Lost
}
