package main

import (
	"net/http"
	"testing"

	"maelstrom/cluster"
	"maelstrom/cluster/rpc"
	"maelstrom/runtime/images/registrytest"
)

// A version that can't be pulled is no reason to stop the one before, be it
// awake under requests or asleep.
func TestAVersionThatCannotBePulledTakesNoRequest(t *testing.T) {
	t.Parallel()
	r := newPrivateRegistry(t)
	n := r.n
	way := registrytest.NewWay(t, r.Registry)
	way.StallAfter(0)
	r.push(t, "web:1")
	r.push(t, "web:2")
	first := r.web(r.Host+"/web:1", registrytest.User, registrytest.Password)
	n.apply(projectOf("shop", first))
	n.mustGet(first.host(), "/")
	old := n.ps("shop_web")[0].ContainerID
	load := n.arrive(t, brokenRate, first.host())
	cases := []struct {
		name   string
		next   web
		reason cluster.Reason
	}{
		{"wrong credentials", r.web(r.Host+"/web:2", registrytest.User, "x"), cluster.ReasonPullFailed},
		{"missing tag", r.web(r.Host+"/web:9", registrytest.User, registrytest.Password), cluster.ReasonImageMissing},
		{"hanging registry", r.web(way.Host+"/web:2", registrytest.User, registrytest.Password), cluster.ReasonPullFailed},
	}
	fail := func(name string, next web, reason cluster.Reason) {
		t.Helper()
		n.apply(projectOf("shop", next))
		n.await("the failure of "+name, steadyPatience, func() bool {
			got := n.component("shop_web").Rollout
			return got.State == rpc.RolloutFailed && got.Reason == reason && got.RetryAt != nil && got.Kept > 0 && got.Runs < got.Version
		})
	}
	for _, c := range cases {
		fail(c.name, c.next, c.reason)
		load.awaitMore(n, brokenRate/2)
	}
	load.checkAll(t)
	if now := n.ps("shop_web"); len(now) != 1 || now[0].ContainerID != old {
		t.Errorf("the container of the version before is another one: %+v", now)
	}
	for _, c := range cases {
		if _, err := n.client().Sleep(t.Context(), rpc.SleepRequest{Name: "shop_web"}); err != nil {
			t.Fatal(err)
		}
		n.await("no container", patience, func() bool { return len(n.engine.containers(t, n.id)) == 0 })
		fail(c.name+", asleep", c.next, c.reason)
		if got := n.get(first.host(), "/"); got.status != http.StatusOK {
			t.Errorf("%s, asleep: %s", c.name, got)
		}
	}
}
