package project

import (
	"bytes"
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"
)

// EditError is why a file can't be edited in place.
type EditError struct {
	Line, Column int // 0: the file as a whole
	Message      string
	Hint         string

	// Absent: the file has no image of that component to edit. It may stand in
	// another file.
	Absent bool
}

func (e *EditError) Error() string {
	text := e.Message
	if e.Hint != "" {
		text += "; " + e.Hint
	}
	if e.Line == 0 {
		return text
	}
	return fmt.Sprintf("%d:%d: %s", e.Line, e.Column, text)
}

// SetImage is data, a project file or an overlay, with the image of one
// component replaced by ref. The component is named as the file does or by its
// full name. Only the bytes of that scalar change; where that would change
// anything else, or not come out as ref, nothing is edited and the error is an
// *EditError. A file that has ref already is returned as it is.
func SetImage(data []byte, component, ref string) ([]byte, error) {
	if problem := badImage(ref); problem != "" {
		return nil, &EditError{Message: problem}
	}
	old, err := openEdit(data)
	if err != nil {
		return nil, err
	}
	image, err := old.image(component)
	if err != nil {
		return nil, err
	}
	if image.value.text == ref {
		return data, nil
	}
	edited, err := old.replace(image, ref)
	if err != nil {
		return nil, err
	}
	if err := verifyEdit(old, edited, image, ref); err != nil {
		return nil, err
	}
	return edited, nil
}

func badImage(ref string) string {
	problem := ""
	checkImage(checker{
		add:  func(f finding) { problem = f.message + "; " + f.hint },
		show: func(_, value string) string { return quote(value) },
	}, ref)
	return problem
}

// edit is a file that is to be edited: its bytes, and what they mean.
type edit struct {
	bom      []byte
	source   *source // as written
	parsed   *source // with variables masked; lines and columns are the same
	document *yaml.Node
	root     *node
}

func openEdit(data []byte) (*edit, error) {
	var failure *EditError
	report := func(p Problem) {
		if failure == nil && p.Severity == Error && p.Rule != ruleUnset {
			failure = &EditError{Line: p.Line, Column: p.Column, Message: p.Message, Hint: p.Hint}
		}
	}
	bare := bytes.TrimPrefix(data, []byte("\uFEFF"))
	e := &edit{bom: data[:len(data)-len(bare)], source: &source{text: bare}}
	if e.parsed = newSource("", data, report); failure != nil {
		return nil, failure
	}
	p := e.parsed.parse(report)
	if e.document = p.document; failure != nil {
		return nil, failure
	}
	c := &converter{src: e.parsed, undefined: p.undefined, variables: &expander{lookup: asWritten, budget: maxExpanded}, unsetRule: ruleUnsetAllowed, report: report}
	if e.root = c.tree(e.document); failure != nil {
		return nil, failure
	}
	return e, nil
}

// asWritten lets each variable stand for itself, so that what uses another one
// is seen to differ.
func asWritten(name string) (string, bool) { return "${" + name + "}", true }

// verifyEdit holds an edit to its promise.
func verifyEdit(old *edit, edited []byte, image imagePlace, ref string) error {
	again, err := openEdit(edited)
	if err != nil {
		return image.refuse("the image can't be replaced in place here", "edit the file by hand")
	}
	c := comparison{ref: ref, seen: map[[2]*node]bool{}}
	c.at(old.root, again.root, []string{"components", image.key, "image"}, "")
	switch {
	case c.elsewhere != "":
		return image.refuse("this would change "+c.elsewhere+" as well: an alias or << names it",
			"write the image of each out, or edit the file by hand")
	case !c.found:
		return image.refuse("the image can't be replaced in place here", "write it on one line, as image: "+ref)
	}
	return nil
}

// comparison walks two revisions of a file.
type comparison struct {
	ref       string
	seen      map[[2]*node]bool // pairs that are the same
	found     bool              // the one thing that may differ is ref
	elsewhere string            // path of something else that differs
}

// at compares what stands at path; target is the way from there to what may
// differ, nil where nothing may.
func (c *comparison) at(a, b *node, target []string, path string) {
	pair := [2]*node{a, b}
	switch {
	case c.elsewhere != "" || target == nil && c.seen[pair]:
		return
	case len(target) == 0 && target != nil:
		c.found = b.kind == scalarNode && b.text == c.ref && !b.null()
		return
	case a.kind != b.kind || a.kind == scalarNode && (a.text != b.text || a.tag != b.tag) ||
		len(a.items) != len(b.items) || len(a.pairs) != len(b.pairs):
		c.elsewhere = path
		return
	}
	for i := range a.items {
		c.at(a.items[i], b.items[i], nil, fmt.Sprintf("%s[%d]", path, i))
	}
	for i := range a.pairs {
		c.pair(a.pairs[i], b.pairs[i], target, path)
	}
	if target == nil {
		c.seen[pair] = true
	}
}

