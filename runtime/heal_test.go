package runtime

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"maelstrom/cluster"
)

// crewText describes instances: ready, suspect, healing (away for its checks),
// crashed, starting (for the first time), failed (never was ready), unseen, off
// (wants to stop), down (ready on a node that is down).
func snapshotOf(crew string) *cluster.Snapshot {
	cs := cluster.ChangeSet{
		Number:     1,
		Nodes:      map[string]*cluster.Node{"n": {ID: "n", Epoch: 1}, "gone": {ID: "gone", Epoch: 1, State: cluster.NodeDown}},
		Placements: map[string]*cluster.Placement{},
	}
	lists := map[string]*cluster.InstanceList{}
	for i, word := range strings.Fields(crew) {
		row := &cluster.Placement{ID: fmt.Sprintf("p%d", i), Component: "c", Slot: i, Node: "n", Want: cluster.WantRun}
		if word == "off" {
			row.Want = cluster.WantStop
		}
		if word == "down" {
			row.Node = "gone"
		}
		cs.Placements[row.ID] = row
		if lists[row.Node] == nil {
			lists[row.Node] = &cluster.InstanceList{Node: row.Node, Epoch: 1, Counter: 1}
		}
		if word != "unseen" {
			lists[row.Node].Instances = append(lists[row.Node].Instances, instanceOf(row, word))
		}
	}
	snap := cluster.NewSnapshot().With(cs)
	for _, l := range lists {
		snap = snap.WithInstances(*l)
	}
	return snap
}

func instanceOf(row *cluster.Placement, word string) cluster.Instance {
	i := cluster.Instance{Placement: row.ID, Component: "c", Slot: row.Slot, Node: row.Node}
	switch word {
	case "starting":
		i.State = cluster.InstanceStarting
	case "failed":
		i.State, i.Reason = cluster.InstanceBackoff, cluster.ReasonExited
	case "crashed":
		i.State, i.WasReady, i.LastFailure = cluster.InstanceBackoff, true, cluster.ReasonExited
	case "healing":
		i.State, i.WasReady, i.LastFailure = cluster.InstanceStarting, true, cluster.ReasonUnhealthy
	default:
		i.State, i.WasReady, i.Address = cluster.InstanceReady, true, "10.0.0.1:80"
		i.Suspect = word == "suspect"
	}
	return i
}

func TestRemedyOfSuspects(t *testing.T) {
	const none, now, dead = remedyNone, remedyNow, remedyIfDead
	for crew, want := range map[string][]remedy{ // of p0, p1 ..
		"suspect":                                 {dead},
		"suspect ready":                           {now},
		"ready suspect":                           {none, now},
		"suspect suspect":                         {dead, none},
		"suspect suspect ready":                   {now, none},
		"suspect suspect ready ready":             {now, now},
		"suspect suspect suspect ready":           {now, now, none},
		"suspect suspect suspect suspect":         {dead, dead, none, none},
		"suspect suspect suspect suspect suspect": {dead, dead, none, none, none},

		// What is away already counts.
		"healing suspect ready":         {none, none},
		"healing suspect ready ready":   {none, now},
		"healing suspect":               {none, none},
		"healing suspect suspect":       {none, none, none},
		"healing suspect suspect ready": {none, now, none},
		"crashed suspect ready":         {none, none},
		"crashed suspect":               {none, dead},

		// One that comes is waited for, one that fails is not.
		"suspect starting":       {none},
		"suspect unseen":         {none},
		"suspect failed":         {dead},
		"suspect ready starting": {now},

		// These help nobody.
		"suspect off":  {dead},
		"suspect down": {dead},
	} {
		snap := snapshotOf(crew)
		for n, w := range want {
			if word := strings.Fields(crew)[n]; word != "suspect" {
				continue
			}
			if got := remedyOf(snap, fmt.Sprintf("p%d", n)); got != w {
				t.Errorf("%s: remedy of p%d is %d, want %d", crew, n, got, w)
			}
		}
	}
}

func TestNoRemedyWithoutAView(t *testing.T) {
	snap := *snapshotOf("suspect ready")
	if got := remedyOf(&snap, "px"); got != remedyNone {
		t.Errorf("of an unknown placement %d", got)
	}
	snap.Restored = true
	if got := remedyOf(&snap, "p0"); got != remedyNone {
		t.Errorf("from the copy on disk %d", got)
	}
	if got := remedyOf(snapshotOf("ready ready"), "p1"); got != remedyNow {
		t.Errorf("of one that the snapshot does not show as suspect yet %d", got)
	}
}

// However the suspects decide, at most half of those that have served are away
// for their checks, and one that is well serves on.
func TestHalfServesOn(t *testing.T) {
	words := []string{"ready", "suspect", "healing", "crashed", "starting", "failed", "unseen"}
	rapid.Check(t, func(t *rapid.T) {
		crew := rapid.SliceOfN(rapid.SampledFrom(words), 1, 12).Draw(t, "crew")
		snap := snapshotOf(strings.Join(crew, " "))
		seasoned, away, healed := 0, 0, 0
		for n, word := range crew {
			switch word {
			case "ready", "crashed":
				seasoned++
			case "healing":
				seasoned++
				away++
			case "suspect":
				seasoned++
				if remedyOf(snap, fmt.Sprintf("p%d", n)) != remedyNone {
					healed++
				}
			}
		}
		if healed > 0 && away+healed > max(seasoned/2, 1) {
			t.Fatalf("%v: %d of %d away, %d more are restarted", crew, away, seasoned, healed)
		}
	})
}
