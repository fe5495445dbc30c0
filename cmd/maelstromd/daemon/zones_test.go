package daemon

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"maelstrom/cluster"
)

func TestNodesThatReadSchedulesInAnotherZone(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	d := &Daemon{node: "a", opt: Options{CronZone: berlin}, log: slog.New(slog.NewTextHandler(&log, nil))}
	s := cluster.NewSnapshot()
	told := ""
	look := func(nodes map[string]*cluster.Node) (lines int) {
		t.Helper()
		log.Reset()
		s = s.With(cluster.ChangeSet{Number: s.Number + 1, Nodes: nodes})
		told = d.tellZones(s, told)
		told = d.tellZones(s, told)
		return strings.Count(log.String(), "nodes differ in MAEL_CRON_TZ")
	}
	zone := func(name string, state cluster.NodeState) map[string]*cluster.Node {
		return map[string]*cluster.Node{"b": {ID: "b", Name: "vm2", State: state, CronZone: name}}
	}
	if look(map[string]*cluster.Node{"a": {ID: "a", State: cluster.NodeUp, CronZone: "UTC"}}) != 0 {
		t.Error("of this node's own row, as it was before")
	}
	if look(zone("", cluster.NodeUp)) != 0 || look(zone("Europe/Berlin", cluster.NodeUp)) != 0 {
		t.Error("of a node that has the same zone, or does not say")
	}
	if look(zone("UTC", cluster.NodeUp)) != 1 || !strings.Contains(log.String(), "vm2: UTC") {
		t.Errorf("another zone is told as %q", log.String())
	}
	if look(zone("Asia/Tokyo", cluster.NodeUp)) != 1 {
		t.Error("yet another one is not told once")
	}
	if look(zone("Asia/Tokyo", cluster.NodeDown)) != 0 {
		t.Error("of a node that is down")
	}
	if status := d.status(cluster.NodeUp); status.CronZone != "Europe/Berlin" {
		t.Errorf("the row tells %q", status.CronZone)
	}
}
