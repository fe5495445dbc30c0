// Package simulate answers what would happen: it runs the scheduler that decides
// in a cluster over a model of the store, of nodes and of gateways, in virtual
// time. Nothing sleeps and nothing runs beside anything else, so that a day of a
// few components takes seconds and the same seed gives the same answer. Each plan
// sums up all components: with thousands of them that is what takes the time.
package simulate

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"maelstrom/project"
)

// Scenario is all that a simulation depends on. Times are counted from Start.
type Scenario struct {
	Projects []*project.Project
	Nodes    []Node
	Loads    []Load
	Events   []Event
	Crons    bool // cron event sources fire; a log has their requests already

	Components map[string]Behavior // by full name
	Defaults   Behavior            // of what Components does not tell

	Start  time.Time      // matters to hours to be awake in, and to logs
	Zone   *time.Location // of those hours; nil: UTC
	Length time.Duration
	Tick   time.Duration // between two entries of the timeline; zero: about 200 in all
	Seed   uint64

	QueueLimit int // waiting requests of one component; zero: the gateway's default

	// Progress is called now and then with what is done, in virtual time; nil: not.
	Progress func(at time.Duration, requests int64)

	// Request is told of each request that has come to its end; nil: not.
	Request func(Outcome)
}

// Node is a machine that containers are placed on.
type Node struct {
	Name      string
	MemoryMiB int64
	Labels    map[string]string
	Joins     time.Duration // zero: is there from the start
}

// Behavior is how the containers of a component behave.
type Behavior struct {
	Start   Spread // from the decision until an instance is ready
	Service Spread // of one request, where its load does not tell

	// Starts are those that were recorded, by their time: each start takes as
	// long as the one that is nearest to it. Without any, Start tells.
	Starts []Start
}

// Start is one that was recorded.
type Start struct {
	At   time.Duration // it was asked for
	Took time.Duration
}

// startTime is how long a start takes that is asked for now.
func (q *queue) startTime(now time.Duration) time.Duration {
	all := q.as.Starts
	if len(all) == 0 {
		return max(1, q.as.Start.draw(q.starts))
	}
	k, _ := slices.BinarySearchFunc(all, now, func(s Start, at time.Duration) int { return cmp.Compare(s.At, at) })
	if k == len(all) || k > 0 && now-all[k-1].At < all[k].At-now {
		k--
	}
	return all[k].Took
}

// The times of a component of which nothing is known.
var (
	DefaultStart   = Spread{Median: 400 * time.Millisecond, P95: 800 * time.Millisecond}
	DefaultService = Spread{Median: 50 * time.Millisecond, P95: 150 * time.Millisecond}
)

// Spread is a distribution of times, log-normal by its median and the value
// that 95 of 100 stay below. Without P95 all are the median.
type Spread struct {
	Median time.Duration
	P95    time.Duration
}

// IsZero tells whether nothing was said.
func (s Spread) IsZero() bool { return s == Spread{} }

// Check tells what is wrong with s.
func (s Spread) Check() error {
	switch {
	case s.Median < 0 || s.P95 < 0:
		return fmt.Errorf("a time below zero")
	case s.P95 > 0 && s.P95 < s.Median:
		return fmt.Errorf("the 95th percentile %s is below the median %s", s.P95, s.Median)
	}
	return nil
}

// EventKind says what happens to a node.
type EventKind string

// The kinds of events.
const (
	NodeDies     EventKind = "dies"     // without a word; its requests break off
	NodeJoins    EventKind = "joins"    // one that died comes back
	NodeDrains   EventKind = "drains"   // as by maelctl cluster drain
	NodeUndrains EventKind = "undrains" // as by maelctl cluster undrain
)

// EventKinds are all of them.
var EventKinds = []EventKind{NodeDies, NodeJoins, NodeDrains, NodeUndrains}

// Event is something that happens to a node.
type Event struct {
	At   time.Duration
	Node string
	Kind EventKind
}

// maxSamples bounds a timeline: each has an entry for every component and
// placement.
const maxSamples = 10_000

