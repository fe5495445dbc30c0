package project

import (
	"fmt"

	"gopkg.in/yaml.v3"
)

// mapping fills n with the pairs of y and with those that its merge keys
// bring. A key that is written wins over a merged one unless it is empty.
func (c *converter) mapping(n *node, y *yaml.Node, path string, depth int) {
	n.pairs = make([]pair, 0, len(y.Content)/2)
	seen := keySet{}
	var merges []*yaml.Node
	for i := 0; i+1 < len(y.Content); i += 2 {
		key := c.key(y.Content[i], path, depth)
		if key == nil {
			c.node(y.Content[i+1], path, depth+1)
			continue
		}
		first := seen.add(key, n.pairs)
		if first != nil {
			c.problem(y.Content[i], joinPath(path, key.raw()), ruleDuplicateKey,
				fmt.Sprintf("the key %s is written twice; first on line %d", quote(key.raw()), first.line), "keep one of the two")
			c.node(y.Content[i+1], joinPath(path, key.raw()), depth+1)
			continue
		}
		if key.tag == "!!merge" {
			merges = append(merges, y.Content[i+1])
			n.pairs = append(n.pairs, pair{key, c.dead(y.Content[i+1])})
			continue
		}
		value := c.node(y.Content[i+1], joinPath(path, key.raw()), depth+1)
		if value.null() && value.masked == "" && !value.broken { // an empty value has no place of its own
			value.line, value.column, value.endLine = key.line, key.column, key.line
		}
		n.pairs = append(n.pairs, pair{key, value})
		n.cover(value)
	}
	n.dropMergeKey()
	for _, m := range merges {
		c.merge(n, m, path, depth)
	}
}

// key converts a key; nil, with a problem, if it can't be one.
func (c *converter) key(y *yaml.Node, path string, depth int) *node {
	key := c.node(y, path, depth+1)
	switch {
	case key.broken:
		return nil
	case key.kind != scalarNode:
		c.problem(y, path, ruleType, "a key must be a text, not "+key.describe(), "write key: value")
		return nil
	}
	for _, u := range key.unset {
		rule := u.rule(c.unsetRule)
		key.broken = key.broken || rule == ruleUnset
		c.problem(y, joinPath(path, key.raw()), rule, u.describe(), u.hint())
	}
	return key
}

// merge adds the pairs of the mapping, or list of mappings, that << names.
func (c *converter) merge(n *node, y *yaml.Node, path string, depth int) {
	from := c.node(y, joinPath(path, "<<"), depth+1)
	list := []*node{from}
	if from.kind == listNode {
		list = from.items
	}
	for _, m := range list {
		switch {
		case m.broken, m.null():
		case m.kind != mapNode:
			c.problem(y, joinPath(path, "<<"), ruleType, "<< takes a mapping or a list of mappings, not "+m.describe(),
				"write <<: *anchor, with the anchor at a mapping")
		default:
			c.mergePairs(n, m)
		}
	}
}

func (c *converter) mergePairs(n, from *node) {
	c.merged += len(from.pairs)
	if c.merged > maxNodes {
		return
	}
	at := make(map[string]int, len(n.pairs))
	for i, p := range n.pairs {
		at[p.key.text] = i
	}
	for _, p := range from.pairs {
		i, written := at[p.key.text]
		switch {
		case !written:
			n.pairs = append(n.pairs, p)
			n.size = min(n.size+p.value.size, maxNodes+1)
		case n.pairs[i].value.null() && !n.pairs[i].value.broken:
			n.pairs[i].value = p.value
		}
	}
}

// dropMergeKey removes the pair that stood in for << while keys were compared.
func (n *node) dropMergeKey() {
	kept := n.pairs[:0]
	for _, p := range n.pairs {
		if p.key.tag != "!!merge" {
			kept = append(kept, p)
		}
	}
	n.pairs = kept
}

// keySet finds a key's first appearance; it grows an index only for mappings
// that are too long to look through.
type keySet map[string]*node

func (s keySet) add(key *node, pairs []pair) (first *node) {
	const few = 8
	if len(pairs) < few {
		for _, p := range pairs {
			if p.key.text == key.text {
				return p.key
			}
		}
		return nil
	}
	if len(s) == 0 {
		for _, p := range pairs {
			s[p.key.text] = p.key
		}
	}
	if first = s[key.text]; first == nil {
		s[key.text] = key
	}
	return first
}

func joinPath(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
