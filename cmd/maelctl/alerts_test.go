package main

import (
	"strings"
	"testing"
	"time"

	"maelstrom/cluster"
	"maelstrom/cluster/rpc"
)

func TestAlertsAreShown(t *testing.T) {
	now := time.Now()
	healed := now.Add(-10 * time.Minute)
	var out strings.Builder
	err := printAlerts(&out, &app{}, []rpc.Alert{
		{Kind: cluster.AlertDiskFull, Subject: "n1/data", Title: "node vm1 has little room", Cause: "91 % full", Since: now.Add(-3 * time.Minute)},
		{Kind: cluster.AlertNodeLost, Subject: "n2", Title: "node vm2 is lost", Cause: "nobody\nhears it", Since: healed.Add(-70 * time.Second), Healed: &healed},
	}, true)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(out.String(), "\n")
	for i, want := range []string{
		"KIND SUBJECT SINCE HEALED WHAT CAUSE",
		"disk_full n1/data 3m ago - node vm1 has little room 91 % full",
		"node_lost n2 11m ago 10m ago, after 1m10s node vm2 is lost nobody | hears it",
	} {
		if got := strings.Join(strings.Fields(lines[i]), " "); got != want {
			t.Errorf("line %d: %q, want %q", i, got, want)
		}
	}
}
