package main

import (
	"fmt"
	"testing"
	"time"

	"maelstrom/cluster/rpc"
	"maelstrom/runtime/drivertest"
)

func TestCronWakesItsComponentUntilItIsDisabled(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	seen := n.engine.watch(t, n.id)
	n.apply(fmt.Sprintf(`
name: tick
components:
  jobs:
    image: %[1]s
    maxconcurrency: 5
    idletimeoutseconds: 2
    eventsources:
      jobs-beat: {cron: {schedule: "@every 1s", http: {method: POST, path: /beat}}}
  silent:
    image: %[1]s
    eventsources:
      silent-beat: {cron: {schedule: "@every 1s", http: {method: GET, path: /beat}}}
`, drivertest.BuildImage(t)))
	if _, err := n.client().DisableEventSources(t.Context(), rpc.SwitchRequest{Names: []string{"tick_silent-beat"}}); err != nil {
		t.Fatal(err)
	}
	silentStarts := func() int { return seen.starts("tick_silent") }
	early := silentStarts() // it may have fired before it was disabled

	n.await("three firings", patience, func() bool {
		list := n.ps("tick_jobs")
		return len(list) == 1 && list[0].RequestsTotal >= 3
	})
	list, err := n.client().ListEventSources(t.Context(), rpc.ListEventSourcesRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list.EventSources {
		switch {
		case e.Name == "tick_silent-beat" && (e.State != rpc.EventSourceDisabled || e.NextAt != nil),
			e.Name == "tick_jobs-beat" && (e.State != rpc.EventSourceActive || e.NextAt == nil || time.Until(*e.NextAt) > time.Second):
			t.Errorf("es ls tells %+v", e)
		}
	}
	if starts := silentStarts(); starts > early+1 {
		t.Errorf("a disabled event source woke its component: %d starts", starts)
	}

	if _, err := n.client().DisableEventSources(t.Context(), rpc.SwitchRequest{Names: []string{"tick_jobs-beat"}}); err != nil {
		t.Fatal(err)
	}
	n.awaitState("tick_jobs", rpc.ComponentAsleep)
	starts := seen.starts("tick_jobs")
	if holdsWithin(3*time.Second, func() bool { return seen.starts("tick_jobs") > starts }) {
		t.Error("a disabled event source fires")
	}
	if _, err := n.client().EnableEventSources(t.Context(), rpc.SwitchRequest{Names: []string{"tick_jobs-beat"}}); err != nil {
		t.Fatal(err)
	}
	n.await("firings again", patience, func() bool { return seen.starts("tick_jobs") > starts })
}

// What cron has woken once is there before it fires the next time: the start
// took three seconds, and so it begins three seconds early.
func TestCronStartsItsComponentAhead(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	seen := n.engine.watch(t, n.id)
	n.apply(fmt.Sprintf(`
name: early
components:
  jobs:
    image: %s
    maxconcurrency: 5
    idletimeoutseconds: 3
    environment: [BOOT_MS=3000]
    eventsources:
      jobs-beat: {cron: {schedule: "@every 15s", http: {method: POST, path: /beat}}}
`, drivertest.BuildImage(t)))
	last := func() rpc.LastFiring {
		list, err := n.client().ListEventSources(t.Context(), rpc.ListEventSourcesRequest{Last: true})
		if err != nil {
			t.Fatal(err)
		}
		if l := list.EventSources[0].Last; l != nil {
			return *l
		}
		return rpc.LastFiring{}
	}
	n.await("a first firing", patience, func() bool { return last().Status == 200 })
	n.awaitState("early_jobs", rpc.ComponentAsleep)
	first, starts := last().Due, seen.starts("early_jobs")
	n.await("a start ahead of the next", patience, func() bool { return seen.starts("early_jobs") > starts })
	if l := last(); !l.Due.Equal(first) {
		t.Errorf("it starts with the firing of %s, not ahead of it", l.Due)
	}
	n.await("the next firing", patience, func() bool { l := last(); return l.Due.After(first) && l.Status == 200 })
	if got := seen.starts("early_jobs"); got != starts+1 {
		t.Errorf("%d starts for one firing", got-starts)
	}
}
