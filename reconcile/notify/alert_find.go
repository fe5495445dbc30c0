package notify

import (
	"cmp"
	"fmt"
	"maps"
	"strings"
	"time"

	"maelstrom/cluster"
)

// longestCause bounds what is told of a failure, in bytes.
const longestCause = 500

// scene is all that alerts are found in.
type scene struct {
	*cluster.Snapshot
	refusals map[string]*cluster.Failure // of components that nobody could place, as was told last
	crons    map[string]outcome          // by event source: how it went last
}

// outcome is how a due time of an event source went.
type outcome struct {
	at     time.Time // when it began to go so
	cause  string    // empty: well
	last   time.Time // when it went so last
	change int64     // that told so
}

// forget drops the outcomes of event sources that are gone, disabled, or were
// changed after them: how those do is for their next due time to tell. What was
// read ahead of the snapshot stays.
func (s *scene) forget() {
	maps.DeleteFunc(s.crons, func(name string, o outcome) bool {
		row, stored := s.Crons.Get(name)
		return o.change <= s.Number && (!stored || !row.Enabled || o.last.Before(row.ModifiedAt))
	})
}

// wrong finds what is wrong, by the keys of its alerts. Its cost is that of
// what is placed, and not of what is stored.
func (s *scene) wrong() map[string]cluster.Alert {
	found := map[string]cluster.Alert{}
	add := func(a cluster.Alert) {
		a.Cause = shorten(a.Cause, longestCause)
		found[a.Key()] = a
	}
	for _, n := range s.Nodes.All() {
		if n.Lost && !n.Left {
			add(lostNode(n))
		}
		for _, d := range n.Disks {
			if d.Full && !n.Lost {
				add(fullDisk(n, d))
			}
		}
	}
	for name := range s.ByComponent.All() {
		s.failing(name, add)
	}
	for name := range s.Minimum.All() {
		s.failing(name, add)
	}
	for name := range s.refusals {
		s.failing(name, add)
	}
	for name, last := range s.crons {
		if row, ok := s.Crons.Get(name); ok && row.Enabled && last.cause != "" {
			add(s.failedCron(row, last))
		}
	}
	return found
}

func lostNode(n *cluster.Node) cluster.Alert {
	return cluster.Alert{
		Kind: cluster.AlertNodeLost, Subject: n.ID, Severity: cluster.EventError, Node: n.ID,
		Title: "node " + n.DisplayName() + " is lost",
		Cause: "no node hears it and it writes no status: what it ran is placed again elsewhere",
	}
}

func fullDisk(n *cluster.Node, d cluster.Disk) cluster.Alert {
	return cluster.Alert{
		Kind: cluster.AlertDiskFull, Subject: n.ID + "/" + d.Name, Severity: cluster.EventWarning, Node: n.ID,
		Title: fmt.Sprintf("node %s has little room", n.DisplayName()),
		Cause: fmt.Sprintf("the file system of %s (%s) is %.0f %% full", d.Path, d.Name, d.Percent),
	}
}

// failing adds the alert of a component that fails.
func (s *scene) failing(name string, add func(cluster.Alert)) {
	row, stored := s.Components.Get(name)
	if !stored {
		return
	}
	state, cause := s.component(name)
	if state != failing {
		return
	}
	a := cluster.Alert{
		Kind: cluster.AlertComponentFailing, Subject: name, Severity: cluster.EventError, Component: name,
		Title: "component " + name + " is failing", Cause: cause,
	}
	s.own(&a, row.Spec.Project)
	add(a)
}

// own says whose an alert is.
func (s *scene) own(a *cluster.Alert, project string) {
	a.Project = project
	if row, ok := s.Projects.Get(project); ok {
		a.Source = row.Source
	}
}

type componentHealth int

const (
	asleep componentHealth = iota // or on its way
	ready
	failing
)

// component tells how a component is: it fails if no instance is ready, and one
// has failed, could not be placed, or should be there and is not.
func (s *scene) component(name string) (state componentHealth, cause string) {
	placements, _ := s.ByComponent.Get(name)
	wanted := false
	for _, p := range placements {
		i, reported := s.Instances.Get(p.ID)
		if reported && i.Serves(p.Want) {
			return ready, ""
		}
		wanted = wanted || p.Want == cluster.WantRun
		if reported && p.Want == cluster.WantRun && i.Reason != cluster.ReasonNone {
			state, cause = failing, reasonText(i.Reason, i.Message)
		}
	}
	if state == failing || wanted {
		return state, cause
	}
	if f := s.refusals[name]; f != nil {
		return failing, reasonText(f.Reason, f.Message)
	}
	if least, _ := s.Minimum.Get(name); least > 0 {
		return failing, fmt.Sprintf("none of its %d instances is placed: maelctl comp explain %s", least, name)
	}
	return asleep, ""
}

func reasonText(reason cluster.Reason, message string) string {
	return strings.TrimSuffix(fmt.Sprintf("%s: %s", reason, message), ": ")
}

func (s *scene) failedCron(row *cluster.EventSourceRow, last outcome) cluster.Alert {
	a := cluster.Alert{
		Kind: cluster.AlertCronFailed, Subject: row.Spec.Name, Severity: cluster.EventError, Component: row.Spec.Component,
		Title: "schedule " + row.Spec.Name + " fails", Cause: last.cause, Since: last.at,
	}
	s.own(&a, row.Spec.Project)
	return a
}

// rest tells how something is that is not wrong, and says so in How.
func (s *scene) rest(a *cluster.Alert) health {
	switch a.Kind {
	case cluster.AlertNodeLost:
		return s.restOfNode(a)
	case cluster.AlertDiskFull:
		return s.restOfDisk(a)
	case cluster.AlertComponentFailing:
		if _, stored := s.Components.Get(a.Subject); !stored {
			return is(a, gone, "component "+a.Subject+" was removed")
		}
		if state, _ := s.component(a.Subject); state == ready {
			return is(a, well, "component "+a.Subject+" is ready")
		}
	case cluster.AlertCronFailed:
		if row, stored := s.Crons.Get(a.Subject); !stored || !row.Enabled {
			return is(a, gone, "schedule "+a.Subject+" was disabled or removed")
		}
		if last, known := s.crons[a.Subject]; known && last.cause == "" {
			return is(a, well, "schedule "+a.Subject+" succeeds")
		}
	}
	return unsure
}

func is(a *cluster.Alert, state health, how string) health {
	a.How = how
	return state
}

func (s *scene) restOfNode(a *cluster.Alert) health {
	n, known := s.Nodes.Get(a.Subject)
	if !known {
		return is(a, gone, fmt.Sprintf("node %s was removed", cmp.Or(nameIn(a.Title), a.Subject)))
	}
	return is(a, well, "node "+n.DisplayName()+" is back")
}

// nameIn is the name of the node that a title begins with.
func nameIn(title string) string {
	words := strings.Fields(title)
	if len(words) < 2 || words[0] != "node" {
		return ""
	}
	return words[1]
}

func (s *scene) restOfDisk(a *cluster.Alert) health {
	id, name, _ := strings.Cut(a.Subject, "/")
	n, known := s.Nodes.Get(id)
	switch {
	case !known:
		return is(a, gone, fmt.Sprintf("node %s was removed", cmp.Or(nameIn(a.Title), id)))
	case n.State == cluster.NodeDown:
		return unsure
	}
	for _, d := range n.Disks {
		if d.Name == name {
			return is(a, well, "node "+n.DisplayName()+" has room again")
		}
	}
	return is(a, gone, "node "+n.DisplayName()+" has no such file system any more")
}
