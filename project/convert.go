package project

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// Bounds on what a file may ask for. A file without aliases never meets
// maxNodes, since each of its nodes takes a byte.
const (
	maxDepth    = 64
	maxNodes    = 100_000 + maxFileSize
	maxExpanded = 8 << 20 // bytes of variables' values
	hintDepth   = "a maelstrom.yml needs ten levels at most; was a bracket or an indentation lost?"
)

// converter turns one parsed file into nodes: it resolves aliases and merges,
// expands variables, and reports what is wrong whatever the keys mean.
type converter struct {
	src       *source
	undefined map[place]string
	variables *expander // shared by all files of a load
	unsetRule string
	report    func(Problem)

	anchored map[*yaml.Node]*node // nil while it is being built
	largest  *yaml.Node           // the alias that stands for most nodes
	most     int
	merged   int // pairs copied by merge keys
	stopped  bool
}

// tree converts a document; nil if its aliases expand to too much.
func (c *converter) tree(document *yaml.Node) *node {
	c.anchored = map[*yaml.Node]*node{}
	root := c.node(document.Content[0], "", 0)
	if c.stopped {
		return nil
	}
	if root.size+c.merged > maxNodes {
		at := c.largest
		if at == nil {
			at = document.Content[0]
		}
		c.problem(at, "", ruleExpansion, "the aliases of this file expand to too much",
			"write less with aliases; an alias of an alias of a list grows fast")
		return nil
	}
	return root
}

func (c *converter) problem(at *yaml.Node, path, rule, message string, hint string) {
	p := c.src.problem(rule, at.Line, at.Column, message, hint)
	p.Path = path
	c.report(p)
}

func (c *converter) node(y *yaml.Node, path string, depth int) *node {
	if depth > maxDepth {
		c.problem(y, path, ruleDepth, "nested too deeply", hintDepth)
		return c.dead(y)
	}
	if y.Kind == yaml.AliasNode {
		return c.alias(y, path, depth)
	}
	if y.Anchor != "" {
		c.anchored[y] = nil
	}
	n := c.build(y, path, depth)
	if y.Anchor != "" {
		c.anchored[y] = n
	}
	return n
}

func (c *converter) build(y *yaml.Node, path string, depth int) *node {
	n := &node{src: c.src, line: y.Line, column: y.Column, endLine: y.Line, size: 1}
	if !c.knownTag(y, path) {
		n.tag, n.broken = "!!null", true
		return n
	}
	switch y.Kind {
	case yaml.MappingNode:
		n.kind = mapNode
		c.mapping(n, y, path, depth)
	case yaml.SequenceNode:
		n.kind = listNode
		n.items = make([]*node, 0, len(y.Content))
		for i, item := range y.Content {
			n.add(c.node(item, path+"["+strconv.Itoa(i)+"]", depth+1))
		}
	default:
		c.scalar(n, y, path)
	}
	return n
}

// add makes child the next item of a list.
func (n *node) add(child *node) {
	n.items = append(n.items, child)
	n.cover(child)
}

// cover counts child and extends n to where it ends.
func (n *node) cover(child *node) {
	n.size = min(n.size+child.size, maxNodes+1)
	if child.src == n.src {
		n.endLine = max(n.endLine, child.endLine)
	}
}

// dead is a node about which everything is said.
func (c *converter) dead(y *yaml.Node) *node {
	return &node{src: c.src, line: y.Line, column: y.Column, endLine: y.Line, size: 1, tag: "!!null", broken: true}
}

func (c *converter) alias(y *yaml.Node, path string, depth int) *node {
	n, built := c.anchored[y.Alias]
	switch {
	case !built:
		n = c.node(y.Alias, path, depth)
	case n == nil:
		c.problem(y, path, ruleRecursion, "the alias *"+c.src.masks.raw(y.Value)+" stands within its own anchor",
			"write the value out")
		return c.dead(y)
	}
	if n.size > c.most {
		c.largest, c.most = y, n.size
	}
	return n
}

// knownTag reports a tag that is none of YAML's own or does not fit.
func (c *converter) knownTag(y *yaml.Node, path string) bool {
	if y.Style&yaml.TaggedStyle == 0 {
		return true
	}
	known := false
	switch y.Tag {
	case "!!str", "!!int", "!!float", "!!bool", "!!null":
		known = y.Kind == yaml.ScalarNode
	case "!!map":
		known = y.Kind == yaml.MappingNode
	case "!!seq":
		known = y.Kind == yaml.SequenceNode
	}
	if !known {
		c.problem(y, path, ruleTag, "the tag "+c.src.masks.raw(y.Tag)+" has no meaning here",
			"remove it, or put a text that begins with ! in quotes")
	}
	return known
}

func (c *converter) scalar(n *node, y *yaml.Node, path string) {
	if anchor, undefined := c.undefined[place{y.Line, y.Column}]; undefined {
		message, hint := c.src.undefinedAlias(anchor)
		c.problem(y, path, ruleAlias, message, hint)
		n.tag, n.broken = "!!null", true
		return
	}
	n.tag, n.style, n.masked, n.text = y.Tag, y.Style, y.Value, y.Value
	if y.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		n.block = c.src.blockLine(y)
		n.endLine = n.blockEnd()
	}
	if c.src.masks.has(y.Value) {
		c.expand(n, y, path)
	}
	switch {
	case c.src.cleaned && strings.ContainsRune(n.text, utf8.RuneError): // reported with the text
		n.broken = true
	case strings.ContainsRune(n.text, 0):
		c.problem(y, path, ruleControl, "a NUL byte", "remove it; no container can be given one")
		n.broken = true
	case !utf8.ValidString(n.text):
		c.problem(y, path, ruleEncoding, "the value of a variable here is not UTF-8", "set it to a text")
		n.broken = true
	}
}

func (c *converter) expand(n *node, y *yaml.Node, path string) {
	e := c.variables.expand(c.src.masks, y.Value, y.Style)
	n.text, n.unset, n.secret = e.text, e.unset, e.secret
	if e.tooBig && !c.stopped {
		c.stopped = true
		c.problem(y, path, ruleExpansion, fmt.Sprintf("the values of all variables together exceed %d bytes", maxExpanded),
			"use a large value less often, or mount a file")
	}
	if n.plain() && n.text == "" {
		n.tag = "!!null"
	}
}
