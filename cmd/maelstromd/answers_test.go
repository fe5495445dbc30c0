package main

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"maelstrom/cluster"
	"maelstrom/runtime/drivertest"
)

func TestAnswersOfTheGateway(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	image := drivertest.BuildImage(t)
	one := web{name: "one", image: image, lines: []string{"maxconcurrency: 1", "maxinstances: 1", "maxdurationseconds: 30"}}
	hasty := web{name: "hasty", image: image, lines: []string{"maxconcurrency: 5", "maxinstances: 1", "maxdurationseconds: 1"}}
	crashes := web{name: "crashes", image: image, lines: []string{"maxconcurrency: 5"}}
	huge := web{name: "huge", image: image, lines: []string{"reservememory: 100000000"}}
	n.apply(projectOf("answers", one, hasty, crashes, huge))

	t.Run("404 where nothing matches", func(t *testing.T) {
		checkAnswer(t, n.get("nobody.localhost", "/"), http.StatusNotFound, cluster.ReasonNotFound, "No component matches the request")
	})
	t.Run("200 for the health check on any host", func(t *testing.T) {
		if got := n.get("nobody.localhost", "/_mael_health_check"); got.status != http.StatusOK || got.body != "OK" {
			t.Errorf("got %s", got)
		}
	})
	t.Run("503 where it fits nowhere", func(t *testing.T) {
		got := n.get(huge.host(), "/")
		checkRefusal(t, "too much memory", got, cluster.ReasonNoCapacity)
		n.await("the reason in the log", patience, func() bool {
			return n.log.has("answers_huge", string(cluster.ReasonNoCapacity), "reservememory")
		})
	})
	t.Run("504 at maxdurationseconds", func(t *testing.T) {
		// A start may take longer than this component gives a request.
		n.await("awake", patience, func() bool { return n.get(hasty.host(), "/").status == http.StatusOK })
		began := time.Now()
		got := n.get(hasty.host(), "/?ms=20000")
		checkAnswer(t, got, http.StatusGatewayTimeout, cluster.ReasonUnhealthy, "gateway: Timeout proxying component: answers_hasty")
		if took := time.Since(began); took < time.Second || took > time.Second+allowance {
			t.Errorf("the answer came after %s, maxdurationseconds is 1", took)
		}
	})
	t.Run("502 where the container breaks off", func(t *testing.T) {
		n.mustGet(crashes.host(), "/")
		// A POST is never sent twice.
		got := do(n.request(t.Context(), http.MethodPost, crashes.host(), "/crash", nil))
		checkAnswer(t, got, http.StatusBadGateway, cluster.ReasonExited, "The component broke off before it answered")
	})
	t.Run("a client that hangs up leaves the queue", func(t *testing.T) { testHangup(t, n, one) })
}

func checkAnswer(t *testing.T, got answer, status int, reason cluster.Reason, body string) {
	t.Helper()
	if got.err != nil || got.status != status || got.reason() != string(reason) || strings.TrimSpace(got.body) != body {
		t.Errorf("got %s, want %d %q %q", got, status, reason, body)
		return
	}
	if got.header.Get("X-Request-Id") == "" {
		t.Error("no X-Request-Id")
	}
}

// testHangup lets a client hang up while another has the only slot.
func testHangup(t *testing.T, n *node, w web) {
	n.mustGet(w.host(), "/")
	queued := func() int {
		list := n.ps("answers_one")
		if len(list) != 1 {
			t.Fatalf("instances: %v", list)
		}
		return list[0].Queued
	}
	ctx, hangUp := context.WithCancel(context.Background())
	slow, endSlow := context.WithCancel(context.Background())
	var all sync.WaitGroup
	defer all.Wait()
	defer endSlow()
	defer hangUp()
	all.Go(func() { do(n.request(slow, http.MethodGet, w.host(), "/?ms=20000", nil)) })
	n.await("the slot taken", patience, func() bool { return n.ps("answers_one")[0].InFlight == 1 })
	all.Go(func() { do(n.request(ctx, http.MethodGet, w.host(), "/", nil)) })
	n.await("one waiting", patience, func() bool { return queued() == 1 })
	hangUp()
	gone := time.Now()
	n.await("nobody waiting", patience, func() bool { return queued() == 0 })
	if took := time.Since(gone); took > allowance {
		t.Errorf("left the queue after %s", took)
	}
	if n.ps("answers_one")[0].InFlight != 1 {
		t.Error("the slot is free: the queue was not left, it was served")
	}
}
