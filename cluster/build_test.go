package cluster

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"maelstrom/project"
)

func componentRow(name string, version int64, minimum int) *ComponentRow {
	spec := &project.Component{Name: name, Project: "p", Image: "image", MinInstances: minimum}
	effective := spec.Effective()
	return &ComponentRow{Spec: spec, Effective: &effective, Version: version}
}

func httpRow(name, host string, enabled bool) *EventSourceRow {
	return &EventSourceRow{Spec: &project.EventSource{Name: name, Project: "p", Component: "c",
		HTTP: &project.HTTPSource{Hostname: host}}, Enabled: enabled, Version: 1}
}

func cronRow(name string) *EventSourceRow {
	return &EventSourceRow{Spec: &project.EventSource{Name: name, Project: "p", Component: "c",
		Cron: &project.CronSource{Schedule: "@daily"}}, Version: 1}
}

// contents is all that a snapshot shows, in a form that can be compared.
func contents(s *Snapshot) map[string]any {
	routes, disabled := map[string]string{}, map[string]string{}
	for _, host := range hosts {
		if m, ok := s.Routes.Match(host, "/"); ok {
			routes[host] = m.Rule.EventSource
		}
		if m, ok := s.Disabled.Match(host, "/"); ok {
			disabled[host] = m.Rule.EventSource
		}
	}
	return map[string]any{
		"number": s.Number, "projects": maps.Collect(s.Projects.All()), "components": maps.Collect(s.Components.All()),
		"sources": maps.Collect(s.EventSources.All()), "nodes": maps.Collect(s.Nodes.All()),
		"placements": maps.Collect(s.Placements.All()), "by component": maps.Collect(s.ByComponent.All()),
		"by node": maps.Collect(s.ByNode.All()), "instances": maps.Collect(s.Instances.All()),
		"lists": maps.Collect(s.Lists.All()), "minimum": maps.Collect(s.Minimum.All()),
		"crons": maps.Collect(s.Crons.All()), "routes": routes, "disabled": disabled,
		"declared sources": maps.Collect(s.Sources.All()), "source statuses": maps.Collect(s.SourceStatuses.All()),
		"project statuses": maps.Collect(s.ProjectStatuses.All()), "by source": maps.Collect(s.BySource.All()),
		"by project": maps.Collect(s.ByProject.All()), "controls": maps.Collect(s.Controls.All()),
		"notifiers": maps.Collect(s.Notifiers.All()), "rolling": maps.Collect(s.Rolling.All()),
		"awake": maps.Collect(s.Awake.All()), "unreleased": maps.Collect(s.Unreleased.All()),
		"learned": maps.Collect(s.Learned.All()), "crons of": maps.Collect(s.CronsOf.All()),
	}
}

var hosts = []string{"h0", "h1", "h2"}

// world is a database in memory that changes at random.
type world struct {
	rows ChangeSet
}

func newWorld() *world {
	w := &world{emptyChange()}
	w.rows.Full = true
	return w
}

func emptyChange() ChangeSet {
	return ChangeSet{Projects: map[string]*ProjectRow{}, Components: map[string]*ComponentRow{},
		EventSources: map[string]*EventSourceRow{}, Placements: map[string]*Placement{}, Nodes: map[string]*Node{},
		Sources: map[string]*SourceRow{}, SourceStatuses: map[string]*SourceStatus{},
		ProjectStatuses: map[string]*ProjectStatus{}, Controls: map[string]*ControlRow{}, Notifiers: map[string]*NotifierRow{}}
}

