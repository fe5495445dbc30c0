package rpc

import (
	"strings"
	"testing"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

// placedAt is a placement of shop_web and what its node says of it; without a
// state nothing yet.
type placedAt struct {
	version int64
	state   cluster.InstanceState
	message string
	suspect bool
}

// rolled makes shop_web the row, with these instances.
func (w *world) rolled(row cluster.ComponentRow, placed ...placedAt) {
	stored := w.comps["shop_web"]
	spec := *stored.Spec
	spec.ReleaseCommand = row.Spec.ReleaseCommand
	row.Spec, row.Effective, row.ModifiedAt = &spec, stored.Effective, started
	w.commit(cluster.ChangeSet{Components: map[string]*cluster.ComponentRow{"shop_web": &row}})
	for slot, p := range placed {
		placement := cluster.Placement{
			ID: string(rune('a' + slot)), Component: "shop_web", Slot: slot, Node: testNode, Want: cluster.WantRun, PlacedVersion: p.version, CreatedAt: started,
		}
		if p.state == "" {
			w.commit(cluster.ChangeSet{Placements: map[string]*cluster.Placement{placement.ID: &placement}})
			continue
		}
		instance := cluster.Instance{State: p.state, Address: "10.0.0.2:80", Suspect: p.suspect, Message: p.message}
		if p.message != "" {
			instance.Reason = cluster.ReasonExited
		}
		w.run(placement, instance)
	}
}

func TestRolloutStates(t *testing.T) {
	declared := func(change func(*cluster.ComponentRow)) cluster.ComponentRow {
		row := cluster.ComponentRow{
			Spec: &project.Component{}, Version: 6, RestartVersion: 5, Proven: 3,
			Kept: &cluster.ComponentRow{Spec: &project.Component{}, Effective: &project.Component{}, Version: 4, RestartVersion: 3, Proven: 3},
		}
		change(&row)
		return row
	}
	as := func(*cluster.ComponentRow) {}
	first := func(r *cluster.ComponentRow) { r.Kept, r.Proven = nil, 0 }
	proven := func(r *cluster.ComponentRow) { r.Kept, r.Proven = nil, 5 }
	failed := func(r *cluster.ComponentRow) {
		r.Failed = &cluster.RolloutFailure{Reason: cluster.ReasonExited, Message: "exits with 3", At: started, Tries: 3}
	}
	releasing := func(r *cluster.ComponentRow) { r.Spec = &project.Component{ReleaseCommand: []string{"migrate"}} }
	for _, test := range []struct {
		name    string
		row     func(*cluster.ComponentRow)
		placed  []placedAt
		refused *cluster.Failure
		state   RolloutState
		runs    int64
		message string
	}{
		{"asleep, to be proven", as, nil, nil, RolloutProving, 6, "version 5 waits for an instance that proves it"},
		{"beside the old one", as, []placedAt{{4, cluster.InstanceReady, "", false}, {6, cluster.InstanceStarting, "", false}}, nil, RolloutProving, 6, "version 5 proves itself: slot 1 is starting"},
		{"it fails", as, []placedAt{{6, cluster.InstanceBackoff, "exits with 3", false}}, nil, RolloutProving, 6, "version 5 proves itself: slot 0 is backoff: exits with 3"},
		{"no room", as, nil, &cluster.Failure{Reason: cluster.ReasonNoCapacity, Message: "no node has 128 MiB"}, RolloutProving, 6, "version 5 has no instance yet: no node has 128 MiB"},
		{"a first version asleep", first, nil, nil, RolloutUnproven, 6, "no instance of version 5 was started yet: it is asleep"},
		{"a first version that starts", first, []placedAt{{6, "", "", false}}, nil, RolloutProving, 6, "version 5 proves itself: slot 0 is placed"},
		{"unproven before", first, []placedAt{{3, cluster.InstanceReady, "", false}}, nil, RolloutProving, 6, "version 5 waits for an instance that proves it"},
		{"the rest follows", proven, []placedAt{{4, cluster.InstanceReady, "", false}, {6, cluster.InstanceReady, "", false}}, nil, RolloutRolling, 6, "version 5 takes over: 1 of 2 instances are of it"},
		{"done", proven, []placedAt{{5, cluster.InstanceReady, "", false}, {6, cluster.InstanceReady, "", false}}, nil, RolloutDone, 6, ""},
		{"done and asleep", proven, nil, nil, RolloutDone, 6, ""},
		{"failed", failed, []placedAt{{4, cluster.InstanceReady, "", false}}, nil, RolloutFailed, 4, "version 5 is not rolled out: exits with 3; version 4 runs on"},
		{"to be released", releasing, []placedAt{{4, cluster.InstanceReady, "", false}}, nil, RolloutWaiting, 4, "version 5 waits for its release command"},
		{"the first to be released", func(r *cluster.ComponentRow) { first(r); releasing(r) }, nil, nil, RolloutWaiting, 0, "version 5 waits for its release command"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w, client := shop(t)
			if test.refused != nil {
				w.refused["shop_web"] = test.refused
			}
			w.rolled(declared(test.row), test.placed...)
			status, err := client.ComponentStatus(t.Context(), "Shop_Web")
			if err != nil || len(status.Instances) != len(test.placed) {
				t.Fatalf("%+v, %v", status, err)
			}
			r := status.Component.Rollout
			if r.State != test.state || r.Runs != test.runs || r.Message != test.message || r.Version != 6 || r.RestartVersion != 5 {
				t.Errorf("%+v\nwant %s, version %d runs: %s", r, test.state, test.runs, test.message)
			}
		})
	}
}

