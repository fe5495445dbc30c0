package project

import (
	"strconv"
	"strings"
)

// positions remembers where everything below n was written, under keys that
// begin with prefix.
func (l *loader) positions(prefix string, n *node) {
	l.where[prefix] = n.position()
	for _, p := range n.pairs {
		if key := prefix + "." + p.key.text; !p.value.null() {
			l.positionsOf(key, p.value)
		}
	}
}

func (l *loader) positionsOf(key string, n *node) {
	switch {
	case n.kind == mapNode && !strings.HasSuffix(key, ".eventsources"):
		l.positions(key, n)
	case n.kind == listNode && !strings.HasSuffix(key, ".environment"):
		l.where[key] = n.position()
		for i, item := range n.items {
			l.where[key+"."+strconv.Itoa(i)] = item.position()
			if name := item.elementName(); name != "" {
				l.where[key+"."+name] = item.position()
			}
		}
	default:
		l.where[key] = n.position()
	}
}

// elementName is what tells a list's element from the others: the target of a
// volume, the name of a header or limit, "" if only its index does.
func (n *node) elementName() string {
	for _, key := range []string{"target", "name"} {
		if name := n.get(key); name != nil {
			return name.text
		}
	}
	name, _, _ := strings.Cut(n.text, "=")
	return name
}
