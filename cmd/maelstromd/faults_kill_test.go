package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"

	"maelstrom/cluster"
	"maelstrom/cluster/store/storetest"
	"maelstrom/runtime"
	"maelstrom/runtime/drivertest"
)

var (
	faultKills = flag.Int("faults.kills", 3, "kills of nodes that hold a role, one role after another")
	faultOn    = flag.String("faults.on", "", "the database of the tests of faults, postgres or mariadb; empty: what each has by itself")
	faultBound = flag.Duration("faults.bound", 0, "fail where p99 of the time until the roles of a killed or frozen holder are held again is above this; 0: never")
)

// faultServer starts the database of a test of faults.
func faultServer(otherwise func() (*storetest.Server, error)) func() (*storetest.Server, error) {
	if chosen := servers[*faultOn]; chosen != nil {
		return chosen
	}
	return otherwise
}

// faultSetup is what a cluster does while its nodes are ill.
type faultSetup struct {
	*trio
	traffic *traffic
	firings *firings
	beats   *beats
	wakes   func() int
	most    map[string]int // placements of a component
}

const (
	steadyHost = "steady.localhost"
	cronEvery  = time.Second
)

// underFaults starts a cluster and all that it does: a component on each node
// that is asked at each, one that wakes and sleeps, a cron, a source and a
// notifier.
func underFaults(t *testing.T, start func() (*storetest.Server, error), opt trioOptions) *faultSetup {
	t.Helper()
	tree := t.TempDir()
	writeFile(t, filepath.Join(tree, "maelstrom.yml"), projectOf("tree", web{name: "leaf", image: "leaf:1"}))
	sources := sourcesFile(t, "sources:\n  - {name: tree, dir: "+tree+", interval: 1s}\n")
	opt.env = append(opt.env, "MAEL_SOURCES="+sources)
	s := &faultSetup{trio: newTrio(t, start, opt), beats: newBeats(t)}
	s.firings = &firings{c: s.trio, source: "faults_beat", byDue: map[time.Time]cluster.Firing{}}
	s.most = map[string]int{"faults_steady": 3, "faults_doze": 1, "faults_jobs": 1}
	image := drivertest.BuildImage(t)
	s.nodes[0].apply(fmt.Sprintf(`
name: faults
components:
  steady:
    image: %[1]s
    reservememory: 16
    mininstances: 3
    maxinstances: 3
    maxinstancespernode: 1
    maxconcurrency: 50
    ondisconnect: keep
    eventsources:
      steady-http: {http: {hostname: %[2]s}}
  doze:
    image: %[1]s
    reservememory: 16
    maxinstances: 1
    maxconcurrency: 5
    eventsources:
      doze-http: {http: {hostname: doze.localhost}}
  jobs:
    image: %[1]s
    reservememory: 16
    maxinstances: 1
    maxconcurrency: 50
    idletimeoutseconds: 600
    eventsources:
      beat: {cron: {schedule: "@every 1s", http: {method: POST, path: "%[3]s"}}}
`, image, steadyHost, s.beats.path(t, s.nodes[0].engine)))
	for _, n := range s.nodes {
		n.await("an instance on each node", patience, func() bool { return len(n.placedOn("faults_steady")) == len(s.nodes) })
	}
	s.nodes[0].await("a firing", patience, func() bool { return s.beats.count.Load() > 0 })
	s.traffic = s.trio.traffic(t, 1, steadyHost, "/?ms=20")
	s.wakes = s.doze(t, s.traffic, "faults_doze", "doze.localhost")
	s.traffic.awaitMore(10, s.nodes...)
	return s
}

// faultRoles are the roles of a cluster of faultSetup.
var faultRoles = []string{cluster.RolePlacement, cluster.RoleCron, cluster.RoleReconcile("tree"), cluster.RoleNotify}

// Whoever holds a role may be killed at any time: another node has it within
// seconds, nothing is placed or fired twice, and who asks another node than that
// one does not notice.
func TestRolesOutliveTheirHolders(t *testing.T) {
	t.Parallel()
	s := underFaults(t, faultServer(postgres), trioOptions{})
	var held []time.Duration
	var kills []time.Time
	for round := range *faultKills {
		victim := s.holder(faultRoles[round%len(faultRoles)])
		<-time.After(time.Duration(rand.Int64N(int64(time.Second)))) // at any moment of whatever goes on
		took, at := s.killHolder(victim)
		held, kills = append(held, took...), append(kills, at)
		s.firings.gather()
		s.checkPlaced(s.most)
	}
	s.traffic.awaitMore(10, s.nodes...)
	wakes := s.wakes()
	s.traffic.check(t)
	s.stopAll()
	s.firings.check(t, cronEvery, s.beats.count.Load(), kills)
	t.Logf("%d kills, %d wakes; roles were held again after: %s", len(kills), wakes, quantiles(held))
	checkHeld(t, held)
}

// checkHeld fails where roles of a holder that was ill were nobody's for too
// long.
func checkHeld(t testing.TB, held []time.Duration) {
	t.Helper()
	slices.Sort(held)
	if p99 := held[min(len(held)-1, len(held)*99/100)]; *faultBound > 0 && p99 > *faultBound {
		t.Errorf("p99 of the time until roles are held again is %s, above %s", p99, *faultBound)
	}
}

// killHolder kills a node, waits until others have its roles, and starts it
// again. It returns how long each of its roles was nobody's.
func (s *faultSetup) killHolder(victim *node) (took []time.Duration, at time.Time) {
	s.t.Helper()
	over := s.traffic.excuse(s.number(victim.id))
	at = time.Now()
	victim.signal(syscall.SIGKILL)
	lost := map[string]int64{} // fences
	for role, l := range s.leases() {
		if l.Holder == victim.id {
			lost[role] = l.Fence
		}
	}
	if len(lost) == 0 {
		s.t.Errorf("%s held nothing when it was killed", victim.id)
	}
	victim.awaitExit()
	s.but(victim)[0].await("other holders", patience, func() bool {
		for role, l := range s.leases() {
			if fence, was := lost[role]; was && l.Fence > fence && l.Holder != "" {
				took = append(took, time.Since(at))
				delete(lost, role)
			}
		}
		return len(lost) == 0
	})
	s.traffic.awaitMore(5, s.but(victim)...)
	s.run(victim)
	victim.awaitReady()
	s.awaitHeard(s.nodes...)
	over()
	s.traffic.awaitMore(5, victim)
	return took, at
}

// containersOfPlacements counts the running containers of each placement.
func (c *trio) containersOfPlacements() map[string]int {
	c.t.Helper()
	count := map[string]int{}
	for _, n := range c.nodes {
		list, err := n.engine.ContainerList(c.t.Context(), container.ListOptions{Filters: filters.NewArgs(filters.Arg("label", runtime.LabelNode+"="+n.id))})
		if err != nil {
			c.t.Fatal(err)
		}
		for _, found := range list {
			if id := found.Labels[runtime.LabelPlacement]; id != "" {
				count[id]++
			}
		}
	}
	return count
}