func (c *comparison) pair(a, b pair, target []string, path string) {
	path = joinPath(path, a.key.raw())
	if a.key.text != b.key.text {
		c.elsewhere = path
		return
	}
	var below []string
	if len(target) > 0 && a.key.text == target[0] {
		below = target[1:]
	}
	c.at(a.value, b.value, below, path)
}

// imagePlace is where a component's image is written.
type imagePlace struct {
	key   string // of the component
	at    *yaml.Node
	value *node
}

func (p *imagePlace) refuse(message, hint string) error {
	return &EditError{Line: p.at.Line, Column: p.at.Column, Message: "components." + p.key + ".image: " + message, Hint: hint}
}

// image finds the image of a component, if it can be edited.
func (e *edit) image(component string) (imagePlace, error) {
	top := e.document.Content[0]
	components, err := e.child(top, "components", "")
	if err != nil {
		return imagePlace{}, err
	}
	key, err := e.componentKey(components, component)
	if err != nil {
		return imagePlace{}, err
	}
	mapping, err := e.child(components, key, "components.")
	if err != nil {
		return imagePlace{}, err
	}
	at, err := e.child(mapping, "image", "components."+key+".")
	if err != nil {
		return imagePlace{}, err
	}
	found := imagePlace{key: key, at: at}
	found.value, _, _ = e.root.locate("components." + key + ".image")
	return found, e.editable(found)
}

func (e *edit) editable(p imagePlace) error {
	switch {
	case p.at.Kind != yaml.ScalarNode:
		return p.refuse("not a text", "write image: "+"[registry/]name[:tag]")
	case e.parsed.masks.has(p.at.Value):
		return p.refuse("the image "+quote(e.parsed.masks.raw(p.at.Value))+" holds a variable, and its value is not in this file",
			"set the variable where the file is applied, or write the image out")
	case p.at.Tag == "!!null":
		return &EditError{Line: p.at.Line, Column: p.at.Column, Message: "components." + p.key + ".image is empty", Hint: "write an image there once", Absent: true}
	}
	return nil
}

// child is the value under a key that is written here, not through an alias.
func (e *edit) child(mapping *yaml.Node, key, path string) (*yaml.Node, error) {
	merged := false
	for i := 0; mapping.Kind == yaml.MappingNode && i+1 < len(mapping.Content); i += 2 {
		k, value := mapping.Content[i], mapping.Content[i+1]
		merged = merged || k.Tag == "!!merge"
		if k.Kind != yaml.ScalarNode || k.Value != key {
			continue
		}
		if value.Kind == yaml.AliasNode {
			return nil, &EditError{Line: value.Line, Column: value.Column, Message: path + key + " is the alias *" + value.Value,
				Hint: "a change at its anchor would reach everything that uses it: write " + key + " out here"}
		}
		return value, nil
	}
	missing := &EditError{Line: mapping.Line, Column: mapping.Column, Message: path + key + " is not written in this file", Absent: true}
	if merged {
		missing.Hint = "it may come from <<, and a change at its anchor would reach everything that uses it: write " + key + " out here"
	}
	return nil, missing
}

// componentKey is the key that the file has for a component.
func (e *edit) componentKey(components *yaml.Node, component string) (string, error) {
	name := ""
	if at := e.root.get("name"); at != nil {
		name = at.text
	}
	var written []string
	for i := 0; components.Kind == yaml.MappingNode && i+1 < len(components.Content); i += 2 {
		key := components.Content[i].Value
		if strings.EqualFold(key, component) || name != "" && FullName(name, key) == FullName(name, component) {
			return key, nil
		}
		if components.Content[i].Kind == yaml.ScalarNode && key != "<<" {
			written = append(written, e.parsed.masks.raw(key))
		}
	}
	missing := &EditError{Line: components.Line, Column: components.Column, Message: "there is no component " + quote(component) + " in this file", Absent: true}
	if near := Nearest(component, written); near != "" {
		missing.Hint = "did you mean " + near + "?"
	}
	return "", missing
}