func TestReleaseThatFailedIsARolloutThatFailed(t *testing.T) {
	w, client := shop(t)
	w.rolled(cluster.ComponentRow{Spec: &project.Component{ReleaseCommand: []string{"migrate"}}, Version: 2, RestartVersion: 2})
	w.commit(cluster.ChangeSet{Runs: map[string]*cluster.Run{"r": {
		ID: "r", Kind: cluster.RunRelease, Component: "shop_web", Version: 2, State: cluster.RunFailed, Message: "exit code 1", StartedAt: started, FinishedAt: started.Add(time.Minute),
	}}})
	status, err := client.ComponentStatus(t.Context(), "shop_web")
	r := status.Component.Rollout
	if err != nil || r.State != RolloutFailed || r.Reason != cluster.ReasonReleaseFailed || !strings.HasSuffix(r.Message, "its release command failed: exit code 1") ||
		r.RetryAt != nil || r.Since == nil || !r.Since.Equal(started.Add(time.Minute)) {
		t.Errorf("%+v, %v", r, err)
	}
}

// What placement remembers of the version before says nothing of one whose
// release command still runs.
func TestAReleaseUnderWayIsNoFailure(t *testing.T) {
	w, client := shop(t)
	w.refused["shop_web"] = &cluster.Failure{Reason: cluster.ReasonReleaseFailed, Message: "the release command of version 1 failed"}
	w.rolled(cluster.ComponentRow{Spec: &project.Component{ReleaseCommand: []string{"migrate"}}, Version: 2, RestartVersion: 2})
	status, err := client.ComponentStatus(t.Context(), "shop_web")
	if c := status.Component; err != nil || c.State != ComponentAsleep || c.Reason != cluster.ReasonNone || c.Message != "version 2 waits for its release command" {
		t.Errorf("%+v, %v", c, err)
	}
}

