package rpc

import (
	"testing"
	"time"

	"maelstrom/cluster"
)

// Open ones come first, also the one that only this node knows.
func TestAlertsAreListed(t *testing.T) {
	w, client := shop(t)
	at := func(minutes int) time.Time { return started.Add(time.Duration(minutes) * time.Minute) }
	alerts := map[string]*cluster.Alert{}
	for _, a := range []cluster.Alert{
		{Kind: cluster.AlertNodeLost, Subject: "n1", Since: at(1), Told: at(1)},
		{Kind: cluster.AlertNodeLost, Subject: "n2", Since: at(9), Told: at(9), Healed: at(10), How: "it is back"},
		{Kind: cluster.AlertComponentFailing, Subject: "shop_web", Since: at(2), Told: at(3), Cause: "exited: exit code 3"},
	} {
		a.Severity = cluster.EventError
		alerts[a.Key()] = &a
	}
	w.commit(cluster.ChangeSet{Alerts: alerts})
	subjects := func(req ListAlertsRequest) (got string) {
		t.Helper()
		list, err := client.ListAlerts(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range list.Alerts {
			got += a.Subject + " "
		}
		return got
	}
	if got := subjects(ListAlertsRequest{}); got != "shop_web n1 " {
		t.Errorf("open: %s", got)
	}
	w.server.deps.Outage = func() (cluster.Alert, bool) {
		return cluster.Alert{Kind: cluster.AlertDatabaseLost, Subject: cluster.AlertDatabase, Severity: cluster.EventError, Since: at(20)}, true
	}
	if got := subjects(ListAlertsRequest{All: true}); got != "database shop_web n1 n2 " {
		t.Errorf("all: %s", got)
	}
}