// step changes up to three rows and returns the change.
func (w *world) step(t *rapid.T) ChangeSet {
	cs := emptyChange()
	for range rapid.IntRange(1, 3).Draw(t, "changes") {
		name := fmt.Sprint("x", rapid.IntRange(0, 3).Draw(t, "name"))
		gone := rapid.IntRange(0, 3).Draw(t, "gone") == 0
		switch rapid.IntRange(0, 9).Draw(t, "kind") {
		case 0:
			change(cs.Projects, w.rows.Projects, name, &ProjectRow{Name: name, Revision: w.rows.Number}, gone)
		case 1:
			change(cs.Components, w.rows.Components, name, w.component(t, name), gone)
		case 2:
			change(cs.EventSources, w.rows.EventSources, name, w.eventSource(t, name), gone)
		case 3:
			change(cs.Placements, w.rows.Placements, name, w.placement(t, name), gone)
		case 4:
			epoch := rapid.Int64Range(1, 3).Draw(t, "epoch")
			change(cs.Nodes, w.rows.Nodes, name, &Node{ID: name, Epoch: epoch}, gone)
		case 5:
			change(cs.Sources, w.rows.Sources, name, &SourceRow{Spec: &Source{Name: name}, Version: w.rows.Number}, gone)
		case 6:
			change(cs.SourceStatuses, w.rows.SourceStatuses, name, &SourceStatus{Source: name, Sync: w.rows.Number}, gone)
		case 7:
			status := w.status(t, name)
			change(cs.ProjectStatuses, w.rows.ProjectStatuses, status.Key(), status, gone)
		case 8:
			row := &ControlRow{Kind: ControlProject, Name: name, Version: w.rows.Number}
			change(cs.Controls, w.rows.Controls, row.Key(), row, gone)
		case 9:
			change(cs.Notifiers, w.rows.Notifiers, name, &NotifierRow{Spec: &Notifier{Name: name}, Version: w.rows.Number}, gone)
		}
	}
	w.rows.Number++
	cs.Number = w.rows.Number
	return cs
}

// component is somewhere in its roll-out.
func (w *world) component(t *rapid.T, name string) *ComponentRow {
	draw := func() *ComponentRow {
		row := componentRow(name, w.rows.Number, rapid.IntRange(0, 1).Draw(t, "min"))
		if rapid.Bool().Draw(t, "hours") {
			row.Effective.Awake = []project.AwakeWindow{{Cron: "@daily", ForSeconds: 60}}
		}
		if rapid.Bool().Draw(t, "learned") {
			row.Effective.Idle = project.IdleLearned
		}
		row.RestartVersion, row.Proven = w.rows.Number+1, rapid.SampledFrom([]int64{0, w.rows.Number + 1}).Draw(t, "proven")
		return row
	}
	row := draw()
	if rapid.Bool().Draw(t, "kept") {
		row.Kept = draw()
	}
	if rapid.Bool().Draw(t, "release") {
		row.Spec.ReleaseCommand = []string{"migrate"}
	}
	switch rapid.IntRange(0, 3).Draw(t, "failed") {
	case 0:
		row.Failed = &RolloutFailure{}
	case 1:
		row.Failed = &RolloutFailure{RetryAt: time.Unix(9, 0)}
	}
	return row
}

// eventSource has a host of its own name, for two may not share one.
func (w *world) eventSource(t *rapid.T, name string) *EventSourceRow {
	if rapid.Bool().Draw(t, "cron") {
		return cronRow(name)
	}
	return httpRow(name, "h"+name[1:], rapid.Bool().Draw(t, "enabled"))
}

// status is of one of a few files, whose project may change or not be known.
func (w *world) status(t *rapid.T, source string) *ProjectStatus {
	return &ProjectStatus{Source: source, Path: rapid.SampledFrom([]string{"a.yml", "b.yml", "c.yml"}).Draw(t, "path"),
		Project: rapid.SampledFrom([]string{"", "p", "q"}).Draw(t, "project"), Applied: w.rows.Number}
}

// placement keeps its slot's number unique by its own.
func (w *world) placement(t *rapid.T, name string) *Placement {
	return &Placement{ID: name, Component: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "component"),
		Slot: 9 - int(name[1]-'0'), Node: rapid.SampledFrom([]string{"x0", "x1"}).Draw(t, "node"), Version: w.rows.Number}
}

