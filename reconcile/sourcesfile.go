package reconcile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"maelstrom/cluster"
	"maelstrom/project"
)

// SourcesInput is everything that reading a sources file depends on.
type SourcesInput struct {
	File string // as messages shall show it
	Data []byte

	// Inside says that the file lies in a source: whoever may write there may
	// not read files and the environment of a daemon, nor set secrets.
	Inside bool

	Lookup   func(name string) (value string, ok bool) // answers ${NAME}
	ReadFile func(path string) ([]byte, error)         // for keys that name a file
}

// Declared is what a sources file declares.
type Declared struct {
	Sources   []DeclaredSource
	Notifiers []DeclaredNotifier
}

// DeclaredSource is one source of a file. Secrets is nil in a file inside of
// a source.
type DeclaredSource struct {
	Spec    *cluster.Source
	Secrets *cluster.SourceSecrets
	At      project.Position
}

// DeclaredNotifier is one notifier of a file. Secret is nil where it is to be
// kept as it is.
type DeclaredNotifier struct {
	Spec   *cluster.Notifier
	Secret *string
	At     project.Position
}

// maxSourcesFile bounds a sources file.
const maxSourcesFile = 1 << 20

// ParseSources reads a sources file and tells everything that is wrong with
// it. What it returns counts only if no problem is an error.
func ParseSources(in SourcesInput) (Declared, []project.Problem) {
	p := &sourcesParser{in: in}
	root := p.document()
	if root == nil {
		return Declared{}, p.problems
	}
	var out Declared
	names := map[string]project.Position{}
	p.listed(root)
	p.mapping(root, "", keySet{
		"sources": func(n *yaml.Node, path string) {
			p.each(n, path, func(item *yaml.Node, path string) {
				s := p.source(item, path)
				p.once(names, "source "+s.Spec.Name, item, path)
				out.Sources = append(out.Sources, s)
			})
		},
		"notifiers": func(n *yaml.Node, path string) {
			p.each(n, path, func(item *yaml.Node, path string) {
				s := p.notifier(item, path)
				p.once(names, "notifier "+s.Spec.Name, item, path)
				out.Notifiers = append(out.Notifiers, s)
			})
		},
	})
	slices.SortStableFunc(p.problems, func(a, b project.Problem) int { return 1000*(a.Line-b.Line) + a.Column - b.Column })
	return out, p.problems
}

// listed refuses a list at the top whose key has no value.
func (p *sourcesParser) listed(root *yaml.Node) {
	if root.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i+1 < len(root.Content); i += 2 {
		key := root.Content[i]
		if root.Content[i+1].Tag == "!!null" {
			p.add(key, key.Value, "nothing is declared here: the file may not be whole", "write "+key.Value+": [] if nothing is meant")
		}
	}
}

// firstError is the first error among problems, nil without one.
func firstError(problems []project.Problem) error {
	for _, p := range problems {
		if p.Severity == project.Error {
			return errors.New(p.String())
		}
	}
	return nil
}

// sourcesParser reads one file and collects what is wrong.
type sourcesParser struct {
	in       SourcesInput
	problems []project.Problem
}

// keySet says what is done with each key of a mapping.
type keySet map[string]func(value *yaml.Node, path string)

func (p *sourcesParser) add(n *yaml.Node, path, message, hint string) {
	p.problems = append(p.problems, project.Problem{
		Severity: project.Error, File: p.in.File, Line: max(n.Line, 1), Column: max(n.Column, 1), EndLine: max(n.Line, 1),
		Path: path, Message: message, Hint: hint,
	})
}

// hintNone says how to declare nothing. Nothing else means that: all that was
// declared before would go.
const hintNone = "write sources: [] if nothing is meant"

// isEmpty tells whether a document says nothing.
func isEmpty(root *yaml.Node) bool {
	return root.Tag == "!!null" || root.Kind == yaml.MappingNode && len(root.Content) == 0
}

var yamlLine = regexp.MustCompile(`^yaml: line (\d+): `)

// document is the only document of the file, nil if there is none.
func (p *sourcesParser) document() *yaml.Node {
	top := &yaml.Node{Line: 1, Column: 1}
	switch {
	case len(p.in.Data) > maxSourcesFile:
		p.add(top, "", "the file is larger than 1 MiB", "split it")
		return nil
	case !utf8.Valid(p.in.Data):
		p.add(top, "", "the file is not UTF-8", "save it as UTF-8")
		return nil
	}
	decoder := yaml.NewDecoder(bytes.NewReader(p.in.Data))
	var doc, more yaml.Node
	err := decoder.Decode(&doc)
	if errors.Is(err, io.EOF) || err == nil && isEmpty(doc.Content[0]) {
		p.add(top, "", "nothing is declared here: the file may not be whole", hintNone)
		return nil
	}
	if err == nil {
		if err = decoder.Decode(&more); err == nil {
			p.add(&more, "", "the file holds more than one document", "remove the line ---")
			return nil
		} else if errors.Is(err, io.EOF) {
			err = nil
		}
	}
	if err != nil {
		text := err.Error()
		if m := yamlLine.FindStringSubmatch(text); m != nil {
			top.Line, _ = strconv.Atoi(m[1])
			text = text[len(m[0]):]
		}
		p.add(top, "", "this is not YAML: "+strings.TrimPrefix(text, "yaml: "), "a list item begins with - and a blank; keys of one mapping begin in one column")
		return nil
	}
	return doc.Content[0]
}

