package runtime

import (
	"math"
	"slices"

	"maelstrom/cluster"
)

const (
	observedMost = 240 // readings that are kept of a component: an hour of one instance
	observedEach = 12  // of them at a time, where there are more instances
)

// observed is what the instances of components on this node have had in memory,
// also of those that sleep by now.
type observed struct {
	by map[string]*readings // by component

	// uses is what they amount to; nobody changes one.
	uses map[string]cluster.MemoryUse
}

// readings are those of one version of a component.
type readings struct {
	version int64
	ring    []int32
	next    int
}

// note takes in what was read, in MiB by placement.
func (o *observed) note(snap *cluster.Snapshot, read map[string]int64) {
	told := map[string][]int32{}
	for id, mib := range read {
		pl, ok := snap.Placements.Get(id)
		if !ok {
			continue
		}
		if row, ok := snap.Components.Get(pl.Component); ok && row.Placed(pl.PlacedVersion) == row.Current() {
			told[pl.Component] = append(told[pl.Component], int32(min(mib, math.MaxInt32)))
		}
	}
	uses := make(map[string]cluster.MemoryUse, len(o.by))
	for name, use := range o.uses {
		if row, declared := snap.Components.Get(name); declared && row.Current().RestartVersion == use.Version {
			uses[name] = use
		} else {
			delete(o.by, name)
		}
	}
	for name, list := range told {
		row, _ := snap.Components.Get(name)
		r := o.of(name, row.Current().RestartVersion)
		r.add(list)
		uses[name] = cluster.MemoryUse{Version: r.version, MiB: r.p95(), Readings: len(r.ring)}
	}
	o.uses = uses
}

// of returns the readings of a version; those of the one before say nothing.
func (o *observed) of(component string, version int64) *readings {
	if o.by == nil {
		o.by = map[string]*readings{}
	}
	r := o.by[component]
	if r == nil || r.version != version {
		r = &readings{version: version}
		o.by[component] = r
	}
	return r
}

// add takes in what was read at one moment; of many as many as stand for all,
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

func (r *readings) p95() int64 { return int64(cluster.P95(r.ring)) }

// MemoryObserved tells what the instances of components on this node stay below
// for 95 percent of the time, as far as that is known. Nobody changes the answer.
func (a *Agent) MemoryObserved() map[string]cluster.MemoryUse {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.observed.uses
}
