package journal

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"maelstrom/cluster"
	"maelstrom/project"
)

func node(id string, state cluster.NodeState, epoch int64, engine string) *cluster.Node {
	return &cluster.Node{ID: id, Name: "host-" + id, State: state, Epoch: epoch, Engine: engine}
}

func component(name string, minimum int, restart int64) *cluster.ComponentRow {
	spec := &project.Component{Name: name, Project: "shop", MinInstances: minimum}
	return &cluster.ComponentRow{Spec: spec, Effective: spec, Version: restart, RestartVersion: restart}
}

func placed(id, component, node string, slot int, want cluster.Want, version int64) *cluster.Placement {
	return &cluster.Placement{ID: id, Component: component, Node: node, Slot: slot, Want: want, PlacedVersion: version}
}

// begin is a snapshot of two nodes and two components.
func begin() *cluster.Snapshot {
	return cluster.NewSnapshot().With(cluster.ChangeSet{
		Number: 1, Full: true,
		Nodes:      map[string]*cluster.Node{"a": node("a", cluster.NodeUp, 1, ""), "b": node("b", cluster.NodeUp, 1, "")},
		Components: map[string]*cluster.ComponentRow{"web": component("web", 0, 5), "db": component("db", 1, 5)},
	})
}

func after(s *cluster.Snapshot, c cluster.ChangeSet) *cluster.Snapshot {
	c.Number = s.Number + 1
	return s.With(c)
}

func withPlacements(rows ...*cluster.Placement) cluster.ChangeSet {
	c := cluster.ChangeSet{Placements: map[string]*cluster.Placement{}}
	for _, row := range rows {
		c.Placements[row.ID] = row
	}
	return c
}

func nodes(rows ...*cluster.Node) cluster.ChangeSet {
	c := cluster.ChangeSet{Nodes: map[string]*cluster.Node{}}
	for _, row := range rows {
		c.Nodes[row.ID] = row
	}
	return c
}

func TestWhatConcernsTheCluster(t *testing.T) {
	running := after(begin(), withPlacements(placed("1", "web", "b", 0, cluster.WantRun, 5), placed("2", "db", "a", 0, cluster.WantRun, 4)))
	gone := cluster.ChangeSet{Placements: map[string]*cluster.Placement{"1": nil, "2": nil}}
	for name, c := range map[string]struct {
		old, new *cluster.Snapshot
		want     []string
	}{
		"nothing":    {begin(), begin(), nil},
		"same rows":  {begin(), after(begin(), nodes(node("a", cluster.NodeUp, 1, ""))), nil},
		"joined":     {begin(), after(begin(), nodes(node("c", cluster.NodeUp, 1, ""))), []string{"node info c: node host-c joined"}},
		"gone":       {begin(), after(begin(), cluster.ChangeSet{Nodes: map[string]*cluster.Node{"b": nil}}), []string{"node info b: node host-b is no longer in the cluster"}},
		"drained":    {begin(), after(begin(), nodes(node("b", cluster.NodeDraining, 1, ""))), []string{"node info b: node host-b is drained"}},
		"leaving":    {begin(), after(begin(), nodes(node("b", cluster.NodeLeaving, 1, ""))), nil},
		"lost":       {begin(), after(begin(), nodes(node("b", cluster.NodeDown, 1, ""))), []string{"node warning b: node host-b is lost"}},
		"left":       {after(begin(), nodes(node("b", cluster.NodeLeaving, 1, ""))), after(begin(), nodes(node("b", cluster.NodeDown, 1, ""))), []string{"node info b: node host-b has left"}},
		"back":       {after(begin(), nodes(node("b", cluster.NodeDown, 1, ""))), after(begin(), nodes(node("b", cluster.NodeUp, 2, ""))), []string{"node info b: node host-b is up"}},
		"killed":     {begin(), after(begin(), nodes(node("b", cluster.NodeUp, 2, ""))), []string{"node warning b: node host-b started again: it had not been stopped in order"}},
		"engine":     {begin(), after(begin(), nodes(node("b", cluster.NodeUp, 1, "no socket"))), []string{"node error b: node host-b has no container engine: no socket"}},
		"engine too": {after(begin(), nodes(node("b", cluster.NodeUp, 1, "x"))), after(begin(), nodes(node("b", cluster.NodeUp, 1, "y"))), nil},
		"engine up":  {after(begin(), nodes(node("b", cluster.NodeUp, 1, "x"))), begin(), []string{"node info b: node host-b has its container engine back"}},
		"wake":       {begin(), running, []string{"wake info a: component db wakes on node host-a", "wake info b: component web wakes on node host-b"}},
		"more":       {running, after(running, withPlacements(placed("3", "web", "a", 1, cluster.WantRun, 5))), nil},
		"stopping":   {running, after(running, withPlacements(placed("1", "web", "b", 0, cluster.WantStop, 5))), nil},
		// db has a minimum: its placement is about to be replaced.
		"sleep":     {running, after(running, gone), []string{"sleep info : component web sleeps: its last instance is gone"}},
		"removed":   {running, after(after(running, gone), cluster.ChangeSet{Components: map[string]*cluster.ComponentRow{"web": nil, "db": nil}}), nil},
		"replaced":  {running, after(after(running, gone), cluster.ChangeSet{Components: map[string]*cluster.ComponentRow{"web": component("web", 0, 9)}}), nil},
		"first":     {cluster.NewSnapshot(), running, nil},
		"copy":      {restored(begin()), running, nil},
		"into copy": {begin(), restored(running), nil},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, e := range Between(c.old, c.new, View{Cluster: true}) {
				got = append(got, string(e.Kind)+" "+string(e.Severity)+" "+e.Node+": "+e.Message)
				if e.Kind != cluster.EventNode && e.Project != "shop" {
					t.Errorf("%+v names no project", e)
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if others := Between(c.old, c.new, View{Node: "b"}); others != nil {
				t.Errorf("who holds no role records %v", others)
			}
		})
	}
}