// once refuses a second declaration of one name.
func (p *sourcesParser) once(seen map[string]project.Position, name string, n *yaml.Node, path string) {
	at := project.Position{File: p.in.File, Line: n.Line, Column: n.Column}
	if first, twice := seen[name]; twice {
		p.add(n, path+".name", fmt.Sprintf("the %s is declared in line %d as well", name, first.Line), "rename one of the two, or remove it")
		return
	}
	seen[name] = at
}

// mapping calls what belongs to each key. A key without a value is not written.
func (p *sourcesParser) mapping(n *yaml.Node, path string, keys keySet) {
	if n.Kind != yaml.MappingNode {
		p.add(n, path, "a mapping belongs here", "write keys and values, such as name: shop")
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		below := strings.TrimPrefix(path+"."+key.Value, ".")
		read, known := keys[key.Value]
		switch {
		case seen[key.Value]:
			p.add(key, below, "the key is written twice", "remove one of the two")
		case !known:
			p.add(key, below, "there is no such key", nearestKey(key.Value, keys))
		case value.Kind == yaml.AliasNode:
			p.add(value, below, "aliases are not read here", "write it out")
		case value.Tag != "!!null":
			read(value, below)
		}
		seen[key.Value] = true
	}
}

// each calls read for every item of a list.
func (p *sourcesParser) each(n *yaml.Node, path string, read func(item *yaml.Node, path string)) {
	if n.Kind != yaml.SequenceNode {
		p.add(n, path, "a list belongs here", "begin each item with - and a blank")
		return
	}
	for i, item := range n.Content {
		read(item, fmt.Sprintf("%s[%d]", path, i))
	}
}

var reference = regexp.MustCompile(`\$?\$\{([^}]*)\}`)

// text is a scalar with its variables expanded.
func (p *sourcesParser) text(n *yaml.Node, path string) string {
	if n.Kind != yaml.ScalarNode {
		p.add(n, path, "one value belongs here", "write it on this line")
		return ""
	}
	if p.in.Inside {
		return n.Value
	}
	return reference.ReplaceAllStringFunc(n.Value, func(raw string) string {
		if strings.HasPrefix(raw, "$$") {
			return raw[1:]
		}
		name, fallback, optional := strings.Cut(raw[2:len(raw)-1], ":-")
		if value, ok := p.lookup(name); ok && (value != "" || !optional) {
			return value
		}
		if !optional {
			p.add(n, path, fmt.Sprintf("the variable %s is not set", name), "set it in the environment, or give a default: ${"+name+":-value}")
		}
		return fallback
	})
}

func (p *sourcesParser) lookup(name string) (string, bool) {
	if p.in.Lookup == nil {
		return "", false
	}
	return p.in.Lookup(name)
}

func (p *sourcesParser) texts(n *yaml.Node, path string) (out []string) {
	p.each(n, path, func(item *yaml.Node, path string) { out = append(out, p.text(item, path)) })
	return out
}

func (p *sourcesParser) number(n *yaml.Node, path string) int64 {
	value, err := strconv.ParseInt(p.text(n, path), 10, 64)
	if err != nil {
		p.add(n, path, "a whole number belongs here", "")
	}
	return value
}

func (p *sourcesParser) boolean(n *yaml.Node, path string) bool {
	switch p.text(n, path) {
	case "true":
		return true
	case "false":
		return false
	}
	p.add(n, path, "true or false belongs here", "")
	return false
}

// file is what a file holds that a key names.
func (p *sourcesParser) file(n *yaml.Node, path string) string {
	name := p.text(n, path)
	if p.in.Inside || p.in.ReadFile == nil {
		p.add(n, path, "a file inside of a source can't name files of a node", "set secrets by maelctl source set; they are kept")
		return ""
	}
	data, err := p.in.ReadFile(name)
	if err != nil {
		p.add(n, path, fmt.Sprintf("%q can't be read: %s", n.Value, unreadableReason(err, name == n.Value)), "it has to be there, and readable")
	}
	return string(data)
}

// unreadableReason is why a file can't be read. The text of an error may have
// the path in it, and that the value of a variable: it counts only if the path
// is as it was written.
func unreadableReason(err error, written bool) string {
	var at *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "no such file"
	case errors.As(err, &at):
		return at.Err.Error()
	case written:
		return err.Error()
	}
	return "there is no such file that can be read"
}

// nearestKey suggests what may have been meant.
func nearestKey(word string, keys keySet) string {
	var names []string
	best, distance := "", 3
	for name := range keys {
		names = append(names, name)
		if d := editDistance(strings.ToLower(word), name); d < distance || d == distance && name < best {
			best, distance = name, d
		}
	}
	if best != "" && distance < 3 {
		return "did you mean " + best + "?"
	}
	slices.Sort(names)
	return "the keys here are " + strings.Join(names, ", ")
}

func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(diagonal+cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
