// Package journal records what happens in a cluster as events: what two
// snapshots differ in, and which roles a node takes. Each fact is recorded by
// one node: what concerns nodes, placements and roll-outs by the holder of the
// role placement, failures of instances by the node that they are on, and
// roles by who takes them.
package journal

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"maelstrom/cluster"
)

// View says what of a difference is ours to record.
type View struct {
	Cluster bool   // nodes, placements and roll-outs
	Node    string // instances on this node; empty: none
}

// Between returns what happened from one snapshot to a later one, in a stable
// order. Nothing can be told of a first snapshot, nor of one from the copy on
// disk. Its cost is that of what has changed.
func Between(old, new *cluster.Snapshot, view View) []cluster.Event {
	if !Tells(old) || !Tells(new) {
		return nil
	}
	d := difference{old: old, new: new}
	if view.Cluster {
		d.nodes()
		d.components()
		d.rollouts()
	}
	if view.Node != "" {
		d.instances(view.Node)
	}
	return d.events
}

// Tells says whether a snapshot is of the database.
func Tells(s *cluster.Snapshot) bool { return s.Number > 0 && !s.Restored }

type difference struct {
	old, new *cluster.Snapshot
	events   []cluster.Event
}

func (d *difference) add(e cluster.Event) { d.events = append(d.events, e) }

func changed[V any](old, new cluster.Map[V]) []string {
	return slices.Sorted(new.Differing(old))
}

func (d *difference) nodes() {
	for _, id := range changed(d.old.Nodes, d.new.Nodes) {
		a, was := d.old.Nodes.Get(id)
		b, is := d.new.Nodes.Get(id)
		switch {
		case was && is && a != b:
			d.node(a, b)
		case is && !was:
			d.add(nodeEvent(b, cluster.EventInfo, "joined"))
		case was && !is:
			d.add(nodeEvent(a, cluster.EventInfo, "is no longer in the cluster"))
		}
	}
}

// node tells what became of a node.
func (d *difference) node(a, b *cluster.Node) {
	switch {
	case a.State != b.State:
		if severity, what := stateChange(a.State, b.State); what != "" {
			d.add(nodeEvent(b, severity, what))
		}
	case a.Epoch != b.Epoch && b.State == cluster.NodeUp:
		d.add(nodeEvent(b, cluster.EventWarning, "started again: it had not been stopped in order"))
	}
	switch {
	case a.Engine == "" && b.Engine != "":
		d.add(nodeEvent(b, cluster.EventError, "has no container engine: "+b.Engine))
	case a.Engine != "" && b.Engine == "":
		d.add(nodeEvent(b, cluster.EventInfo, "has its container engine back"))
	}
}

// stateChange is what a change of state means; empty: the node itself tells.
func stateChange(from, to cluster.NodeState) (cluster.EventSeverity, string) {
	switch to {
	case cluster.NodeUp:
		return cluster.EventInfo, "is up"
	case cluster.NodeDraining:
		return cluster.EventInfo, "is drained"
	case cluster.NodeLeaving:
		return cluster.EventInfo, ""
	case cluster.NodeDown:
		if from == cluster.NodeLeaving {
			return cluster.EventInfo, "has left"
		}
		return cluster.EventWarning, "is lost"
	}
	return cluster.EventInfo, "is " + string(to)
}

func nodeEvent(n *cluster.Node, severity cluster.EventSeverity, what string) cluster.Event {
	return cluster.Event{Kind: cluster.EventNode, Severity: severity, Node: n.ID, Message: "node " + nodeName(n) + " " + what}
}

func nodeName(n *cluster.Node) string {
	if n.Name == "" {
		return n.ID
	}
	return n.Name
}

// components tells which components have their first placement, and which
// have lost their last.
func (d *difference) components() {
	for _, name := range changed(d.old.ByComponent, d.new.ByComponent) {
		before, _ := d.old.ByComponent.Get(name)
		after, _ := d.new.ByComponent.Get(name)
		row, stored := d.new.Components.Get(name)
		if !stored {
			continue // removed: the apply tells
		}
		e := cluster.Event{Severity: cluster.EventInfo, Project: row.Spec.Project, Component: name}
		switch {
		case len(before) == 0 && len(after) > 0 && after[0].Want == cluster.WantRun:
			e.Kind, e.Node = cluster.EventWake, after[0].Node
			e.Message = fmt.Sprintf("component %s wakes on node %s", name, d.nameOf(after[0].Node))
			d.add(e)
		case len(before) > 0 && len(after) == 0 && d.sleeps(name, row, before):
			e.Kind = cluster.EventSleep
			e.Message = fmt.Sprintf("component %s sleeps: its last instance is gone", name)
			d.add(e)
		}
	}
}

// sleeps tells whether a component without placements is meant to have none,
// rather than being about to get one at its new version.
func (d *difference) sleeps(name string, row *cluster.ComponentRow, before []*cluster.Placement) bool {
	minimum, _ := d.new.Minimum.Get(name)
	return minimum == 0 && before[len(before)-1].PlacedVersion >= row.RestartVersion
}

func (d *difference) nameOf(node string) string {
	if n, ok := d.new.Nodes.Get(node); ok {
		return nodeName(n)
	}
	return node
}

// instances tells which instances on a node have failed since.
func (d *difference) instances(node string) {
	for _, id := range changed(d.old.Instances, d.new.Instances) {
		b, is := d.new.Instances.Get(id)
		if !is || b.Node != node {
			continue
		}
		a, was := d.old.Instances.Get(id)
		switch {
		case b.State == cluster.InstanceBackoff && b.Reason != cluster.ReasonEngineDown:
			if !was || a.State != cluster.InstanceBackoff || !a.BackoffUntil.Equal(b.BackoffUntil) {
				d.add(d.crash(b))
			}
		case was && b.Restarts > a.Restarts && b.LastFailureAt.After(a.LastFailureAt) && b.LastFailure != cluster.ReasonEngineDown:
			d.add(d.crash(failedBefore(b))) // it was started again at once
		}
	}
}

// failedBefore is an instance as it was when it failed last.
func failedBefore(i *cluster.Instance) *cluster.Instance {
	then := *i
	then.Reason, then.Message, then.BackoffUntil = i.LastFailure, i.LastFailureDetail, time.Time{}
	return &then
}

// crashDetails is what programs may want to know of a failure.
type crashDetails struct {
	Reason    cluster.Reason `json:"reason"`
	Placement string         `json:"placement"`
	Restarts  int            `json:"restarts"`
	RetryAt   time.Time      `json:"retry_at,omitzero"` // unset: it is tried already
}

const longestMessage = 500

func (d *difference) crash(i *cluster.Instance) cluster.Event {
	details, err := json.Marshal(crashDetails{Reason: i.Reason, Placement: i.Placement, Restarts: i.Restarts, RetryAt: i.BackoffUntil.UTC()})
	if err != nil {
		details = nil // a time beyond what JSON has: the message will do
	}
	what := "does not start"
	if i.WasReady {
		what = "has crashed"
	}
	e := cluster.Event{
		Kind: cluster.EventCrash, Severity: cluster.EventWarning, Component: i.Component, Node: i.Node, Details: details,
		Message: fmt.Sprintf("an instance of %s on node %s %s: %s: %s", i.Component, d.nameOf(i.Node), what, i.Reason, clip(i.Message)),
	}
	if row, ok := d.new.Components.Get(i.Component); ok {
		e.Project = row.Spec.Project
	}
	return e
}
