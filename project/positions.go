package project

import "strings"

// positions remembers where everything below n was written, under keys that
// begin with prefix.
func (l *loader) positions(prefix string, n *node) {
	l.where[prefix] = n.position()
	for _, p := range n.pairs {
		if p.value.null() {
			continue
		}
		key := prefix + "." + p.key.text
		switch {
		case p.value.kind == mapNode && p.key.text != "eventsources":
			l.positions(key, p.value)
		case p.key.text == "environment":
			l.environmentPositions(key, p.value)
		default:
			l.where[key] = p.value.position()
		}
	}
}

// environmentPositions remembers the list and each of its names.
func (l *loader) environmentPositions(key string, list *node) {
	l.where[key] = list.position()
	for _, item := range list.items {
		if name, _, ok := strings.Cut(item.text, "="); ok {
			l.where[key+"."+name] = item.position()
		}
	}
}