func change[V any](change, rows map[string]*V, key string, value *V, gone bool) {
	if gone {
		value = nil
		delete(rows, key)
	} else {
		rows[key] = value
	}
	change[key] = value
}

// A snapshot that followed every change is the one that a reload builds, and
// no snapshot changes afterwards.
func TestFollowingChangesEqualsReloading(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld()
		s := NewSnapshot()
		var old *Snapshot
		var was map[string]any
		var pushed []InstanceList
		for range rapid.IntRange(1, 15).Draw(t, "steps") {
			if rapid.IntRange(0, 4).Draw(t, "remember") == 0 {
				old, was = s, contents(s)
			}
			s = s.With(w.step(t))
			if rapid.Bool().Draw(t, "push") {
				l := pushOf(t)
				s = s.WithInstances(l)
				pushed = append(pushed, l)
			}
		}
		reloaded := NewSnapshot().With(w.rows)
		for _, l := range pushed {
			reloaded = reloaded.WithInstances(l)
		}
		got, want := contents(s), contents(reloaded)
		if len(pushed) > 0 { // a node that went and came in between has lost its list
			for _, k := range []string{"instances", "lists"} {
				delete(got, k)
				delete(want, k)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("reloading and following differ:\n%s", diff)
		}
		checkInstances(t, s)
		if old != nil {
			if diff := cmp.Diff(was, contents(old)); diff != "" {
				t.Fatalf("an old snapshot has changed:\n%s", diff)
			}
		}
	})
}

func pushOf(t *rapid.T) InstanceList {
	l := InstanceList{Node: rapid.SampledFrom([]string{"x0", "x1"}).Draw(t, "pusher"),
		Epoch: rapid.Int64Range(1, 3).Draw(t, "epoch"), Counter: rapid.Int64Range(1, 5).Draw(t, "counter")}
	for _, id := range rapid.SliceOfDistinct(rapid.SampledFrom([]string{"1", "2", "3"}), rapid.ID).Draw(t, "instances") {
		l.Instances = append(l.Instances, Instance{Placement: l.Node + id, Node: l.Node, Restarts: int(l.Counter)})
	}
	return l
}

// checkInstances holds the shown instances to the lists they come from.
func checkInstances(t *rapid.T, s *Snapshot) {
	want := map[string]Instance{}
	for _, l := range s.lists.All() {
		if at, _ := s.Lists.Get(l.Node); at != (ListPosition{l.Epoch, l.Counter}) {
			t.Fatalf("Lists has %v of %s, not %d, %d", at, l.Node, l.Epoch, l.Counter)
		}
		if n, ok := s.Nodes.Get(l.Node); ok && n.Epoch > l.Epoch {
			continue
		}
		for _, i := range l.Instances {
			want[i.Placement] = i
		}
	}
	got := map[string]Instance{}
	for id, i := range s.Instances.All() {
		got[id] = *i
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("instances are not those of the lists:\n%s", diff)
	}
}

func TestNewerListsWin(t *testing.T) {
	list := func(epoch, counter int64, ids ...string) InstanceList {
		l := InstanceList{Node: "a", Epoch: epoch, Counter: counter}
		for _, id := range ids {
			l.Instances = append(l.Instances, Instance{Placement: id, Node: "a"})
		}
		return l
	}
	s := NewSnapshot().With(ChangeSet{Full: true, Number: 1, Nodes: map[string]*Node{"a": {ID: "a", Epoch: 2}}})
	for _, step := range []struct {
		name string
		list InstanceList
		want []string
	}{
		{"of an epoch before the last start", list(1, 9, "old"), nil},
		{"first", list(2, 1, "x", "y"), []string{"x", "y"}},
		{"late", list(1, 99, "old"), []string{"x", "y"}},
		{"same", list(2, 1, "z"), []string{"x", "y"}},
		{"newer", list(2, 2, "y", "z"), []string{"y", "z"}},
		{"of a start that the database has not told of", list(3, 1, "w"), []string{"w"}},
		{"empty", list(3, 2), nil},
	} {
		s = s.WithInstances(step.list)
		var got []string
		for id := range s.Instances.Sorted() {
			got = append(got, id)
		}
		if !slices.Equal(got, step.want) {
			t.Errorf("%s: %v, want %v", step.name, got, step.want)
		}
	}
	if s.WithInstances(list(3, 2, "late")) != s {
		t.Error("an old list made a new snapshot")
	}
}