// What keeps a project from being healthy although an instance of each
// component serves.
func TestRolloutsAndHealth(t *testing.T) {
	row := cluster.ComponentRow{Spec: &project.Component{}, Version: 2, RestartVersion: 2, Proven: 2}
	broken := row
	broken.Proven, broken.Kept = 1, &cluster.ComponentRow{Spec: &project.Component{}, Effective: &project.Component{}, Version: 1, RestartVersion: 1, Proven: 1}
	broken.Failed = &cluster.RolloutFailure{Reason: cluster.ReasonImageMissing, Message: "there is no image", At: started, Tries: 1, RetryAt: started.Add(time.Minute)}
	ready := placedAt{1, cluster.InstanceReady, "", false}
	suspect := placedAt{2, cluster.InstanceReady, "GET / answers 500", true}
	for _, test := range []struct {
		name    string
		row     cluster.ComponentRow
		placed  []placedAt
		message string // of the project
		reason  cluster.Reason
	}{
		{"nothing", row, []placedAt{{2, cluster.InstanceReady, "", false}}, "", ""},
		{"a roll-out that failed", broken, []placedAt{ready}, "shop_web: image_missing: version 2 is not rolled out: there is no image; version 1 runs on", cluster.ReasonImageMissing},
		{"one that failed asleep", broken, nil, "shop_web: image_missing: version 2 is not rolled out: there is no image; version 1 runs on", cluster.ReasonImageMissing},
		{"and what runs instead fails too", broken, []placedAt{{1, cluster.InstanceBackoff, "exits", false}}, "shop_web: exited: exits", cluster.ReasonExited},
		{"one suspect of two", row, []placedAt{{2, cluster.InstanceReady, "", false}, suspect}, "", ""},
		{"all suspect", row, []placedAt{suspect}, "shop_web: unhealthy: slot 0 fails its health checks, and is not restarted for that: GET / answers 500", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			w, client := shop(t)
			w.rolled(test.row, test.placed...)
			w.run(cluster.Placement{ID: "z", Component: "shop_api", Want: cluster.WantRun, PlacedVersion: 1}, cluster.Instance{State: cluster.InstanceReady, Address: "10.0.0.3:80"})
			detail, err := client.GetProject(t.Context(), GetProjectRequest{Name: "shop"})
			if err != nil {
				t.Fatal(err)
			}
			if detail.Project.Healthy != (test.message == "") || detail.Project.Message != test.message {
				t.Errorf("healthy %v: %s", detail.Project.Healthy, detail.Project.Message)
			}
			for _, c := range detail.Components {
				if c.Name == "shop_web" && c.Reason != test.reason {
					t.Errorf("reason %q: %s", c.Reason, c.Message)
				}
			}
		})
	}
}

func TestStatusTellsTimesAndFailures(t *testing.T) {
	w, client := shop(t)
	at := func(seconds int) time.Time { return started.Add(time.Duration(seconds) * time.Second) }
	for state, since := range map[cluster.InstanceState]time.Time{
		cluster.InstancePulling: at(1), cluster.InstanceStarting: at(1), cluster.InstanceReady: at(2), cluster.InstanceBackoff: at(3), cluster.InstanceDraining: {},
	} {
		w.run(cluster.Placement{ID: "p", Component: "shop_web", Want: cluster.WantRun, PlacedVersion: 1}, cluster.Instance{
			State: state, LaunchedAt: at(1), ReadyAt: at(2), LastFailureAt: at(3), LastFailure: cluster.ReasonExited, LastFailureDetail: "exit code 3", FailedChecks: 2, Suspect: true,
		})
		status, err := client.ComponentStatus(t.Context(), "shop_web")
		if err != nil || len(status.Instances) != 1 {
			t.Fatalf("%+v, %v", status, err)
		}
		i := status.Instances[0]
		if i.LastFailure != cluster.ReasonExited || i.LastFailureDetail != "exit code 3" || !i.LastFailureAt.Equal(at(3)) || i.FailedChecks != 2 || !i.Suspect {
			t.Errorf("%+v", i)
		}
		if since.IsZero() != (i.Since == nil) || i.Since != nil && !i.Since.Equal(since) {
			t.Errorf("%s since %v, want %v", state, i.Since, since)
		}
	}
	if _, err := client.ComponentStatus(t.Context(), "nope"); kindOfError(err) != KindNotFound {
		t.Errorf("%v", err)
	}
}
