package main

import (
	"bytes"
	"flag"
	"regexp"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"maelstrom/cluster"
)

var faultFreezes = flag.Int("faults.freezes", 1, "how often a node is frozen while it writes, placements and firings in turn")

// threeLeases is how long a holder is frozen, three times what a lease lasts.
const threeLeases = 9 * time.Second

// fenceCheck begins the last statement of a write that needs a role.
const fenceCheck = "update mael_lease set beat = beat + 1 where role"

// A holder that is frozen in the middle of a write keeps nobody from its roles.
// When it goes on, its write is refused and counted, and it is a node like the
// others again.
func TestAFrozenHolderIsFenced(t *testing.T) {
	t.Parallel()
	s := underFaults(t, faultServer(mariadb), trioOptions{wires: true})
	var held []time.Duration
	var freezes []time.Time
	for round := range *faultFreezes {
		role := []string{cluster.RoleCron, cluster.RolePlacement}[round%2]
		took, at := s.freezeHolder(role)
		held, freezes = append(held, took), append(freezes, at)
		s.firings.gather()
		s.checkPlaced(s.most)
	}
	s.traffic.awaitMore(10, s.nodes...)
	wakes := s.wakes()
	s.traffic.check(t)
	s.stopAll()
	s.firings.check(t, cronEvery, s.beats.count.Load(), freezes)
	t.Logf("%d freezes, %d wakes; roles were held again after: %s", len(freezes), wakes, quantiles(held))
	checkHeld(t, held)
}

// freezeHolder stops the holder of a role for three lease times when it is about
// to commit something in its name, and lets that write go on when another node
// has the role. It returns how long that took.
func (s *faultSetup) freezeHolder(role string) (took time.Duration, at time.Time) {
	s.t.Helper()
	victim := s.holder(role)
	number := s.number(victim.id)
	fence, refused := s.leases()[role].Fence, victim.refusedWrites()
	over := s.traffic.excuse(number)
	at = s.stopAt(victim, fenceCheck, role)
	s.but(victim)[0].await("another holder of "+role, patience, func() bool {
		l := s.leases()[role]
		return l.Fence > fence && l.Holder != "" && l.Holder != victim.id
	})
	took = time.Since(at)
	s.databases[number].mend() // the late write reaches the database
	s.traffic.awaitMore(5, s.but(victim)...)
	<-time.After(time.Until(at.Add(threeLeases)))
	victim.signal(syscall.SIGCONT)
	s.awaitHeard(s.nodes...)
	over()
	s.traffic.awaitMore(5, victim)
	if holder := s.leases()[role]; holder.Holder == victim.id && holder.Fence == fence {
		s.t.Errorf("the frozen node has %s still", role)
	}
	if now := victim.refusedWrites(); now == refused {
		s.t.Errorf("no write of the frozen holder of %s is counted as refused\n%s", role, victim.log.tail(40))
	} else {
		s.t.Logf("%d late writes were refused", now-refused)
	}
	return took, at
}

// stopAt freezes a node when it sends a statement, which does not reach the
// database until that way is mended.
func (s *faultSetup) stopAt(victim *node, words ...string) time.Time {
	s.t.Helper()
	w := s.databases[s.number(victim.id)]
	stopped := make(chan time.Time, 1)
	var once sync.Once
	w.watch(func(data []byte) {
		for _, word := range words {
			if !bytes.Contains(data, []byte(word)) {
				return
			}
		}
		once.Do(func() {
			w.hold("", true, false)
			_ = victim.cmd.Process.Signal(syscall.SIGSTOP) // it is seen if it fails
			stopped <- time.Now()
		})
	})
	defer w.watch(nil)
	select {
	case at := <-stopped:
		return at
	case <-time.After(patience):
		s.t.Fatalf("%s sends no %q", victim.id, words)
	}
	return time.Time{}
}

var refusedWritesMetric = regexp.MustCompile(`(?m)^maelstrom_store_refused_writes_total\{[^}]*\} (\d+)$`)

// refusedWrites is how many writes the node has made too late.
func (n *node) refusedWrites() (total int) {
	n.t.Helper()
	for _, m := range refusedWritesMetric.FindAllStringSubmatch(n.getPrivate("", "/metrics").body, -1) {
		count, err := strconv.Atoi(m[1])
		if err != nil {
			n.t.Fatal(err)
		}
		total += count
	}
	return total
}