func TestReloadKeepsWhatWasPushed(t *testing.T) {
	full := ChangeSet{Full: true, Number: 5, Nodes: map[string]*Node{"a": {ID: "a", Epoch: 2}, "b": {ID: "b", Epoch: 1}},
		Instances: []InstanceList{
			{Node: "a", Epoch: 2, Instances: []Instance{{Placement: "stored", Node: "a"}}},
			{Node: "b", Epoch: 1, Instances: []Instance{{Placement: "of b", Node: "b"}}},
		}}
	s := NewSnapshot().WithInstances(InstanceList{Node: "a", Epoch: 2, Counter: 1, Instances: []Instance{{Placement: "pushed", Node: "a"}}})
	s = s.With(full)
	got := slices.Sorted(maps.Keys(maps.Collect(s.Instances.All())))
	if want := []string{"of b", "pushed"}; !slices.Equal(got, want) {
		t.Fatalf("%v, want %v", got, want)
	}
	// What the database says later replaces what it said before.
	full.Instances[1].Instances = []Instance{{Placement: "of b, later", Node: "b"}}
	full.Number++
	s = s.With(full)
	if _, ok := s.Instances.Get("of b, later"); !ok || s.Instances.Len() != 2 {
		t.Fatalf("%v", maps.Collect(s.Instances.All()))
	}
	// A node that has left takes its instances along.
	delete(full.Nodes, "a")
	full.Instances = full.Instances[1:]
	if s = s.With(full); s.Instances.Len() != 1 {
		t.Fatalf("%v", maps.Collect(s.Instances.All()))
	}
	s = s.With(ChangeSet{Number: 9, Nodes: map[string]*Node{"b": nil}})
	if s.Instances.Len() != 0 || s.Lists.Len() != 0 {
		t.Fatalf("%v", maps.Collect(s.Instances.All()))
	}
}

func TestRouteRule(t *testing.T) {
	for _, row := range []*EventSourceRow{nil, {}, httpRow("x", "h", false), cronRow("c")} {
		if rule, ok := RouteRule(row); ok {
			t.Errorf("%+v", rule)
		}
	}
	row := httpRow("x", "h", true)
	row.Spec.HTTP.PathPrefix, row.Spec.HTTP.StripPrefix = "/p", true
	rule, ok := RouteRule(row)
	if !ok || rule.EventSource != "x" || rule.Component != "c" || rule.Hostname != "h" || rule.PathPrefix != "/p" || !rule.StripPrefix {
		t.Errorf("%+v, %v", rule, ok)
	}
}

// The cost of a change does not grow with what is stored.
func TestOneChangeInMany(t *testing.T) {
	s := NewSnapshot().With(manyComponents(10_000))
	cs := ChangeSet{Number: 2, Components: map[string]*ComponentRow{"c 77": componentRow("c 77", 2, 0)}}
	if n := testing.AllocsPerRun(10, func() { s.With(cs) }); n > 60 {
		t.Errorf("one change takes %v allocations", n)
	}
}

func manyComponents(n int) ChangeSet {
	cs := ChangeSet{Full: true, Number: 1, Components: map[string]*ComponentRow{}}
	for i := range n {
		name := fmt.Sprint("c ", i)
		cs.Components[name] = componentRow(name, 1, 0)
	}
	return cs
}

func BenchmarkOneChangeInMany(b *testing.B) {
	s := NewSnapshot().With(manyComponents(10_000))
	cs := ChangeSet{Number: 2, Components: map[string]*ComponentRow{"c 77": componentRow("c 77", 2, 0)}}
	for b.Loop() {
		s.With(cs)
	}
}
