package main

import (
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"maelstrom/cluster"
	"maelstrom/cluster/rpc"
	"maelstrom/runtime/drivertest"
)

// A commit whose image exits is live for nobody: with rollback: auto the
// project is as the commit before says, all of it, and says which is skipped.
func TestABrokenCommitGoesBackByItself(t *testing.T) {
	t.Parallel()
	server := overHTTP(t)
	repo := server.Repo("shop")
	image := drivertest.BuildImage(t)
	of := func(component, release string, more ...string) web {
		return web{name: component, image: image, lines: []string{environment(append(more, "RELEASE="+release)...), "httpstarthealthcheckseconds: 5", "maxconcurrency: 20"}}
	}
	front, back := of("front", "1"), of("back", "1")
	first := repo.Push(map[string]string{"maelstrom.yml": projectOf("shop", front, back)})
	n := newNode(t, "MAEL_SOURCES="+sourcesFile(t, "sources:\n  - name: shop\n    interval: 1s\n    rollback: auto\n"+server.keys))
	live := func(w web) bool { return n.get(w.host(), "/").status == http.StatusOK }
	n.await("the first commit", patience, func() bool { return live(front) && live(back) })

	var failed atomic.Int64
	var clients sync.WaitGroup
	stop := make(chan struct{})
	for _, w := range []web{front, back} {
		clients.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if got := n.get(w.host(), "/?ms=20"); got.status != http.StatusOK && failed.Add(1) == 1 {
					t.Errorf("%s: %s", w.name, got)
				}
			}
		})
	}
	bad := repo.Push(map[string]string{"maelstrom.yml": projectOf("shop", of("front", "2", "EXIT_CODE=3", "ERR=no money left"), of("back", "2"))})
	n.await("the way back", patience, func() bool {
		p := n.project("shop")
		return p.Revision == 3 && p.SourceRevision == first
	})
	checkWentBack(t, n, bad)
	n.await("the old version of all", patience, func() bool { return settledAt(n, "RELEASE=1") })
	third := repo.Push(map[string]string{"maelstrom.yml": projectOf("shop", of("front", "3"), of("back", "3"))})
	n.await("the commit that mends it", patience, func() bool {
		p := n.project("shop")
		return p.Revision == 4 && p.SourceRevision == third && settledAt(n, "RELEASE=3")
	})
	close(stop)
	clients.Wait()
	if failed.Load() > 0 {
		t.Errorf("%d requests failed", failed.Load())
	}
}

// checkWentBack reads what people are told of a project that has gone back from
// a commit.
func checkWentBack(t *testing.T, n *node, bad string) {
	t.Helper()
	status, err := n.client().ProjectStatus(t.Context(), rpc.Target{Project: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	message := ""
	for _, c := range status.Projects[0].Conditions {
		if c.Type == cluster.ConditionSynced && c.Status == cluster.StatusFalse && c.Reason == cluster.ReasonSkipped {
			message = c.Message
		}
	}
	for _, word := range []string{"rolled back by itself", "shop_front", "exited", bad[:12]} {
		if !strings.Contains(message, word) {
			t.Errorf("the condition does not say %q: %q", word, message)
		}
	}
	events, err := n.client().ListEvents(t.Context(), rpc.ListEventsRequest{Kinds: []cluster.EventKind{cluster.EventRolledBack}})
	if err != nil {
		t.Fatal(err)
	}
	if len(events.Events) != 1 || !strings.Contains(events.Events[0].Message, "shop_front") || events.Events[0].Actor != "source/shop" {
		t.Errorf("events %+v", events.Events)
	}
}

// settledAt tells whether every component runs with a line in its environment,
// and nothing else.
func settledAt(n *node, line string) bool {
	for _, component := range []string{"front", "back"} {
		if n.component("shop_"+component).Rollout.State != rpc.RolloutDone || len(n.ps("shop_"+component)) != 1 ||
			!strings.Contains(n.get(component+".localhost", "/env").body, line) {
			return false
		}
	}
	return true
}
