package main

import (
	"context"
	"flag"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"maelstrom/cluster"
)

var (
	faultAll      = flag.Bool("faults.all", false, "also the faults that each other run leaves out")
	faultOutage   = flag.Duration("faults.outage", 3*time.Second, "how long each fault lasts")
	faultRecovery = flag.Duration("faults.recovery", 0, "fail where everything is well again later than this after the end of a fault; 0: never")
)

// partition is a fault of what connects nodes with each other and the rest.
type partition struct {
	name  string
	long  bool // left out unless all are asked for
	begin func(*faultSetup)
}

// partitions are the faults, each of which mend ends.
var partitions = []partition{
	{"the database does not answer one node", true, func(s *faultSetup) { s.databases[1].hold("", true, true) }},
	{"the database refuses the holder", false, func(s *faultSetup) { s.databases[s.number(s.holder(cluster.RolePlacement).id)].sever() }},
	{"the database is down", true, (*faultSetup).severDatabases},
	{"the database does not answer", false, func(s *faultSetup) {
		for _, w := range s.databases {
			w.hold("", true, true)
		}
	}},
	{"one node is cut off from the others", false, func(s *faultSetup) {
		s.peers[0].hold("", true, true)
		s.peers[1].hold(s.nodes[0].id, true, true)
		s.peers[2].hold(s.nodes[0].id, true, true)
	}},
	{"one node hears another that does not hear it", false, func(s *faultSetup) {
		s.peers[2].hold(s.nodes[1].id, true, false)
		s.peers[1].hold(s.nodes[2].id, false, true)
	}},
	{"no node hears another", true, func(s *faultSetup) {
		for _, w := range s.peers {
			w.hold("", true, true)
		}
	}},
	{"an engine does not answer", false, func(s *faultSetup) { s.engines[2].hold("", true, true) }},
	{"an engine is away", true, func(s *faultSetup) { s.engines[1].sever() }},
	{"the database is down and all daemons start again", true, (*faultSetup).restartWithoutDatabase},
}

func (s *faultSetup) severDatabases() {
	for _, w := range s.databases {
		w.sever()
	}
}

// restartWithoutDatabase kills all daemons while the database is away, and starts
// them again: since each is ready it fails no request.
func (s *faultSetup) restartWithoutDatabase() {
	s.t.Helper()
	for _, n := range s.nodes {
		n.await("its copy", patience, func() bool { return strings.Contains(n.snapshotCopy(), `"component":"faults_steady"`) })
	}
	s.severDatabases()
	began := time.Now()
	var over []func()
	for i, n := range s.nodes {
		over = append(over, s.traffic.excuse(i))
		n.signal(syscall.SIGKILL)
	}
	for _, n := range s.nodes {
		n.awaitExit()
		s.run(n)
	}
	for i, n := range s.nodes {
		n.awaitReady()
		over[i]()
	}
	s.traffic.awaitMore(1, s.nodes...)
	took := time.Since(began).Round(time.Millisecond)
	s.t.Logf("all daemons serve %s after they were killed", took)
	if *faultRecovery > 0 && took > *faultRecovery {
		s.t.Errorf("all daemons serve only %s after they were killed", took)
	}
}

// mend ends every fault.
func (s *faultSetup) mend() {
	for _, ways := range [][]*wire{s.peers, s.databases, s.engines} {
		for _, w := range ways {
			w.mend()
		}
	}
}

// Whatever is cut off from whatever else, what runs and can be reached from the
// node that is asked is served, and soon after the end of it all is well again.
func TestPartitionsFailNoRequestToWhatRuns(t *testing.T) {
	t.Parallel()
	s := underFaults(t, faultServer(postgres), trioOptions{wires: true})
	s.wakes() // a sleeper may have to wait, or be refused, for as long as a fault lasts
	var recovered []time.Duration
	for _, p := range partitions {
		if p.long && !*faultAll {
			continue
		}
		began := time.Now()
		p.begin(s)
		<-time.After(*faultOutage)
		s.mend()
		over := time.Now()
		s.firings.outages = append(s.firings.outages, outage{began, over})
		s.awaitWell()
		took := time.Since(over)
		t.Logf("%s: from %s on, all is well %s after the end", p.name, began.Format("15:04:05"), took.Round(time.Millisecond))
		if recovered = append(recovered, took); *faultRecovery > 0 && took > *faultRecovery {
			t.Errorf("%s: all is well only %s after the end", p.name, took.Round(time.Millisecond))
		}
		s.traffic.awaitMore(5, s.nodes...)
		s.checkPlaced(s.most)
		s.firings.gather()
		if t.Failed() {
			break
		}
	}
	s.traffic.check(t)
	s.stopAll()
	s.firings.check(t, cronEvery, s.beats.count.Load(), nil)
	t.Logf("all was well again after: %s", quantiles(recovered))
}

// awaitWell waits until every node reaches the database, the engine and all
// others, roles are held, and a sleeper wakes whoever is asked for it.
func (s *faultSetup) awaitWell() {
	s.t.Helper()
	s.awaitHeard(s.nodes...)
	for _, n := range s.nodes {
		n.await("a database and an engine", patience, func() bool {
			ready := n.getPrivate("", "/readyz")
			return ready.status == http.StatusOK && !strings.Contains(ready.body, "engine") && strings.Contains(n.getPrivate("", "/metrics").body, "\nmaelstrom_store_up 1\n")
		})
	}
	fresh := s.leases()
	s.nodes[0].await("holders of all roles", patience, func() bool {
		held := 0
		for _, role := range faultRoles {
			if l := s.leases()[role]; l.Holder != "" && l.Beat > fresh[role].Beat {
				held++
			}
		}
		return held == len(faultRoles)
	})
	for i, n := range s.nodes {
		n.await("a sleeper that wakes", patience, func() bool { return n.getWithin(wakeWithin, "doze.localhost", "/").status == http.StatusOK })
		s.sleep("faults_doze", i)
	}
}

// wakeWithin is how soon a sleeper has to answer where nothing is ill.
const wakeWithin = 30 * time.Second

// getWithin is get that gives up.
func (n *node) getWithin(limit time.Duration, host, path string) answer {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	return do(n.request(ctx, http.MethodGet, host, path, nil))
}

// stopAll stops all nodes in order, so that what they have begun has its end.
func (s *faultSetup) stopAll() {
	s.t.Helper()
	for _, n := range s.nodes {
		n.signal(syscall.SIGTERM)
	}
	for _, n := range s.nodes {
		n.awaitExit()
	}
}
