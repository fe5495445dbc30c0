package reconcile_test

import (
	"strings"
	"testing"

	"maelstrom/cluster"
	"maelstrom/reconcile"
)

// A branch that is gone is no empty one: all stays, and goes on when it is back.
func TestRowBranchDeletedAndBack(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	repo := s.git.Repo("main")
	commit := repo.Push(map[string]string{"maelstrom.yml": yml("shop", "web:1", "web")})
	repo.Branch("live")
	s.declare(cluster.Source{Name: "main", Git: &cluster.GitSource{Ref: "live"}})
	s.seen("main", commit)
	tagged := s.git.Repo("tag")
	release := tagged.Push(map[string]string{"maelstrom.yml": yml("zoo", "zoo:1", "web")})
	tagged.Tag("v1.0.0")
	s.declare(cluster.Source{Name: "tag", Git: &cluster.GitSource{Ref: "v1.0.0"}})
	s.seen("tag", release)

	repo.DeleteRef("live")
	c := s.ready("main", cluster.StatusFalse, cluster.ReasonRefNotFound)
	if !strings.Contains(c.Message, "live") {
		t.Errorf("message %q", c.Message)
	}
	is(t, "main", s.source("main").Conditions, cluster.ConditionStalled, cluster.StatusTrue, cluster.ReasonRefNotFound)
	tagged.DeleteRef("v1.0.0")
	s.ready("tag", cluster.StatusFalse, cluster.ReasonRefNotFound)
	s.lookAgain("main", "")
	s.stores("shop_web=web:1", "zoo_web=zoo:1")
	if got := s.source("main"); got.Revision != commit || got.PlanHash != "" {
		t.Errorf("source %+v", got)
	}
	s.told(1, cluster.EventFailed, "source main", "live")

	next := repo.Push(map[string]string{"maelstrom.yml": yml("shop", "web:2", "web")})
	repo.Branch("live")
	s.seen("main", next)
	s.stores("shop_web=web:2", "zoo_web=zoo:1")
	s.ready("main", cluster.StatusTrue, cluster.ReasonFetched)
	s.told(1, cluster.EventRecovered, "source main")
	s.told(0, cluster.EventRemoved)
}

// A repository without any commit removes nothing, and is followed from its
// first one on.
func TestRowRepositoryWithoutCommits(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.declare(cluster.Source{Name: "main"})
	s.ready("main", cluster.StatusFalse, cluster.ReasonRefNotFound)
	s.push("main", map[string]string{"maelstrom.yml": yml("shop", "web:1", "web")})
	s.stores("shop_web=web:1")
	s.ready("main", cluster.StatusTrue, cluster.ReasonFetched)
}

func TestRowRewrittenHistoryIsFollowed(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.begin(cluster.Source{Name: "main"}, map[string]string{"maelstrom.yml": yml("shop", "web:1", "web")})
	old := s.push("main", map[string]string{"maelstrom.yml": yml("shop", "web:2", "web")})
	s.told(0, cluster.EventHistoryRewritten)
	rewritten := s.git.Repo("main").ForcePush(map[string]string{"maelstrom.yml": yml("shop", "web:3", "web")})
	s.seen("main", rewritten)
	s.stores("shop_web=web:3")
	s.told(1, cluster.EventHistoryRewritten, old[:12], rewritten[:12])

	// Back to an ancestor is a rewrite too.
	repo := s.git.Repo("main")
	repo.Git("reset", "-q", "--hard", "HEAD~1")
	repo.Git("push", "-q", "--force", "origin", "HEAD")
	s.seen("main", repo.Head())
	s.stores("shop_web=web:1")
	s.told(2, cluster.EventHistoryRewritten)
	s.ready("main", cluster.StatusTrue, cluster.ReasonFetched)
}

func TestRowRewrittenHistoryIsDenied(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.begin(cluster.Source{Name: "main", Git: &cluster.GitSource{ForcePush: cluster.ForcePushDeny}}, map[string]string{"maelstrom.yml": yml("shop", "web:1", "web")})
	old := s.push("main", map[string]string{"maelstrom.yml": yml("shop", "web:2", "web")})
	repo := s.git.Repo("main")
	rewritten := repo.ForcePush(map[string]string{"maelstrom.yml": yml("shop", "web:3", "web")})
	c := s.ready("main", cluster.StatusFalse, cluster.ReasonHistoryRewritten)
	if !strings.Contains(c.Message, old[:12]) || !strings.Contains(c.Message, rewritten[:12]) {
		t.Errorf("message %q", c.Message)
	}
	s.stores("shop_web=web:2")
	// Another commit on top of it is no way around, nor is a restart.
	repo.Push(map[string]string{"maelstrom.yml": yml("shop", "web:4", "web")})
	s.restart()
	poll(t, "it looks after the restart", func() bool { stats := s.Stats(); return len(stats) == 1 && stats[0].Looks > 1 })
	s.ready("main", cluster.StatusFalse, cluster.ReasonHistoryRewritten)
	s.stores("shop_web=web:2")
	// Nor is a look that anybody asks for, until a user says so.
	s.lookAgain("main", "")
	s.stores("shop_web=web:2")
	request := reconcile.NextSync(s.now(), "main")
	request.FollowRewrite, request.Actor = true, "ann"
	s.control(cluster.ControlSource, "main", func(c *cluster.Control) { c.Sync = &request })
	s.until("it is followed", func(snap *cluster.Snapshot) bool {
		status, _ := snap.SourceStatuses.Get("main")
		return status.Revision == repo.Head()
	})
	s.stores("shop_web=web:4")
	s.ready("main", cluster.StatusTrue, cluster.ReasonFetched)
	s.push("main", map[string]string{"maelstrom.yml": yml("shop", "web:5", "web")})
	s.stores("shop_web=web:5")
}
