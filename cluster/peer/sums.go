package peer

import (
	"maps"
	"math"
	"slices"
	"sync"
	"time"

	"maelstrom/cluster"
)

// fewTellers is of how many nodes the load of a component is added up as soon as
// one of them tells it anew; else that is done when it is asked for.
const fewTellers = 8

// loadReport is what a node has told of its load.
type loadReport struct {
	components map[string]cluster.ComponentLoad
	meter      *cluster.Meter // nil: the node has none
	instances  map[string]int
	at         time.Time // zero: nothing yet
}

// teller is a node that tells its load. The lock of the sums guards it.
type teller struct {
	node   string
	told   loadReport
	memory map[string]cluster.MemoryUse // kept until it is told again

	counted bool // in the sums
	asked   int  // the latest reading that it was part of
}

// sums are what tellers have told, added up and kept so: a plan waits for them,
// and mostly little has changed since the one before. What was handed out is
// never changed.
type sums struct {
	mu      sync.Mutex // guards all that follows, and the tellers
	own     teller
	others  map[*teller]bool // that are counted
	reading int
	shares  map[string]*share
	due     []string // components to add up

	components lent[cluster.ComponentLoad]
	meters     lent[cluster.Meter]
	instances  lent[int]
}

// share is who tells of a component.
type share struct {
	by  []*teller
	due bool
}

// expected is a node whose load should be known, or may be.
type expected struct {
	*teller
	missed bool // if it is not
}

func newSums() *sums {
	return &sums{
		own: teller{counted: true}, others: map[*teller]bool{}, shares: map[string]*share{},
		components: newLent[cluster.ComponentLoad](), meters: newLent[cluster.Meter](), instances: newLent[int](),
	}
}

// read returns the sum of what is told by a node itself, and by the others lately.
func (s *sums) read(node string, own cluster.Load, others []expected) cluster.Load {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.own.node = node
	s.replace(&s.own, loadReport{components: own.Components, meter: meterOf(own, node), instances: own.Instances})
	sum := cluster.Load{Node: own.Node, Partial: own.Partial, Unmetered: own.Unmetered, Memory: slices.Clone(own.Memory)}
	s.reading++
	var begin []*teller
	found := 0
	for _, o := range others {
		if o.told.at.IsZero() || now.Sub(o.told.at) > loadFresh {
			sum.Partial = sum.Partial || o.missed
			continue
		}
		o.asked = s.reading
		if o.counted {
			found++
		} else {
			begin = append(begin, o.teller)
		}
		sum.Unmetered = sum.Unmetered || o.told.meter == nil
		if o.memory != nil {
			sum.Memory = append(sum.Memory, cluster.NodeMemory{Node: o.node, Uses: o.memory})
		}
	}
	if found < len(s.others) {
		s.discount()
	}
	for _, t := range begin { // now that a node which has left and come back is not in the sums as who it was
		s.count(t)
	}
	s.addUpDue()
	sum.Components, sum.Meters, sum.Instances = s.components.lend(), s.meters.lend(), s.instances.lend()
	return sum
}

func meterOf(own cluster.Load, node string) *cluster.Meter {
	if m, is := own.Meters[node]; is {
		return &m
	}
	return nil
}

// take takes in what a node tells anew, and returns what it had told before.
func (s *sums) take(t *teller, node string, told loadReport) (before loadReport) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before, t.node = t.told, node
	s.replace(t, told)
	return before
}

func (s *sums) takeMemory(t *teller, uses map[string]cluster.MemoryUse) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t.memory = uses
}

func (s *sums) replace(t *teller, told loadReport) {
	was := t.told
	t.told = told
	if t.counted {
		s.change(t, was, told)
	}
}

func (s *sums) count(t *teller) {
	t.counted, s.others[t] = true, true
	s.change(t, loadReport{}, t.told)
}

// discount takes out who is not part of this reading.
func (s *sums) discount() {
	for t := range s.others {
		if t.asked != s.reading {
			t.counted = false
			delete(s.others, t)
			s.change(t, t.told, loadReport{})
		}
	}
}

