package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"maelstrom/cluster/simulate"
	"maelstrom/project"
)

// scenarioParser reads a scenario file and collects what is wrong with it.
type scenarioParser struct {
	file     string
	sim      *simulation
	problems []project.Problem
}

// scenarioKeys says what is done with each key of a mapping.
type scenarioKeys map[string]func(value *yaml.Node, path string)

var scenarioLine = regexp.MustCompile(`^yaml: line (\d+): `)

// parseScenario reads a scenario file.
func parseScenario(file string, data []byte) (*simulation, []project.Problem) {
	p := &scenarioParser{file: file, sim: &simulation{behaviors: map[string]simulate.Behavior{}}}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var doc, more yaml.Node
	top := &yaml.Node{Line: 1, Column: 1}
	switch err := decoder.Decode(&doc); {
	case errors.Is(err, io.EOF):
		p.add(top, "", "the file is empty", "write nodes, loads and projects")
	case err != nil:
		text := err.Error()
		if m := scenarioLine.FindStringSubmatch(text); m != nil {
			top.Line, _ = strconv.Atoi(m[1])
			text = text[len(m[0]):]
		}
		p.add(top, "", "this is not YAML: "+strings.TrimPrefix(text, "yaml: "), "keys of one mapping begin in one column")
	default:
		p.mapping(doc.Content[0], "", p.keys())
		if decoder.Decode(&more) == nil {
			p.add(&more, "", "the file holds more than one document", "remove the line ---")
		}
	}
	sortProblems(p.problems)
	return p.sim, p.problems
}

func (p *scenarioParser) keys() scenarioKeys {
	return scenarioKeys{
		"projects":  func(n *yaml.Node, path string) { p.each(n, path, p.projectFile) },
		"nodes":     func(n *yaml.Node, path string) { p.each(n, path, p.node) },
		"loads":     func(n *yaml.Node, path string) { p.each(n, path, p.load) },
		"events":    func(n *yaml.Node, path string) { p.each(n, path, p.event) },
		"log":       p.text(&p.sim.log),
		"length":    p.duration(&p.sim.Length),
		"tick":      p.duration(&p.sim.Tick),
		"from":      p.moment,
		"starttime": p.spread(&p.sim.Defaults.Start), "servicetime": p.spread(&p.sim.Defaults.Service),
		"components": p.components,
	}
}

func (p *scenarioParser) add(n *yaml.Node, path, message, hint string) {
	p.problems = append(p.problems, project.Problem{
		Severity: project.Error, File: p.file, Line: max(n.Line, 1), Column: max(n.Column, 1), EndLine: max(n.Line, 1),
		Path: path, Message: message, Hint: hint,
	})
}

// mapping calls what belongs to each key.
func (p *scenarioParser) mapping(n *yaml.Node, path string, keys scenarioKeys) {
	if n.Kind != yaml.MappingNode {
		p.add(n, path, "a mapping belongs here", "write keys and values, such as name: a")
		return
	}
	seen := map[string]bool{}
	for k := 0; k+1 < len(n.Content); k += 2 {
		key, value := n.Content[k], n.Content[k+1]
		below := strings.TrimPrefix(path+"."+key.Value, ".")
		read := keys[key.Value]
		switch {
		case seen[key.Value]:
			p.add(key, below, "the key is written twice", "remove one of the two")
		case read == nil:
			p.add(key, below, "there is no such key", "there are "+strings.Join(sortedKeys(keys), ", "))
		default:
			read(value, below)
		}
		seen[key.Value] = true
	}
}

func (p *scenarioParser) each(n *yaml.Node, path string, read func(item *yaml.Node, path string)) {
	if n.Kind != yaml.SequenceNode {
		p.add(n, path, "a list belongs here", "begin each item with - and a blank")
		return
	}
	for k, item := range n.Content {
		read(item, fmt.Sprintf("%s[%d]", path, k))
	}
}

// scalar returns a plain value; false: it is none, which is told.
func (p *scenarioParser) scalar(n *yaml.Node, path string) (string, bool) {
	if n.Kind != yaml.ScalarNode || n.Value == "" {
		p.add(n, path, "a single value belongs here", "write one, or remove the key")
		return "", false
	}
	return n.Value, true
}

