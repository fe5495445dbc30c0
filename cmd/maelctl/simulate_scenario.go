package main

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"gopkg.in/yaml.v3"

	"maelstrom/cluster/simulate"
	"maelstrom/project"
	"maelstrom/project/strict"
)

// scenarioParser reads a scenario file and collects what is wrong with it.
type scenarioParser struct {
	strict.Reader
	sim *simulation
}

// parseScenario reads a scenario file.
func parseScenario(file string, data []byte) (*simulation, []project.Problem) {
	p := &scenarioParser{Reader: strict.Reader{File: file}, sim: &simulation{behaviors: map[string]simulate.Behavior{}}}
	if root := p.Document(data, "write nodes, loads and projects"); root != nil {
		p.Mapping(root, "", p.keys())
	}
	return p.sim, p.Sorted()
}

func (p *scenarioParser) keys() strict.Keys {
	return strict.Keys{
		"projects":  func(n *yaml.Node, path string) { p.Each(n, path, p.projectFile) },
		"nodes":     func(n *yaml.Node, path string) { p.Each(n, path, p.node) },
		"loads":     func(n *yaml.Node, path string) { p.Each(n, path, p.load) },
		"events":    func(n *yaml.Node, path string) { p.Each(n, path, p.event) },
		"log":       p.text(&p.sim.log),
		"length":    p.duration(&p.sim.Length),
		"tick":      p.duration(&p.sim.Tick),
		"from":      p.moment,
		"starttime": p.spread(&p.sim.Defaults.Start), "servicetime": p.spread(&p.sim.Defaults.Service),
		"components": p.components,
		"crons": p.value(func(text string) (err error) {
			if p.sim.Crons, err = strconv.ParseBool(text); err != nil {
				return fmt.Errorf("%q is neither true nor false", text)
			}
			return nil
		}),
	}
}

// value reads a single value by a function that tells what is wrong with it.
func (p *scenarioParser) value(read func(text string) error) func(*yaml.Node, string) {
	return func(n *yaml.Node, path string) {
		text, ok := p.Scalar(n, path)
		if !ok {
			return
		}
		if err := read(text); err != nil {
			p.Add(n, path, err.Error(), "")
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
	if text, ok := p.Scalar(n, path); text != "" {
		p.sim.projects = append(p.sim.projects, text)
	} else if ok {
		p.Add(n, path, "a file belongs here", "write one, or remove the item")
	}
}

func (p *scenarioParser) node(n *yaml.Node, path string) {
	node := simulate.Node{Labels: map[string]string{}}
	before := len(p.Problems)
	p.Mapping(n, path, strict.Keys{
		"name":  p.text(&node.Name),
		"joins": p.duration(&node.Joins),
		"memory": p.value(func(text string) (err error) {
			node.MemoryMiB, err = parseMemory(text)
			return err
		}),
		"labels": func(n *yaml.Node, path string) {
			p.EachName(n, path, func(name string, value *yaml.Node, path string) {
				if text, ok := p.Scalar(value, path); ok {
					node.Labels[name] = text
				}
			})
		},
	})
	switch {
	case len(p.Problems) > before:
	case node.Name == "":
		p.Add(n, path, "the node has no name", "write name: a")
	case node.MemoryMiB == 0:
		p.Add(n, path, "the node has no memory", "write memory: 8GiB")
	case slices.ContainsFunc(p.sim.Nodes, func(other simulate.Node) bool { return other.Name == node.Name }):
		p.Add(n, path, "there are two nodes "+node.Name, "give each a name of its own")
	}
	p.sim.Nodes = append(p.sim.Nodes, node)
}

func (p *scenarioParser) components(n *yaml.Node, path string) {
	p.EachName(n, path, func(name string, value *yaml.Node, path string) {
		var b simulate.Behavior
		p.Mapping(value, path, strict.Keys{"starttime": p.spread(&b.Start), "servicetime": p.spread(&b.Service)})
		p.sim.behaviors[name] = b
	})
}

func (p *scenarioParser) load(n *yaml.Node, path string) {
	l := simulate.Load{Pattern: &simulate.Pattern{}}
	said := map[string]bool{}
	keys := strict.Keys{
		"component": p.text(&l.Component),
		"shape": p.value(func(text string) error {
			l.Pattern.Shape = simulate.Shape(text)
			return nil
		}),
	}
	for _, key := range []string{"rate", "to", "at", "over", "period", "random", "service", "stream"} {
		keys[key] = p.value(func(text string) error {
			said[key] = true
			return setPattern(l.Pattern, key, text)
		})
	}
	before := len(p.Problems)
	p.Mapping(n, path, keys)
	if err := checkPattern(l.Pattern, said); err != nil && len(p.Problems) == before {
		p.Add(n, path, err.Error(), "")
	}
	p.sim.loads = append(p.sim.loads, l)
}

func (p *scenarioParser) event(n *yaml.Node, path string) {
	var e simulate.Event
	p.Mapping(n, path, strict.Keys{
		"at":   p.duration(&e.At),
		"node": p.text(&e.Node),
		"does": p.value(func(text string) (err error) {
			e.Kind, err = eventKind(text)
			return err
		}),
	})
	if n.Kind == yaml.MappingNode && (e.Node == "" || e.Kind == "") {
		p.Add(n, path, "an event has a node and what it does", "write node: a and does: dies")
	}
	p.sim.Events = append(p.sim.Events, e)
}
