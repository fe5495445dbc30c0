package placer

import (
	"encoding/json"
	"fmt"
	"time"

	"maelstrom/cluster"
	"maelstrom/cluster/scheduler"
)

// observe takes in what instances have in memory, says where that is far more
// than is reserved for them, and returns what counts of it.
func (l *loop) observe(snap *cluster.Snapshot, seen cluster.Load, now time.Time) map[string]int64 {
	for _, h := range l.observed.See(snap, seen.Memory, now) {
		l.opt.Logger.Warn("component takes more memory than is reserved",
			"component", h.Component, "reserved_mib", h.ReservedMiB, "observed_mib", h.ObservedMiB)
		l.opt.Record(heavyEvent(h))
	}
	p95 := l.observed.P95()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.heavy = p95
	return p95
}

func heavyEvent(h scheduler.Heavy) cluster.Event {
	details, err := json.Marshal(map[string]int64{"reserved_mib": h.ReservedMiB, "observed_mib": h.ObservedMiB})
	if err != nil {
		details = nil // the message has the figures too
	}
	return cluster.Event{
		Kind: cluster.EventMemory, Severity: cluster.EventWarning, Project: h.Project, Component: h.Component, Details: details,
		Message: fmt.Sprintf("%s has %d MiB in use, and reserves %d MiB: its nodes may run out of memory. Change reservememory",
			h.Component, h.ObservedMiB, h.ReservedMiB),
	}
}

// Observed is how many MiB an instance has in memory for 95 percent of the
// time, by component, as far as that is known; empty on a node that does not
// hold the role. Nobody changes the answer.
func (p *Placer) Observed() map[string]int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.heavy
}

// tellDisplaced says what had to stop for what.
func (l *loop) tellDisplaced(displaced []scheduler.Displacement) {
	for _, v := range displaced {
		l.opt.Logger.Info("idle instance makes room", "component", v.Component, "placement", v.Placement, "node", v.Node, "for", v.For)
	}
}
