package mysql8

import (
	"time"

	"maelstrom/cluster"
)

// sources goes through what is kept of sources, events and notifiers. It
// follows projects.
func (r *tour) sources() {
	r.t.Helper()
	row := r.call("PutSource", cluster.SourceWrite{
		Spec: &cluster.Source{Name: "main", Dir: "/srv/main"}, Secrets: &cluster.SourceSecrets{WebhookSecret: "w"}, Actor: "me",
	})[0].(*cluster.SourceRow)
	r.tell("%v", r.call("SourceSecrets", "main"))
	hold := r.take(cluster.RoleReconcile("main"), "a")
	status := cluster.ProjectStatus{Source: "main", Path: "maelstrom.yml", Project: "case"}
	write := cluster.StatusWrite{
		Hold: &hold, Source: &cluster.SourceStatus{Source: "main", Revision: "c1"}, Put: []cluster.ProjectStatus{status},
		Events: []cluster.Event{{Kind: cluster.EventFailed, Severity: cluster.EventError, Source: "main", Message: "no"}},
	}
	r.call("WriteSourceStatus", write)
	stale := hold
	stale.Fence--
	write.Hold = &stale
	r.refused("WriteSourceStatus", write)
	r.tell("%v", r.call("DeclaredBy", "main", "case")[0] != nil)
	r.call("PutControl", cluster.ControlRow{Kind: cluster.ControlSource, Name: "main", Control: cluster.Control{Approved: "h"}}, nil)
	r.tell("%v", r.call("AddDelivery", cluster.Delivery{Source: "main", ID: "1"}))
	r.tell("%v", r.call("AddDelivery", cluster.Delivery{Source: "main", ID: "1"}))
	r.tell("%d", len(r.call("Deliveries", "main", 10)[0].([]cluster.Delivery)))
	recent := r.call("Recent", int64(0))[0].(cluster.RecentSet)
	r.tell("%d %d %d", len(recent.Deliveries), len(r.call("Recent", recent.Number)[0].(cluster.RecentSet).Events), len(recent.Claims))
	r.call("AddEvents", []cluster.Event{{Kind: cluster.EventWake, Severity: cluster.EventInfo, Component: "case"}})
	r.tell("%d", len(r.call("Events", cluster.EventQuery{Source: "main"})[0].([]cluster.Event)))

	secret := "s"
	notifier := r.call("PutNotifier", cluster.NotifierWrite{Spec: &cluster.Notifier{Name: "chat", Webhook: "https://chat.test/"}, Secret: &secret})[0].(*cluster.NotifierRow)
	r.tell("%v", r.call("NotifierSecret", "chat"))
	r.call("WriteNotifierState", r.take(cluster.RoleNotify, "a"), cluster.NotifierState{Name: "chat", Cursor: 1})
	r.tell("%d", len(r.call("NotifierStates")[0].([]cluster.NotifierState)))
	notifies := r.take(cluster.RoleNotify, "a")
	alert := cluster.Alert{Kind: cluster.AlertNodeLost, Subject: "n", Severity: cluster.EventError, Title: "node n is lost", Cause: "🌊"}
	for _, write := range []cluster.AlertWrite{{Alert: alert}, {Alert: alert, Heals: true}, {Alert: alert, Heals: true, Whole: true}} {
		for _, a := range r.call("WriteAlerts", &notifies, []cluster.AlertWrite{write})[0].([]cluster.Alert) {
			r.tell("%s %v", a.Key(), a.Open())
		}
	}
	r.tell("%d", len(r.call("Alerts")[0].(map[string]*cluster.Alert)))
	r.call("DeleteNotifier", cluster.Deletion{Name: "chat", Version: notifier.Version})

	claims := r.call("Claims")[0].([]cluster.Claim)
	r.call("RestoreClaims", claims)
	r.call("DeleteSource", cluster.Deletion{Name: "main", Version: row.Version, Undeclared: true})
	r.refused("SourceSecrets", "main")
}

// runs goes through commands and releases. It follows placements.
func (r *tour) runs() {
	r.t.Helper()
	hold := r.take(cluster.RolePlacement, "a")
	command := cluster.Run{ID: "run-1", Kind: cluster.RunCommand, Component: "case", Version: 1, Node: "a", MemoryMiB: 1, State: cluster.RunReserved}
	release := cluster.Run{ID: "run-2", Kind: cluster.RunRelease, Component: "case", Version: 1, Node: "a", MemoryMiB: 1, State: cluster.RunReserved}
	r.call("Reserve", hold, []cluster.Run{command, release})
	r.refused("Reserve", hold, []cluster.Run{release}) // a version is released once
	r.call("StartRun", "run-1", nil)
	r.call("EndRun", "run-1")
	r.call("StartRun", "run-2", nil)
	release.State, release.FinishedAt = cluster.RunSucceeded, time.Unix(1, 0).UTC()
	r.call("FinishRelease", release, cluster.Event{Kind: cluster.EventRelease, Severity: cluster.EventInfo, Component: "case"})
	habit := &cluster.Habit{Last: time.Unix(1, 0).UTC(), Recent: []time.Duration{time.Hour}}
	habit.Bins[60] = 1.5
	r.call("WriteHabits", hold, map[string]*cluster.Habit{"case": habit, "gone": habit}, []string(nil))
	r.call("WriteHabits", hold, map[string]*cluster.Habit{"case": habit}, []string{"gone"})
	r.tell("%v", *r.call("Habits")[0].(map[string]*cluster.Habit)["case"])
	r.call("OpenFirings", "key", 0)
	r.call("LatestFirings")
	r.call("LastDue")
}
