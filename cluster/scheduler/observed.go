package scheduler

import (
	"cmp"
	"slices"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

const (
	// observeEvery is how often it is noted what nodes tell of the memory in use.
	observeEvery = 15 * time.Second

	observedLeast = 8 // readings, before they count

	// heavyShare is how much more than what is reserved is worth a warning.
	heavyShare = 1.5
)

// Observed is what the instances of components have been seen to have in
// memory, as nodes tell it. It belongs to one holder of the role placement, which
// also remembers what nodes have told that are gone; the zero value has seen
// nothing.
type Observed struct {
	seen map[string]seen  // by component
	p95  map[string]int64 // nobody changes one
	at   time.Time
}

// seen is what a version of a component was seen to have in memory.
type seen struct {
	version, mib int64
	warned       bool
}

// Heavy is a component whose instances take more than is reserved for them.
type Heavy struct {
	Component   string
	Project     string
	ReservedMiB int64
	ObservedMiB int64
}

// See notes what nodes tell of the memory of components, every now and then, and
// returns the components that have turned out to take half as much again as
// they reserve, each once a version, or after it was well.
func (o *Observed) See(snap *cluster.Snapshot, memory []cluster.NodeMemory, now time.Time) (heavy []Heavy) {
	if len(memory) == 0 {
		o.at = time.Time{}
		return nil
	}
	if !o.at.IsZero() && now.Sub(o.at) < observeEvery {
		return nil
	}
	o.at = now
	told := toldOf(snap, memory)
	next := make(map[string]seen, len(told))
	for name, s := range o.seen {
		if _, declared := snap.Components.Get(name); declared {
			next[name] = s
		}
	}
	for name, uses := range told {
		declared, _ := snap.Components.Get(name)
		row, s := declared.Current(), next[name]
		if s.version != row.RestartVersion {
			delete(next, name) // what is known of another version says nothing
			s = seen{version: row.RestartVersion}
		}
		mib, known := together(uses)
		if !known {
			continue
		}
		if s.mib = mib; s.heavy(row.Effective) {
			heavy = append(heavy, Heavy{Component: name, Project: row.Effective.Project, ReservedMiB: row.Effective.ReserveMemory, ObservedMiB: mib})
		}
		next[name] = s
	}
	o.seen, o.p95 = next, make(map[string]int64, len(next))
	for name, s := range next {
		o.p95[name] = s.mib
	}
	slices.SortFunc(heavy, func(a, b Heavy) int { return cmp.Compare(a.Component, b.Component) })
	return heavy
}

// use is what one node tells of one component.
type use struct {
	cluster.MemoryUse
	runs bool // there is an instance on that node
}

// toldOf sorts what nodes tell of the versions that are to run.
func toldOf(snap *cluster.Snapshot, memory []cluster.NodeMemory) map[string][]use {
	told := map[string][]use{}
	for _, m := range memory {
		for name, u := range m.Uses {
			row, declared := snap.Components.Get(name)
			if !declared || row.Current().RestartVersion != u.Version {
				continue
			}
			placed, _ := snap.ByComponent.Get(name)
			runs := slices.ContainsFunc(placed, func(pl *cluster.Placement) bool { return pl.Node == m.Node })
			told[name] = append(told[name], use{u, runs})
		}
	}
	return told
}

// together is what 95 percent of the readings of several nodes stay below: of
// those where the component runs, or where those are too few yet, of all; false:
// there are too few.
func together(uses []use) (mib int64, known bool) {
	if here := slices.DeleteFunc(slices.Clone(uses), func(u use) bool { return !u.runs }); readingsOf(here) >= observedLeast {
		uses = here
	}
	all := readingsOf(uses)
	if all < observedLeast {
		return 0, false
	}
	slices.SortFunc(uses, func(a, b use) int { return cmp.Compare(a.MiB, b.MiB) })
	below := 0
	for _, u := range uses {
		mib = u.MiB
		if below += u.Readings; below*100 >= all*95 {
			break
		}
	}
	return mib, true
}

func readingsOf(uses []use) (n int) {
	for _, u := range uses {
		n += u.Readings
	}
	return n
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

// heavy tells whether it is time to warn.
func (s *seen) heavy(spec *project.Component) bool {
	s.warned = s.warned && s.mib > spec.ReserveMemory
	if s.warned || float64(s.mib) < heavyShare*float64(spec.ReserveMemory) {
		return false
	}
	s.warned = true
	return true
}
