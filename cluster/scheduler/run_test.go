package scheduler

import (
	"strings"
	"testing"

	"maelstrom/cluster"
	"maelstrom/project"
)

// planned is the plan of w with changes to its snapshot.
func planned(w *world, cs cluster.ChangeSet) Decision {
	cs.Number = 2
	return Plan(Input{Snapshot: w.snapshot().With(cs), Load: w.load, Memory: w.memory, Now: w.now, NewID: func() string { return "new" }})
}

func TestRunsAreRefusedWithAReason(t *testing.T) {
	for name, c := range map[string]struct {
		change func(n *cluster.Node)
		run    cluster.Run
		want   string
	}{
		"fits":           {func(*cluster.Node) {}, cluster.Run{Node: "n", MemoryMiB: 100}, ""},
		"exactly":        {func(*cluster.Node) {}, cluster.Run{Node: "n", MemoryMiB: 700}, ""},
		"too large":      {func(*cluster.Node) {}, cluster.Run{Node: "n", MemoryMiB: 701}, "has 700 of 1000 MiB free"},
		"unknown node":   {func(*cluster.Node) {}, cluster.Run{Node: "m"}, "is not known"},
		"node drains":    {func(n *cluster.Node) { n.State = cluster.NodeDraining }, cluster.Run{Node: "n"}, "is draining"},
		"runs nothing":   {func(n *cluster.Node) { n.MemoryTotalMiB = 0 }, cluster.Run{Node: "n"}, "runs nothing"},
		"without docker": {func(n *cluster.Node) { n.Engine = "gone" }, cluster.Run{Node: "n"}, "no container engine: gone"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			c.change(w.node("n", 1000))
			c.run.ID, c.run.Component = "r", "web"
			w.load.Runs = []cluster.Run{c.run}
			d := planned(w, cluster.ChangeSet{Runs: map[string]*cluster.Run{
				"going": {ID: "going", Node: "n", MemoryMiB: 300, State: cluster.RunStarted},
				"ended": {ID: "ended", Node: "n", MemoryMiB: 300, State: cluster.RunFailed},
			}})
			refused := d.RunRefusals["r"]
			if (refused == nil) != (c.want == "") || (len(d.Reserved) == 1) != (c.want == "") {
				t.Fatalf("reserved %v, refused %v", d.Reserved, refused)
			}
			if refused != nil && !strings.Contains(refused.Message, c.want) {
				t.Errorf("refused because %q, want %q", refused.Message, c.want)
			}
		})
	}
}

// releasing is a version of web that has yet to be released.
func releasing(w *world, kept *cluster.ComponentRow) cluster.ChangeSet {
	spec := project.Component{Name: "web", ReleaseCommand: []string{"migrate"}, MinInstances: 2}
	e := spec.Effective()
	return cluster.ChangeSet{Components: map[string]*cluster.ComponentRow{
		"web": {Spec: &spec, Effective: &e, Version: 7, RestartVersion: 7, Kept: kept},
	}}
}

func TestTheKeptVersionRunsUntilTheNextIsReleased(t *testing.T) {
	w := newWorld()
	w.node("n", 4096)
	w.declare("web", project.Component{MinInstances: 1})
	kept := w.components["web"]
	d := planned(w, releasing(w, kept))
	if len(d.Writes) != 1 || d.Writes[0].Insert == nil || d.Writes[0].Insert.PlacedVersion != kept.Version {
		t.Fatalf("writes %s, want one instance of the kept version", show(d.Writes))
	}
	cs := releasing(w, kept)
	cs.Components["web"].Released = 7
	d = planned(w, cs)
	if len(d.Writes) != 2 || d.Writes[0].Insert.PlacedVersion != 7 {
		t.Fatalf("writes %s, want two instances of the released version", show(d.Writes))
	}
}

func TestNothingRunsBeforeTheFirstRelease(t *testing.T) {
	w := newWorld()
	w.node("n", 4096)
	w.load.Wakes["web"] = Wake{At: w.now, Waiting: true}
	cs := releasing(w, nil)
	if d := planned(w, cs); len(d.Writes) > 0 || len(d.Refusals) > 0 {
		t.Fatalf("writes %s, refusals %v, want a wake that waits", show(d.Writes), d.Refusals)
	}
	cs.Runs = map[string]*cluster.Run{"r": {ID: "r", Kind: cluster.RunRelease, Component: "web", Version: 7, State: cluster.RunFailed, Message: "exit code 3"}}
	d := planned(w, cs)
	if f := d.Refusals["web"]; len(d.Writes) > 0 || f == nil || f.Reason != cluster.ReasonReleaseFailed || f.Message != "the release command of version 7 failed: exit code 3" {
		t.Fatalf("writes %s, refusals %v, want the failure of the release", show(d.Writes), d.Refusals)
	}
}
