package notify

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

func componentRow(name string, least int) *cluster.ComponentRow {
	spec := &project.Component{Name: name, Project: "shop", MinInstances: least}
	return &cluster.ComponentRow{Spec: spec, Effective: spec, Version: 1, RestartVersion: 1}
}

// placedAs is a snapshot of components with an instance each, in states.
func placedAs(rows map[string]*cluster.ComponentRow, states map[string]cluster.Instance) *cluster.Snapshot {
	cs := cluster.ChangeSet{
		Full: true, Number: 1, Components: rows, Placements: map[string]*cluster.Placement{},
		Projects: map[string]*cluster.ProjectRow{"shop": {Name: "shop", Source: "fleet"}},
		Nodes:    map[string]*cluster.Node{"n1": {ID: "n1", Name: "vm1", Epoch: 1}},
	}
	list := cluster.InstanceList{Node: "n1", Epoch: 1, Counter: 1}
	for name, i := range states {
		i.Placement, i.Component, i.Node = name, name, "n1"
		cs.Placements[name] = &cluster.Placement{ID: name, Component: name, Node: "n1", Want: cluster.WantRun}
		list.Instances = append(list.Instances, i)
	}
	cs.Instances = []cluster.InstanceList{list}
	return cluster.NewSnapshot().With(cs)
}

func TestWhichComponentsFail(t *testing.T) {
	rows := map[string]*cluster.ComponentRow{}
	for _, name := range []string{"asleep", "backoff", "retried", "starting", "ready", "refused", "ready_refused"} {
		rows[name] = componentRow(name, 0)
	}
	rows["unplaced"] = componentRow("unplaced", 2)
	s := scene{
		Snapshot: placedAs(rows, map[string]cluster.Instance{
			"backoff":       {State: cluster.InstanceBackoff, Reason: cluster.ReasonExited, Message: "exit code 3"},
			"retried":       {State: cluster.InstanceStarting, Reason: cluster.ReasonPullFailed, Message: strings.Repeat("x", 1000)},
			"starting":      {State: cluster.InstanceStarting},
			"ready":         {State: cluster.InstanceReady, Address: "a:1", LastFailure: cluster.ReasonExited},
			"ready_refused": {State: cluster.InstanceReady, Address: "a:1"},
		}),
		refusals: map[string]*cluster.Failure{
			"refused":       {Reason: cluster.ReasonNoCapacity, Message: "no node has 1024 MiB"},
			"ready_refused": {Reason: cluster.ReasonNoCapacity, Message: "no more of it"},
		},
	}
	found := s.wrong()
	if got := strings.Join(slices.Sorted(maps.Keys(found)), ", "); got != "component_failing backoff, component_failing refused, component_failing retried, component_failing unplaced" {
		t.Fatalf("found %s", got)
	}
	for key, want := range map[string]string{
		"component_failing backoff":  "exited: exit code 3",
		"component_failing refused":  "no_capacity: no node has 1024 MiB",
		"component_failing unplaced": "none of its 2 instances is placed: maelctl comp explain unplaced",
	} {
		a := found[key]
		if a.Cause != want || a.Project != "shop" || a.Source != "fleet" || a.Component == "" || a.Severity != cluster.EventError {
			t.Errorf("%s: %+v", key, a)
		}
	}
	if long := found["component_failing retried"].Cause; len(long) > longestCause {
		t.Errorf("%d bytes of cause", len(long))
	}
	for name, want := range map[string]health{"asleep": unsure, "starting": unsure, "ready": well, "none": gone} {
		a := cluster.Alert{Kind: cluster.AlertComponentFailing, Subject: name}
		if got := s.rest(&a); got != want || (got != unsure) != (a.How != "") {
			t.Errorf("%s: %v, %q", name, got, a.How)
		}
	}
}

