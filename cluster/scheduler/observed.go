package scheduler

import (
	"cmp"
	"math"
	"slices"
	"time"

	"maelstrom/cluster"
)

const (
	// observeEvery is how often the memory of a component's instances is noted.
	observeEvery = 15 * time.Second

	observedMost  = 240 // readings that are kept of a component: an hour of one instance
	observedEach  = 12  // of them at a time, where there are more instances
	observedLeast = 8   // before they count

	// heavyShare is how much more than what is reserved is worth a warning.
	heavyShare = 1.5
)

// Observed is what the instances of components have been seen to have in
// memory. It belongs to one holder of the role placement; the zero value has
// seen nothing.
type Observed struct {
	seen map[string]*readings // by component
	p95  map[string]int64     // nobody changes one
	at   time.Time
}

// readings are those of one version of a component.
type readings struct {
	version int64
	ring    []int32
	next    int
	warned  bool
}

// Heavy is a component whose instances take more than is reserved for them.
type Heavy struct {
	Component   string
	Project     string
	ReservedMiB int64
	ObservedMiB int64
}

// See notes what is known of the memory of instances, by placement and node by
// node, every now and then, and returns the components that have turned out to take half as much
// again as they reserve, each once a version, or after it was well.
func (o *Observed) See(snap *cluster.Snapshot, memory []map[string]int64, now time.Time) (heavy []Heavy) {
	if len(memory) == 0 {
		o.at = time.Time{}
		return nil
	}
	if !o.at.IsZero() && now.Sub(o.at) < observeEvery {
		return nil
	}
	o.at = now
	told := map[string][]int32{}
	for _, node := range memory {
		for id, mib := range node {
			pl, ok := snap.Placements.Get(id)
			if !ok {
				continue
			}
			if row, ok := snap.Components.Get(pl.Component); ok && runs(row.Current(), pl) {
				told[pl.Component] = append(told[pl.Component], int32(min(mib, math.MaxInt32)))
			}
		}
	}
	if o.seen == nil {
		o.seen = map[string]*readings{}
	}
	for name := range o.seen {
		if _, declared := snap.Components.Get(name); !declared {
			delete(o.seen, name)
		}
	}
	p95 := make(map[string]int64, len(o.seen))
	for name, mib := range o.p95 {
		if o.seen[name] != nil {
			p95[name] = mib
		}
	}
	for name, list := range told {
		row, _ := snap.Components.Get(name)
		r := o.of(name, row.Current().RestartVersion)
		r.add(list)
		delete(p95, name)
		if len(r.ring) < observedLeast {
			continue
		}
		p95[name] = r.p95()
		if h, is := r.heavy(row.Current(), p95[name]); is {
			heavy = append(heavy, h)
		}
	}
	o.p95 = p95
	slices.SortFunc(heavy, func(a, b Heavy) int { return cmp.Compare(a.Component, b.Component) })
	return heavy
}

// Due is when to see again; zero: there was nothing to be seen.
func (o *Observed) Due() time.Time {
	if o.at.IsZero() {
		return time.Time{}
	}
	return o.at.Add(observeEvery)
}

// P95 is how many MiB an instance has in memory, by component, for 95 percent of
// what was seen of it. Nobody changes the answer.
func (o *Observed) P95() map[string]int64 { return o.p95 }

// of returns the readings of a version; those of the one before say nothing.
func (o *Observed) of(component string, version int64) *readings {
	r := o.seen[component]
	if r == nil || r.version != version {
		r = &readings{version: version}
		o.seen[component] = r
	}
	return r
}

// add takes in what was told at one moment; of many as many as stand for all,
// the largest among them.
func (r *readings) add(list []int32) {
	slices.Sort(list)
	n := min(len(list), observedEach)
	for k := range n {
		mib := list[(k+1)*len(list)/n-1]
		if len(r.ring) < observedMost {
			r.ring = append(r.ring, mib)
			continue
		}
		r.ring[r.next] = mib
		r.next = (r.next + 1) % observedMost
	}
}

func (r *readings) p95() int64 {
	sorted := slices.Sorted(slices.Values(r.ring))
	return int64(sorted[(len(sorted)*95+99)/100-1])
}

// heavy tells whether it is time to warn.
func (r *readings) heavy(row *cluster.ComponentRow, observed int64) (Heavy, bool) {
	reserved := row.Effective.ReserveMemory
	r.warned = r.warned && observed > reserved
	if r.warned || float64(observed) < heavyShare*float64(reserved) {
		return Heavy{}, false
	}
	r.warned = true
	return Heavy{Component: row.Effective.Name, Project: row.Effective.Project, ReservedMiB: reserved, ObservedMiB: observed}, true
}
