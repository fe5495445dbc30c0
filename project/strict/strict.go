// Package strict reads small YAML files of a fixed form key by key and tells
// everything that is wrong with them, with its place: keys that don't exist,
// keys written twice, values of another kind.
package strict

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"maelstrom/project"
)

// MaxFile is how many bytes a file may have.
const MaxFile = 1 << 20

// Reader reads one file. The zero value with a File is ready to use.
type Reader struct {
	File string // as messages shall show it

	// Problems are those that were found, in the order in which it was read.
	Problems []project.Problem
}

// Keys says what is done with each key of a mapping.
type Keys map[string]func(value *yaml.Node, path string)

// Add notes what is wrong with n.
func (r *Reader) Add(n *yaml.Node, path, message, hint string) {
	r.Problems = append(r.Problems, project.Problem{
		Severity: project.Error, File: r.File, Line: max(n.Line, 1), Column: max(n.Column, 1), EndLine: max(n.Line, 1),
		Path: path, Message: message, Hint: hint,
	})
}

// Sorted returns the problems by their places.
func (r *Reader) Sorted() []project.Problem {
	slices.SortStableFunc(r.Problems, func(a, b project.Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return r.Problems
}

var yamlLine = regexp.MustCompile(`^yaml: line (\d+): `)

// Empty is what is said of a file, or a list, in which nothing is written. It
// need not be meant: who reads while another writes sees that as well.
const Empty = "nothing is declared here: the file may not be whole"

// Document returns the only document of a file; nil: there is none, which is
// noted, with hint where the file is empty.
func (r *Reader) Document(data []byte, hint string) *yaml.Node {
	top := &yaml.Node{Line: 1, Column: 1}
	switch {
	case len(data) > MaxFile:
		r.Add(top, "", "the file is larger than 1 MiB", "split it")
		return nil
	case !utf8.Valid(data):
		r.Add(top, "", "the file is not UTF-8", "save it as UTF-8")
		return nil
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var doc, more yaml.Node
	err := decoder.Decode(&doc)
	if errors.Is(err, io.EOF) || err == nil && isEmpty(doc.Content[0]) {
		r.Add(top, "", Empty, hint)
		return nil
	}
	if err == nil {
		if err = decoder.Decode(&more); err == nil {
			r.Add(&more, "", "the file holds more than one document", "remove the line ---")
			return nil
		}
	}
	if !errors.Is(err, io.EOF) {
		r.addSyntax(top, err.Error())
		return nil
	}
	return doc.Content[0]
}

// addSyntax notes what the parser says, in the line that it names.
func (r *Reader) addSyntax(at *yaml.Node, text string) {
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		at.Line, _ = strconv.Atoi(m[1])
		text = text[len(m[0]):]
	}
	r.Add(at, "", "this is not YAML: "+strings.TrimPrefix(text, "yaml: "), "a list item begins with - and a blank; keys of one mapping begin in one column")
}

// isEmpty tells whether a document says nothing.
func isEmpty(root *yaml.Node) bool {
	return IsNull(root) || root.Kind == yaml.MappingNode && len(root.Content) == 0
}

// IsNull tells whether a key has no value.
func IsNull(n *yaml.Node) bool { return n.Tag == "!!null" }

// Mapping calls what belongs to each key. A key without a value is not written.
func (r *Reader) Mapping(n *yaml.Node, path string, keys Keys) {
	r.pairs(n, path, func(key, value *yaml.Node, path string) {
		read := keys[key.Value]
		switch {
		case read == nil:
			r.Add(key, path, "there is no such key", hintKey(key.Value, keys))
		case r.isAlias(value, path), IsNull(value):
		default:
			read(value, path)
		}
	})
}

// EachName calls read for every key of a mapping whose keys are names.
func (r *Reader) EachName(n *yaml.Node, path string, read func(name string, value *yaml.Node, path string)) {
	r.pairs(n, path, func(key, value *yaml.Node, path string) {
		if !r.isAlias(value, path) {
			read(key.Value, value, path)
		}
	})
}

// pairs goes through a mapping.
func (r *Reader) pairs(n *yaml.Node, path string, read func(key, value *yaml.Node, path string)) {
	if n.Kind != yaml.MappingNode {
		r.Add(n, path, "a mapping belongs here", "write keys and values, such as name: shop")
		return
	}
	seen := map[string]bool{}
	for k := 0; k+1 < len(n.Content); k += 2 {
		key := n.Content[k]
		below := strings.TrimPrefix(path+"."+key.Value, ".")
		if seen[key.Value] {
			r.Add(key, below, "the key is written twice", "remove one of the two")
			continue
		}
		seen[key.Value] = true
		read(key, n.Content[k+1], below)
	}
}

func (r *Reader) isAlias(n *yaml.Node, path string) bool {
	if n.Kind == yaml.AliasNode {
		r.Add(n, path, "aliases are not read here", "write it out")
	}
	return n.Kind == yaml.AliasNode
}

// Each calls read for every item of a list.
func (r *Reader) Each(n *yaml.Node, path string, read func(item *yaml.Node, path string)) {
	if n.Kind != yaml.SequenceNode {
		r.Add(n, path, "a list belongs here", "begin each item with - and a blank")
		return
	}
	for k, item := range n.Content {
		if below := fmt.Sprintf("%s[%d]", path, k); !r.isAlias(item, below) {
			read(item, below)
		}
	}
}

// Scalar returns a single value; false: it is none, which is noted.
func (r *Reader) Scalar(n *yaml.Node, path string) (string, bool) {
	if n.Kind != yaml.ScalarNode {
		r.Add(n, path, "one value belongs here", "write it on this line")
		return "", false
	}
	return n.Value, true
}

// hintKey suggests what may have been meant.
func hintKey(word string, keys Keys) string {
	names := slices.Sorted(maps.Keys(keys))
	if near := project.Nearest(word, names); near != "" {
		return "did you mean " + near + "?"
	}
	return "the keys here are " + strings.Join(names, ", ")
}