func TestWhichNodesAndDisks(t *testing.T) {
	disk := func(full bool) []cluster.Disk {
		return []cluster.Disk{{Name: "data", Path: "/var/lib/maelstrom", Percent: 91.4, Full: full}}
	}
	nodes := map[string]*cluster.Node{}
	for _, n := range []cluster.Node{
		{ID: "up", Name: "vm1", State: cluster.NodeUp, Disks: disk(false)},
		{ID: "full", Name: "vm2", State: cluster.NodeUp, Disks: disk(true)},
		{ID: "lost", Name: "vm3", State: cluster.NodeDown, Lost: true, Disks: disk(true)},
		{ID: "left", Name: "vm4", State: cluster.NodeDown, Lost: true, Left: true},
		{ID: "down", Name: "vm5", State: cluster.NodeDown, Disks: disk(false)},
	} {
		nodes[n.ID] = &n
	}
	s := scene{Snapshot: cluster.NewSnapshot().With(cluster.ChangeSet{Full: true, Number: 1, Nodes: nodes})}
	var got []string
	for _, a := range s.wrong() {
		got = append(got, a.Subject+": "+a.Title+": "+a.Cause)
	}
	slices.Sort(got)
	if !slices.Equal(got, []string{
		"full/data: node vm2 has little room: the file system of /var/lib/maelstrom (data) is 91 % full",
		"lost: node vm3 is lost: no node hears it and it writes no status: what it ran is placed again elsewhere",
	}) {
		t.Errorf("found %q", got)
	}
	for _, c := range []struct {
		kind    cluster.AlertKind
		subject string
		want    health
		how     string
	}{
		{cluster.AlertNodeLost, "up", well, "node vm1 is back"},
		{cluster.AlertNodeLost, "removed", gone, "node vm9 was removed"},
		{cluster.AlertDiskFull, "up/data", well, "node vm1 has room again"},
		{cluster.AlertDiskFull, "up/engine", gone, "node vm1 has no such file system any more"},
		{cluster.AlertDiskFull, "down/data", unsure, ""},
		{cluster.AlertDiskFull, "removed/data", gone, "node vm9 was removed"},
	} {
		a := cluster.Alert{Kind: c.kind, Subject: c.subject, Title: "node vm9 is something"}
		if got := s.rest(&a); got != c.want || a.How != c.how {
			t.Errorf("%s %s: %v, %q", c.kind, c.subject, got, a.How)
		}
	}
}

func TestWhichSchedulesFail(t *testing.T) {
	rows := map[string]*cluster.EventSourceRow{}
	for _, name := range []string{"fails", "works", "disabled", "new"} {
		rows[name] = &cluster.EventSourceRow{Enabled: name != "disabled", Spec: &project.EventSource{
			Name: name, Project: "shop", Component: "shop_web", Cron: &project.CronSource{Schedule: "* * * * *"},
		}}
	}
	at := time.Unix(1_700_000_000, 0)
	s := scene{
		Snapshot: cluster.NewSnapshot().With(cluster.ChangeSet{Full: true, Number: 1, EventSources: rows}),
		crons:    map[string]outcome{"fails": {at: at, cause: "fails failed, status 500"}, "works": {at: at}, "disabled": {at: at, cause: "x"}, "gone": {at: at, cause: "x"}},
	}
	found := s.wrong()
	a := found["cron_failed fails"]
	if len(found) != 1 || a.Cause != "fails failed, status 500" || !a.Since.Equal(at) || a.Component != "shop_web" || a.Project != "shop" {
		t.Errorf("found %+v", found)
	}
	for name, want := range map[string]health{"works": well, "disabled": gone, "gone": gone, "new": unsure} {
		a := cluster.Alert{Kind: cluster.AlertCronFailed, Subject: name}
		if got := s.rest(&a); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestOutcomesThatTellNothingAnyMore(t *testing.T) {
	changed := time.Unix(1_700_000_000, 0)
	rows := map[string]*cluster.EventSourceRow{}
	for _, name := range []string{"before", "after", "disabled"} {
		rows[name] = &cluster.EventSourceRow{Enabled: name != "disabled", ModifiedAt: changed, Spec: &project.EventSource{
			Name: name, Project: "shop", Component: "shop_web", Cron: &project.CronSource{Schedule: "* * * * *"},
		}}
	}
	before, after := changed.Add(-time.Second), changed.Add(time.Second)
	s := scene{
		Snapshot: cluster.NewSnapshot().With(cluster.ChangeSet{Full: true, Number: 5, EventSources: rows}),
		crons: map[string]outcome{
			"before": {last: before, change: 4}, "after": {last: after, change: 5}, "disabled": {last: after, change: 5},
			"gone": {last: after, change: 5}, "ahead": {last: after, change: 6},
		},
	}
	s.forget()
	if left := slices.Sorted(maps.Keys(s.crons)); !slices.Equal(left, []string{"after", "ahead"}) {
		t.Errorf("left %q", left)
	}
}
