package main

import (
	"context"
	"net/http"
	"testing"
	"time"

	"maelstrom/cluster"
	"maelstrom/runtime/drivertest"
)

func TestAKilledContainerIsReplacedByItself(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	seen := n.engine.watch(t, n.id)
	w := web{name: "victim", image: drivertest.BuildImage(t), lines: []string{"maxconcurrency: 5"}}
	n.apply(projectOf("kill", w))
	n.mustGet(w.host(), "/")
	before := n.engine.only(t, n.id)
	if err := n.engine.ContainerKill(context.Background(), before.ID, "KILL"); err != nil {
		t.Fatal(err)
	}
	killed := time.Now()
	n.await("the crash in cluster ps", patience, func() bool {
		list := n.ps("kill_victim")
		return len(list) == 1 && list[0].LastFailure == cluster.ReasonExited
	})
	n.await("the crash in the log", patience, func() bool {
		return n.log.has("kill_victim", "reason=exited", "SIGKILL", "if not by hand", "in maelstrom.yml, components.victim: write `reservememory: ")
	})
	if got := n.get(w.host(), "/"); got.err == nil && got.status != http.StatusOK {
		checkRefusal(t, "in back-off", got, cluster.ReasonBackoff)
	}
	n.await("another container", patience, func() bool { return n.get(w.host(), "/").status == http.StatusOK })
	t.Logf("served again %s after the kill", time.Since(killed).Round(time.Millisecond))
	after := n.engine.only(t, n.id)
	if after.ID == before.ID || seen.starts("") != 2 {
		t.Errorf("%d starts, want the first and one more", seen.starts(""))
	}
	if list := n.ps("kill_victim"); len(list) != 1 || list[0].Restarts != 1 || list[0].Reason != cluster.ReasonNone {
		t.Errorf("cluster ps tells %+v, want one restart and nothing wrong", list)
	}
}