// value reads a single value by a function that tells what is wrong with it.
func (p *scenarioParser) value(read func(text string) error) func(*yaml.Node, string) {
	return func(n *yaml.Node, path string) {
		text, ok := p.scalar(n, path)
		if !ok {
			return
		}
		if err := read(text); err != nil {
			p.add(n, path, err.Error(), "")
		}
	}
}

func (p *scenarioParser) text(to *string) func(*yaml.Node, string) {
	return p.value(func(text string) error {
		*to = text
		return nil
	})
}

func (p *scenarioParser) duration(to *time.Duration) func(*yaml.Node, string) {
	return p.value(func(text string) (err error) {
		if *to, err = time.ParseDuration(text); err != nil || *to < 0 {
			return fmt.Errorf("%q is not a time such as 90s, 5m or 1h", text)
		}
		return nil
	})
}

func (p *scenarioParser) spread(to *simulate.Spread) func(*yaml.Node, string) {
	return p.value(func(text string) (err error) {
		*to, err = parseSpread(text)
		return err
	})
}

func (p *scenarioParser) moment(n *yaml.Node, path string) {
	p.value(func(text string) (err error) {
		if p.sim.Start, err = time.Parse(time.RFC3339, text); err != nil {
			return fmt.Errorf("%q is not a time such as 2026-01-31T08:00:00Z", text)
		}
		return nil
	})(n, path)
}

func (p *scenarioParser) projectFile(n *yaml.Node, path string) {
	if text, ok := p.scalar(n, path); ok {
		p.sim.projects = append(p.sim.projects, text)
	}
}

func (p *scenarioParser) node(n *yaml.Node, path string) {
	node := simulate.Node{Labels: map[string]string{}}
	p.mapping(n, path, scenarioKeys{
		"name":  p.text(&node.Name),
		"joins": p.duration(&node.Joins),
		"memory": p.value(func(text string) (err error) {
			node.MemoryMiB, err = parseMemory(text)
			return err
		}),
		"labels": func(n *yaml.Node, path string) {
			p.everyKey(n, path, func(name string, value *yaml.Node, path string) {
				if text, ok := p.scalar(value, path); ok {
					node.Labels[name] = text
				}
			})
		},
	})
	if node.Name == "" {
		p.add(n, path, "the node has no name", "write name: a")
	}
	p.sim.Nodes = append(p.sim.Nodes, node)
}

// everyKey reads a mapping whose keys are names.
func (p *scenarioParser) everyKey(n *yaml.Node, path string, read func(name string, value *yaml.Node, path string)) {
	if n.Kind != yaml.MappingNode {
		p.add(n, path, "a mapping belongs here", "write names and values")
		return
	}
	for k := 0; k+1 < len(n.Content); k += 2 {
		read(n.Content[k].Value, n.Content[k+1], path+"."+n.Content[k].Value)
	}
}

func (p *scenarioParser) components(n *yaml.Node, path string) {
	p.everyKey(n, path, func(name string, value *yaml.Node, path string) {
		var b simulate.Behavior
		p.mapping(value, path, scenarioKeys{"starttime": p.spread(&b.Start), "servicetime": p.spread(&b.Service)})
		p.sim.behaviors[name] = b
	})
}

func (p *scenarioParser) load(n *yaml.Node, path string) {
	l := simulate.Load{Pattern: &simulate.Pattern{}}
	keys := scenarioKeys{
		"component": p.text(&l.Component),
		"shape": p.value(func(text string) error {
			l.Pattern.Shape = simulate.Shape(text)
			return nil
		}),
	}
	for _, key := range []string{"rate", "to", "at", "over", "period", "random"} {
		keys[key] = p.value(func(text string) error { return setPattern(l.Pattern, key, text) })
	}
	before := len(p.problems)
	p.mapping(n, path, keys)
	if err := l.Pattern.Check(); err != nil && len(p.problems) == before {
		p.add(n, path, err.Error(), "")
	}
	p.sim.loads = append(p.sim.loads, l)
}

func (p *scenarioParser) event(n *yaml.Node, path string) {
	var e simulate.Event
	p.mapping(n, path, scenarioKeys{
		"at":   p.duration(&e.At),
		"node": p.text(&e.Node),
		"does": p.value(func(text string) (err error) {
			e.Kind, err = eventKind(text)
			return err
		}),
	})
	if n.Kind == yaml.MappingNode && (e.Node == "" || e.Kind == "") {
		p.add(n, path, "an event has a node and what it does", "write node: a and does: dies")
	}
	p.sim.Events = append(p.sim.Events, e)
}