func restored(s *cluster.Snapshot) *cluster.Snapshot {
	c := *s
	c.Restored = true
	return &c
}

func failing(id string, at time.Time, reason cluster.Reason, ready bool) cluster.Instance {
	return cluster.Instance{
		Placement: id, Component: "web", Node: "b", State: cluster.InstanceBackoff, Reason: reason,
		Message: "exit code 1", BackoffUntil: at, WasReady: ready,
	}
}

func TestFailuresOfInstances(t *testing.T) {
	at := time.Date(2025, 3, 4, 5, 6, 7, 0, time.UTC)
	push := func(s *cluster.Snapshot, counter int64, list ...cluster.Instance) *cluster.Snapshot {
		return s.WithInstances(cluster.InstanceList{Node: "b", Epoch: 1, Counter: counter, Instances: list})
	}
	starting := cluster.Instance{Placement: "1", Component: "web", Node: "b", State: cluster.InstanceStarting}
	s1 := push(begin(), 1, starting)
	s2 := push(s1, 2, failing("1", at, cluster.ReasonExited, true))
	s3 := push(s2, 3, failing("1", at, cluster.ReasonExited, true), starting)
	s4 := push(s3, 4, failing("1", at.Add(time.Minute), cluster.ReasonPullFailed, false))
	s5 := push(s4, 5, failing("1", at.Add(time.Hour), cluster.ReasonEngineDown, false))
	again := starting
	again.Restarts, again.LastFailure, again.LastFailureAt, again.LastFailureDetail, again.WasReady = 1, cluster.ReasonExited, at, "exit code 7", true
	s6 := push(s1, 6, again)
	ready := again
	ready.State = cluster.InstanceReady
	s7 := push(s6, 7, ready)
	for _, c := range []struct {
		old, new *cluster.Snapshot
		want     string
	}{
		{begin(), s1, ""}, {begin(), s6, ""}, {s6, s7, ""},
		{s1, s6, "an instance of web on node host-b has crashed: exited: exit code 7"},
		{s1, s7, "an instance of web on node host-b has crashed: exited: exit code 7"}, {s2, s3, ""}, {s4, s5, ""}, {s2, s1, ""},
		{s1, s2, "an instance of web on node host-b has crashed: exited: exit code 1"},
		{begin(), s2, "an instance of web on node host-b has crashed: exited: exit code 1"},
		{s3, s4, "an instance of web on node host-b does not start: pull_failed: exit code 1"},
	} {
		got := Between(c.old, c.new, View{Node: "b"})
		if c.want == "" && got == nil {
			continue
		}
		if len(got) != 1 || got[0].Message != c.want || got[0].Kind != cluster.EventCrash || got[0].Component != "web" || got[0].Project != "shop" || got[0].Node != "b" {
			t.Errorf("got %+v, want %q", got, c.want)
		} else if !strings.Contains(string(got[0].Details), `"placement":"1"`) {
			t.Errorf("details %s", got[0].Details)
		}
		if others := Between(c.old, c.new, View{Cluster: true, Node: "a"}); others != nil {
			t.Errorf("another node records %v", others)
		}
	}
	long := failing("1", time.Date(20_000, 1, 1, 0, 0, 0, 0, time.UTC), cluster.ReasonExited, true)
	long.Message = strings.Repeat("ä", 1000)
	if got := Between(s1, push(s1, 9, long), View{Node: "b"}); len(got[0].Message) > 600 || got[0].Details != nil {
		t.Errorf("%d bytes of message, details %s", len(got[0].Message), got[0].Details)
	}
}

func TestNothingHappensTwice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		states := rapid.SampledFrom([]cluster.NodeState{cluster.NodeUp, cluster.NodeDown, cluster.NodeLeaving})
		old := begin()
		whole, told := begin(), 0
		for range rapid.IntRange(1, 10).Draw(t, "steps") {
			step := after(old, nodes(node("b", states.Draw(t, "state"), 1, "")))
			told += len(Between(old, step, View{Cluster: true}))
			if again := Between(step, step, View{Cluster: true, Node: "b"}); again != nil {
				t.Fatalf("nothing has changed, and %v happened", again)
			}
			old = step
		}
		if direct := len(Between(whole, old, View{Cluster: true})); direct > told {
			t.Fatalf("%d events in one step, %d in many", direct, told)
		}
	})
}
