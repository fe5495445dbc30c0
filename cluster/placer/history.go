package placer

import (
	"slices"
	"time"

	"maelstrom/cluster"
	"maelstrom/cluster/scheduler"
)

// The latest changes that are kept: of all components together, and told of one.
const (
	changesKept = 2000
	changesTold = 8
)

// history keeps the latest changes of how many instances components shall
// have, the oldest first from next on.
type history struct {
	list []cluster.ScaleChange
	next int
}

func (h *history) add(changes []cluster.ScaleChange) {
	for _, c := range changes {
		if len(h.list) < changesKept {
			h.list = append(h.list, c)
			continue
		}
		h.list[h.next] = c
		h.next = (h.next + 1) % changesKept
	}
}

// of returns the latest changes of a component, the latest first.
func (h *history) of(component string) []cluster.ScaleChange {
	told := []cluster.ScaleChange{}
	for i := range h.list {
		c := h.list[(h.next+len(h.list)-1-i)%len(h.list)]
		if c.Component == component && len(told) < changesTold {
			told = append(told, c)
		}
	}
	return told
}

// tell keeps what a stored plan has changed, and records what is worth it.
func (l *loop) tell(snap *cluster.Snapshot, changes []cluster.ScaleChange) {
	if len(changes) == 0 {
		return
	}
	l.mu.Lock()
	l.history.add(changes)
	for _, c := range changes {
		l.counts[change{c.Cause, c.To > c.From}]++
	}
	l.mu.Unlock()
	var events []cluster.Event
	for _, c := range changes {
		if row, ok := snap.Components.Get(c.Component); ok && c.Tells() {
			events = append(events, c.Event(row.Spec.Project))
		}
	}
	l.opt.Record(events...)
}

// change is what changes of the number of instances are counted by.
type change struct {
	cause cluster.ScaleCause
	up    bool
}

// shortage is memory that a component lacks, when that was last found.
type shortage struct {
	mib int64
	at  time.Time
}

// keepUnplaceable keeps how much memory is lacking, for as long as a refusal is
// kept. The lock is held.
func (l *loop) keepUnplaceable(latest map[string]int64, lacking func(component string) bool) {
	now := time.Now()
	for component, s := range l.unplaceable {
		if latest[component] == 0 && (!lacking(component) || now.Sub(s.at) > refusalKept) {
			delete(l.unplaceable, component)
		}
	}
	for component, mib := range latest {
		l.unplaceable[component] = shortage{mib, now}
	}
}

// Scaling is how the holder of the role scales, for metrics.
type Scaling struct {
	Components map[string]ComponentScaling // that are awake
	Changes    map[cluster.ScaleCause]Changes

	// UnplaceableMiB is the memory of what would fit on one more machine like
	// those that there are, but on none of these.
	UnplaceableMiB int64
}

// ComponentScaling is how one component is scaled.
type ComponentScaling struct {
	Wanted, ForLoad, Lacking int
	Auto                     scheduler.Why // zero: it is not averaged
}

// Changes count how often components were to have more instances, and fewer.
type Changes struct{ Up, Down int64 }

// Scaling tells how components are scaled; false: this node does not hold the
// role.
func (p *Placer) Scaling() (s Scaling, held bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s = Scaling{Components: map[string]ComponentScaling{}, Changes: map[cluster.ScaleCause]Changes{}}
	for name, m := range p.known.Scales.All() {
		if m.Target > 0 {
			s.Components[name] = ComponentScaling{Wanted: m.Target, ForLoad: m.Asked, Lacking: m.Lacking, Auto: m.Auto.Why}
		}
	}
	for c, n := range p.counts {
		all := s.Changes[c.cause]
		if c.up {
			all.Up += n
		} else {
			all.Down += n
		}
		s.Changes[c.cause] = all
	}
	for _, short := range p.unplaceable {
		if time.Since(short.at) <= refusalKept {
			s.UnplaceableMiB += short.mib
		}
	}
	return s, p.held
}

// Removable tells of each node whether it could be taken away without moving
// anything busy, as the holder of the role knows.
func (p *Placer) Removable() []cluster.Removal {
	return scheduler.Removable(p.present())
}

// changesOf are the latest changes of a component while the role is held.
func (p *Placer) changesOf(component string) []cluster.ScaleChange {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clip(p.history.of(component))
}
