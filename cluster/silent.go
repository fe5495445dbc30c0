package cluster

// WithSilent returns the snapshot in which exactly these nodes are not heard.
// It is s itself if that is so already.
func (s *Snapshot) WithSilent(nodes map[string]bool) *Snapshot {
	put, remove := differing(s.Silent, nodes)
	if len(put)+len(remove) == 0 {
		return s
	}
	n := *s
	n.Silent = s.Silent.With(put, remove)
	return &n
}

// Hears tells whether requests may be sent to a node, as far as this one can
// tell.
func (s *Snapshot) Hears(node string) bool {
	_, silent := s.Silent.Get(node)
	return !silent
}

// SetSilent says which other nodes are not heard at present.
func (f *Feed) SetSilent(nodes map[string]bool) {
	f.change(func(s *Snapshot) *Snapshot { return s.WithSilent(nodes) })
}
