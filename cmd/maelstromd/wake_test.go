package main

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/docker/docker/api/types/events"

	"maelstrom/cluster/rpc"
	"maelstrom/runtime/drivertest"
)

func TestARequestWakesAndSilenceSendsToSleep(t *testing.T) {
	t.Parallel()
	const idle = 2 * time.Second
	n := newNode(t)
	seen := n.engine.watch(t, n.id)
	sleeper := web{name: "sleeper", image: drivertest.BuildImage(t), lines: []string{"idletimeoutseconds: 2", "maxconcurrency: 5"}}
	n.apply(projectOf("wake", sleeper))
	if got := n.engine.containers(t, n.id); len(got) > 0 {
		t.Fatalf("containers before the first request: %v", got)
	}
	for round := 1; round <= 2; round++ {
		cold := time.Now()
		n.mustGet(sleeper.host(), "/")
		t.Logf("round %d: cold start took %s", round, time.Since(cold).Round(time.Millisecond))
		n.engine.only(t, n.id)
		if state := n.component("wake_sleeper").State; state != rpc.ComponentReady {
			t.Errorf("awake, but %s", state)
		}
		began := time.Now()
		n.mustGet(sleeper.host(), "/")
		answered := time.Now()
		n.await("container gone", patience, func() bool { return len(n.engine.containers(t, n.id)) == 0 })
		n.awaitState("wake_sleeper", rpc.ComponentAsleep)
		stops := seen.of(events.ActionKill, "")
		if len(stops) != round {
			t.Fatalf("%d containers were stopped in %d rounds", len(stops), round)
		}
		// The last request was served between began and answered.
		after := at(stops[round-1])
		if after.Before(began.Add(idle)) || after.After(answered.Add(idle+idle/10+allowance/2)) {
			t.Errorf("stopped %s after the answer, idletimeoutseconds is %s", after.Sub(answered), idle)
		}
		t.Logf("round %d: stopped %s after the answer", round, after.Sub(answered).Round(time.Millisecond))
	}
	if seen.starts("") != 2 {
		t.Errorf("%d starts, want one a round", seen.starts(""))
	}
}

func TestAThousandRequestsAtOnceToASleepingComponent(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	seen := n.engine.watch(t, n.id)
	crowd := web{name: "crowd", image: drivertest.BuildImage(t), lines: []string{"maxconcurrency: 10", "maxinstances: 2"}}
	n.apply(projectOf("thousand", crowd))
	before := n.memory()

	const requests = 1_000
	answers := make([]answer, requests)
	var all sync.WaitGroup
	began := time.Now()
	for i := range answers {
		all.Go(func() { answers[i] = n.get(crowd.host(), "/?ms=20") })
	}
	all.Wait()
	t.Logf("%d requests took %s, the daemon's memory grew by %d MiB", requests, time.Since(began).Round(time.Millisecond), (n.memory()-before)>>20)

	bad := 0
	for _, a := range answers {
		if a.err != nil || a.status != http.StatusOK {
			if bad++; bad == 1 {
				t.Errorf("first that failed: %s", a)
			}
		}
	}
	if bad > 0 {
		t.Errorf("%d of %d requests failed", bad, requests)
	}
	if most := seen.most(""); most < 1 || most > 2 {
		t.Errorf("%d containers ran at once, maxinstances is 2", most)
	}
	for _, i := range n.ps("thousand_crowd") {
		if i.Queued > 0 || i.InFlight > 0 {
			t.Errorf("left behind: %d queued, %d in flight", i.Queued, i.InFlight)
		}
	}
	// The race detector multiplies memory.
	if grown := n.memory() - before; grown > 512<<20 {
		t.Errorf("the daemon's memory grew by %d MiB", grown>>20)
	}
}
