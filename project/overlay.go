package project

// overlaid is base with over laid upon it: mappings merge key by key, anything
// else replaces, null takes away. Neither is changed, and every value keeps
// the file and line that it came from.
func overlaid(base, over *node) *node {
	if base.kind != mapNode || over.kind != mapNode {
		return over
	}
	merged := *base
	merged.pairs = append([]pair(nil), base.pairs...)
	at := make(map[string]int, len(base.pairs))
	for i, p := range base.pairs {
		at[p.key.text] = i
	}
	for _, p := range over.pairs {
		i, both := at[p.key.text]
		switch {
		case p.value.null() && !p.value.broken:
			p.value = removal(p.value)
			fallthrough
		case !both:
			merged.put(i, both, p)
		default:
			merged.pairs[i].value = overlaid(base.pairs[i].value, p.value)
		}
	}
	return &merged
}

// put sets the i-th pair if it exists, else adds p at the end.
func (n *node) put(i int, exists bool, p pair) {
	if exists {
		n.pairs[i] = p
		return
	}
	n.pairs = append(n.pairs, p)
}

// removal is the null that takes a value away. It stays in the tree so that a
// mistyped key in an overlay is still found.
func removal(null *node) *node {
	taken := *null
	taken.removed = true
	return &taken
}
