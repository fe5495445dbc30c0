package daemon

import (
	"slices"
	"strings"

	"maelstrom/cluster"
	"maelstrom/cluster/rpc"
)

// otherZones are the nodes that read schedules in another time zone than a node
// does, for people.
func otherZones(s *cluster.Snapshot, node, zone string) (list []string) {
	for id, n := range s.Nodes.All() {
		if id != node && n.State != cluster.NodeDown && n.CronZone != "" && n.CronZone != zone {
			list = append(list, n.DisplayName()+": "+n.CronZone)
		}
	}
	slices.Sort(list)
	return list
}

// tellZones tells once of nodes whose time zone is another one: a schedule would
// be due at another time whenever its role changes hands. It returns what it told.
func (d *Daemon) tellZones(s *cluster.Snapshot, told string) string {
	list := strings.Join(otherZones(s, d.node, d.opt.CronZone.String()), ", ")
	if list != told && list != "" {
		d.log.Warn("nodes differ in MAEL_CRON_TZ", "here", d.opt.CronZone.String(), "elsewhere", list)
	}
	return list
}

// cronZone tells whether all nodes read schedules in the same time zone.
func (d *doctor) cronZone() rpc.Check {
	const name = "cron.zone"
	zone := d.opt.CronZone.String()
	if list := otherZones(d.feed.Snapshot(), d.node, zone); len(list) > 0 {
		return warning(name, "schedules that name no zone are in "+zone+" here; "+strings.Join(list, ", "),
			"set the same MAEL_CRON_TZ on all nodes, or begin schedules with TZ=")
	}
	return passed(name, "schedules that name no zone are in %s", zone)
}