// change makes the sums tell what a teller tells now, instead of what it was.
func (s *sums) change(t *teller, was, is loadReport) {
	for name := range was.components {
		if _, still := is.components[name]; !still {
			c := s.shares[name]
			c.by = slices.DeleteFunc(c.by, func(by *teller) bool { return by == t })
			s.changed(name, c)
		}
	}
	for name, l := range is.components {
		before, had := was.components[name]
		if had && before == l {
			continue
		}
		c := s.shares[name]
		if c == nil {
			c = &share{}
			s.shares[name] = c
		}
		if !had {
			c.by = append(c.by, t)
		}
		s.changed(name, c)
	}
	s.changeInstances(was.instances, is.instances)
	switch {
	case is.meter != nil:
		s.meters.mine()[t.node] = *is.meter
	case was.meter != nil:
		delete(s.meters.mine(), t.node)
	}
}

// changeInstances replaces what one node tells of its own instances.
func (s *sums) changeInstances(was, is map[string]int) {
	if maps.Equal(was, is) {
		return
	}
	all := s.instances.mine()
	for id := range was {
		if _, still := is[id]; !still {
			delete(all, id)
		}
	}
	maps.Copy(all, is)
}

// changed has a component added up now or when it is asked for, once.
func (s *sums) changed(name string, c *share) {
	switch {
	case c.due:
	case len(c.by) <= fewTellers:
		s.addUp(name, c)
	default:
		c.due = true
		s.due = append(s.due, name)
	}
}

// addUpDue adds up what was put off.
func (s *sums) addUpDue() {
	for _, name := range s.due {
		if c := s.shares[name]; c != nil && c.due {
			s.addUp(name, c)
		}
	}
	s.due = s.due[:0]
}

func (s *sums) addUp(name string, c *share) {
	c.due = false
	if len(c.by) == 0 {
		delete(s.shares, name)
		delete(s.components.mine(), name)
		return
	}
	var sum total
	for _, t := range c.by {
		sum.add(t.told.components[name])
	}
	s.components.mine()[name] = sum.load()
}

// total is the load of a component on some nodes.
type total struct {
	sum            cluster.ComponentLoad
	served, weight float64 // of the mean
}

// add takes in the load on another node.
func (t *total) add(l cluster.ComponentLoad) {
	s := &t.sum
	s.InFlight, s.Queued, s.Streams = s.InFlight+l.InFlight, s.Queued+l.Queued, s.Streams+l.Streams
	s.Total, s.Work = s.Total+l.Total, s.Work+l.Work
	s.OldestWait = max(s.OldestWait, l.OldestWait)
	s.LastRequest, s.Answered = latest(s.LastRequest, l.LastRequest), latest(s.Answered, l.Answered)
	if s.BusySince.IsZero() || !l.BusySince.IsZero() && l.BusySince.Before(s.BusySince) {
		s.BusySince = l.BusySince
	}
	if l.ServiceTime > 0 {
		// By what each has seen: a mean of few requests says little.
		weight := float64(max(l.Total, 1))
		t.served, t.weight = t.served+float64(l.ServiceTime)*weight, t.weight+weight
	}
}

func (t *total) load() cluster.ComponentLoad {
	l := t.sum
	if t.weight > 0 {
		l.ServiceTime = time.Duration(math.Round(t.served / t.weight))
	}
	return l
}

// lent is a map that is handed out again and again, and copied before it is
// changed if it was.
type lent[V any] struct {
	all map[string]V
	out bool
}

func newLent[V any]() lent[V] { return lent[V]{all: map[string]V{}} }

func (l *lent[V]) lend() map[string]V {
	l.out = true
	return l.all
}

// mine returns the map to be changed.
func (l *lent[V]) mine() map[string]V {
	if l.out {
		l.all, l.out = maps.Clone(l.all), false
	}
	return l.all
}
