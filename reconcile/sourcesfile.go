package reconcile

import (
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"maelstrom/cluster"
	"maelstrom/project"
	"maelstrom/project/strict"
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

// ParseSources reads a sources file and tells everything that is wrong with
// it. What it returns counts only if no problem is an error.
func ParseSources(in SourcesInput) (Declared, []project.Problem) {
	p := &sourcesParser{Reader: strict.Reader{File: in.File}, in: in}
	root := p.Document(in.Data, hintNone)
	if root == nil {
		return Declared{}, p.Problems
	}
	var out Declared
	names := map[string]project.Position{}
	p.listed(root)
	p.Mapping(root, "", strict.Keys{
		"sources": func(n *yaml.Node, path string) {
			p.Each(n, path, func(item *yaml.Node, path string) {
				s := p.source(item, path)
				p.once(names, "source "+s.Spec.Name, item, path)
				out.Sources = append(out.Sources, s)
			})
		},
		"notifiers": func(n *yaml.Node, path string) {
			p.Each(n, path, func(item *yaml.Node, path string) {
				s := p.notifier(item, path)
				p.once(names, "notifier "+s.Spec.Name, item, path)
				out.Notifiers = append(out.Notifiers, s)
			})
		},
	})
	return out, p.Sorted()
}

// listed refuses a list at the top whose key has no value.
func (p *sourcesParser) listed(root *yaml.Node) {
	if root.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i+1 < len(root.Content); i += 2 {
		key := root.Content[i]
		if strict.IsNull(root.Content[i+1]) {
			p.Add(key, key.Value, strict.Empty, "write "+key.Value+": [] if nothing is meant")
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
	strict.Reader
	in SourcesInput
}

// hintNone says how to declare nothing. Nothing else means that: all that was
// declared before would go.
const hintNone = "write sources: [] if nothing is meant"

// once refuses a second declaration of one name.
func (p *sourcesParser) once(seen map[string]project.Position, name string, n *yaml.Node, path string) {
	at := project.Position{File: p.in.File, Line: n.Line, Column: n.Column}
	if first, twice := seen[name]; twice {
		p.Add(n, path+".name", fmt.Sprintf("the %s is declared in line %d as well", name, first.Line), "rename one of the two, or remove it")
		return
	}
	seen[name] = at
}

var reference = regexp.MustCompile(`\$?\$\{([^}]*)\}`)

// text is a scalar with its variables expanded.
func (p *sourcesParser) text(n *yaml.Node, path string) string {
	value, ok := p.Scalar(n, path)
	if !ok || p.in.Inside {
		return value
	}
	return reference.ReplaceAllStringFunc(value, func(raw string) string {
		if strings.HasPrefix(raw, "$$") {
			return raw[1:]
		}
		name, fallback, optional := strings.Cut(raw[2:len(raw)-1], ":-")
		if value, ok := p.lookup(name); ok && (value != "" || !optional) {
			return value
		}
		if !optional {
			p.Add(n, path, fmt.Sprintf("the variable %s is not set", name), "set it in the environment, or give a default: ${"+name+":-value}")
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
	p.Each(n, path, func(item *yaml.Node, path string) { out = append(out, p.text(item, path)) })
	return out
}

func (p *sourcesParser) number(n *yaml.Node, path string) int64 {
	value, err := strconv.ParseInt(p.text(n, path), 10, 64)
	if err != nil {
		p.Add(n, path, "a whole number belongs here", "")
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
	p.Add(n, path, "true or false belongs here", "")
	return false
}

// file is what a file holds that a key names.
func (p *sourcesParser) file(n *yaml.Node, path string) string {
	name := p.text(n, path)
	if p.in.Inside || p.in.ReadFile == nil {
		p.Add(n, path, "a file inside of a source can't name files of a node", "set secrets by maelctl source set; they are kept")
		return ""
	}
	data, err := p.in.ReadFile(name)
	if err != nil {
		p.Add(n, path, fmt.Sprintf("%q can't be read: %s", n.Value, unreadableReason(err, name == n.Value)), "it has to be there, and readable")
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
