package project

import (
	"strings"

	"gopkg.in/yaml.v3"
)

// kind is what a node is.
type kind uint8

const (
	scalarNode kind = iota
	listNode
	mapNode
)

// node is one value of a file after aliases, merges, variables and overlays:
// what the decoder reads. Nodes are shared where an alias names them and are
// never changed once built.
type node struct {
	src     *source
	kind    kind
	line    int
	column  int
	endLine int
	block   int // of a literal or folded scalar, the line of its | or >
	size    int // nodes below and including this one, aliases expanded

	items []*node
	pairs []pair

	tag     string // of a scalar: !!str, !!int, ...
	style   yaml.Style
	masked  string // as parsed, variables masked
	text    string // variables expanded
	unset   []unset
	secret  bool // text holds the value of a secret variable
	removed bool // an overlay's null took this value away
	broken  bool // a problem was reported here; say nothing more
}

type pair struct {
	key, value *node
}

// null tells whether n counts as not written.
func (n *node) null() bool { return n.kind == scalarNode && n.tag == "!!null" }

// plain tells whether n is a scalar without quotes.
func (n *node) plain() bool {
	const quoted = yaml.DoubleQuotedStyle | yaml.SingleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle
	return n.style&quoted == 0
}

// tagged tells whether n's type was written out, as in !!str yes.
func (n *node) tagged() bool { return n.style&yaml.TaggedStyle != 0 }

// raw is the text of a scalar as it was written, variables unexpanded.
func (n *node) raw() string { return n.src.masks.raw(n.masked) }

// variable tells whether a variable stands in the scalar.
func (n *node) variable() bool { return n.src.masks.has(n.masked) }

// find is the pair with that key, written or not.
func (n *node) find(key string) (pair, bool) {
	for _, p := range n.pairs {
		if p.key.text == key {
			return p, true
		}
	}
	return pair{}, false
}

// get is the value that is written under key, well or badly; nil if none is.
func (n *node) get(key string) *node {
	if p, ok := n.find(key); ok && (!p.value.null() || p.value.broken) {
		return p.value
	}
	return nil
}

// item is the i-th item of a list, nil if there is none.
func (n *node) item(i int) *node {
	if i < 0 || i >= len(n.items) {
		return nil
	}
	return n.items[i]
}

// locate follows a path such as volumes[1].target down from n as far as it is
// written. broken tells that a problem was reported on the way.
func (n *node) locate(path string) (found *node, exact, broken bool) {
	for n != nil {
		found, broken = n, broken || n.broken
		step, rest := cutPath(path)
		switch {
		case step == "":
			return found, true, broken
		case step[0] == '[':
			n = n.item(atoi(strings.Trim(step, "[]")))
		default:
			n = n.get(step)
		}
		path = rest
	}
	return found, false, broken
}

// cutPath splits the first step, a key or [index], from a path.
func cutPath(path string) (step, rest string) {
	path = strings.TrimPrefix(path, ".")
	if path == "" {
		return "", ""
	}
	if end := strings.IndexAny(path[1:], ".["); end >= 0 {
		return path[:end+1], path[end+1:]
	}
	return path, ""
}

func atoi(digits string) int {
	n := 0
	for _, d := range digits {
		n = n*10 + int(d-'0')
	}
	return n
}