// Check tells why a scenario can't be simulated.
func (s *Scenario) Check() error {
	switch {
	case len(s.Projects) == 0:
		return fmt.Errorf("there is no project: name a file")
	case len(s.Nodes) == 0:
		return fmt.Errorf("there are no nodes: say --node NAME=8GiB or --nodes N --memory 8GiB")
	case s.Length <= 0:
		return fmt.Errorf("the length is not positive: say --length 1h")
	case s.Tick < 0 || s.Tick > 0 && s.Length/s.Tick > maxSamples:
		return fmt.Errorf("a tick of %s makes more than %d entries of %s", s.Tick, maxSamples, s.Length)
	}
	if err := s.checkNodes(); err != nil {
		return err
	}
	return s.checkComponents()
}

func (s *Scenario) checkNodes() error {
	nodes := map[string]bool{}
	for _, n := range s.Nodes {
		switch {
		case n.Name == "":
			return fmt.Errorf("a node has no name")
		case nodes[n.Name]:
			return fmt.Errorf("there are two nodes %s", n.Name)
		case n.MemoryMiB <= 0:
			return fmt.Errorf("node %s has no memory: say --node %s=8GiB, or memory: 8GiB in the scenario file", n.Name, n.Name)
		case n.Joins < 0:
			return fmt.Errorf("node %s joins before the start", n.Name)
		}
		nodes[n.Name] = true
	}
	for _, e := range s.Events {
		if !nodes[e.Node] {
			return fmt.Errorf("something happens to node %s, which is none of the nodes", e.Node)
		}
		if e.At < 0 {
			return fmt.Errorf("something happens to node %s before the start", e.Node)
		}
	}
	return nil
}

func (s *Scenario) checkComponents() error {
	components := map[string]bool{}
	for _, p := range s.Projects {
		for i := range p.Components {
			if name := p.Components[i].Name; components[name] {
				return fmt.Errorf("two projects have a component %s", name)
			}
			components[p.Components[i].Name] = true
		}
	}
	if len(components) == 0 {
		return fmt.Errorf("no project has a component")
	}
	for name, b := range s.Components {
		if !components[name] {
			return fmt.Errorf("no project has a component %s: there %s", name, listed(components))
		}
		if err := b.check(); err != nil {
			return fmt.Errorf("component %s: %w", name, err)
		}
	}
	for _, l := range s.Loads {
		if !components[l.Component] {
			return fmt.Errorf("there is load for a component %s, which no project has: there %s", l.Component, listed(components))
		}
	}
	return s.Defaults.check()
}

// listed names what there is, or the first of it.
func listed(components map[string]bool) string {
	const most = 10
	names := slices.Sorted(maps.Keys(components))
	text := strings.Join(names[:min(most, len(names))], ", ")
	switch {
	case len(names) == 1:
		return "is only " + text
	case len(names) > most:
		return fmt.Sprintf("are %s and %d more", text, len(names)-most)
	}
	return "are " + text
}

func (b Behavior) check() error {
	if err := b.Start.Check(); err != nil {
		return fmt.Errorf("start: %w", err)
	}
	if err := b.Service.Check(); err != nil {
		return fmt.Errorf("service: %w", err)
	}
	return nil
}

// behavior is how the containers of a component behave.
func (s *Scenario) behavior(component string) Behavior {
	b := s.Components[component]
	for _, fallback := range []Behavior{s.Defaults, {Start: DefaultStart, Service: DefaultService}} {
		if b.Start.IsZero() {
			b.Start = fallback.Start
		}
		if b.Service.IsZero() {
			b.Service = fallback.Service
		}
	}
	return b
}

// tellsService tells whether a load says how long each of its requests takes.
func (l *Load) tellsService() bool {
	if l.Pattern != nil {
		return !l.Pattern.Service.IsZero()
	}
	return !slices.ContainsFunc(l.Requests, func(r Request) bool { return r.Service <= 0 })
}

// tick is the time between two entries of the timeline.
func (s *Scenario) tick() time.Duration {
	if s.Tick > 0 {
		return s.Tick
	}
	for _, nice := range []time.Duration{
		100 * time.Millisecond, time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second,
		time.Minute, 5 * time.Minute, 10 * time.Minute, 30 * time.Minute, time.Hour,
	} {
		if s.Length/nice <= 240 {
			return nice
		}
	}
	return (s.Length / 240).Round(time.Hour)
}
