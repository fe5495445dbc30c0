package main

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"maelstrom/cluster"
	"maelstrom/cluster/rpc"
	"maelstrom/runtime/drivertest"
)

// What docs/rebuild.md promises: without its database a daemon has everything
// that is declared again, from the repository alone.
func TestEverythingDeclaredComesBackFromGit(t *testing.T) {
	t.Parallel()
	server := overHTTP(t)
	repo, image := server.Repo("shop"), drivertest.BuildImage(t)
	store := web{name: "rebuilt", image: image, lines: []string{`crontab: "0 0 1 1 * /tidy"`, environment("GREETING=Hello", "API_KEY=${API_KEY}")}}
	repo.Push(map[string]string{"shop/maelstrom.yml": projectOf("shop", store), "blog/maelstrom.yml": projectOf("blog", web{name: "journal", image: image})})
	n := newNode(t, "MAEL_SOURCES="+sourcesFile(t, "sources:\n  - name: shop\n    interval: 1s\n    vars: {API_KEY: value}\n"+server.keys))
	n.awaitReasons("shop", map[string]cluster.ConditionReason{"shop": cluster.ReasonApplied, "blog": cluster.ReasonApplied})
	commit := repo.Push(map[string]string{"shop/maelstrom.yml": projectOf("shop", store, web{name: "more", image: image})})
	n.await("the second commit", patience, func() bool { return n.project("shop").SourceRevision == commit })
	before := n.exported()
	if len(before) != 2 || !strings.Contains(before[1], "/tidy") || !strings.Contains(before[1], "rebuilt.localhost") {
		t.Fatalf("before: %s", strings.Join(before, "---\n"))
	}

	n.loseDatabase()
	n.awaitReasons("shop", map[string]cluster.ConditionReason{"shop": cluster.ReasonApplied, "blog": cluster.ReasonApplied})
	if after := n.exported(); !slices.Equal(after, before) {
		t.Errorf("after:\n%s\nbefore:\n%s", strings.Join(after, "---\n"), strings.Join(before, "---\n"))
	}
	n.await("the route", patience, func() bool { return n.get(store.host(), "/").status == http.StatusOK })
	if p := n.project("shop"); p.Revision != 1 || p.Source != "shop" || p.SourceRevision != commit {
		t.Errorf("project %+v, want revision 1 from %s", p, commit)
	}
}

// Who was the first to have a host is known to the database alone.
func TestClaimTimesSortOutWhatGitCannot(t *testing.T) {
	t.Parallel()
	server := overHTTP(t)
	repo, same := server.Repo("shop"), web{name: "contested", image: drivertest.BuildImage(t)}
	repo.Push(map[string]string{"zz/maelstrom.yml": projectOf("first", same)})
	n := newNode(t, "MAEL_SOURCES="+sourcesFile(t, "sources:\n  - name: shop\n    interval: 1s\n"+server.keys))
	n.awaitReasons("shop", map[string]cluster.ConditionReason{"first": cluster.ReasonApplied})
	repo.Push(map[string]string{
		"aa/maelstrom.yml": projectOf("second", same), "bb/maelstrom.yml": projectOf("third", web{name: "peaceful", image: same.image}),
	})
	sorted := map[string]cluster.ConditionReason{
		"first": cluster.ReasonApplied, "second": cluster.ReasonHostConflict, "third": cluster.ReasonApplied,
	}
	n.awaitReasons("shop", sorted)
	claims, err := n.client().ExportClaims(t.Context())
	if err != nil {
		t.Fatal(err)
	}

	n.loseDatabase()
	n.awaitReasons("shop", map[string]cluster.ConditionReason{
		"first": cluster.ReasonHostConflict, "second": cluster.ReasonHostConflict, "third": cluster.ReasonApplied,
	})
	for name, other := range map[string]string{"first": "aa/maelstrom.yml:", "second": "zz/maelstrom.yml:"} {
		if message := n.synced("shop", name).Message; !strings.Contains(message, other) {
			t.Errorf("%s is told %q, which does not name %s", name, message, other)
		}
	}

	if _, err := n.client().RestoreClaims(t.Context(), rpc.RestoreClaimsRequest{Claims: claims.Claims}); err != nil {
		t.Fatal(err)
	}
	if _, err := n.client().SyncProject(t.Context(), rpc.SyncProjectRequest{Target: rpc.Target{Source: "shop"}}); err != nil {
		t.Fatal(err)
	}
	n.awaitReasons("shop", sorted)
	n.await("the host at its first owner", patience, func() bool { return n.get(same.host(), "/").status == http.StatusOK })
}

// loseDatabase stops the daemon, deletes its database, and starts it again.
func (n *node) loseDatabase() {
	n.t.Helper()
	n.signal(syscall.SIGTERM)
	n.awaitExit()
	files, err := filepath.Glob(filepath.Join(n.dir, "maelstrom.db*"))
	if err != nil || len(files) == 0 {
		n.t.Fatalf("there is no database: %v", err)
	}
	for _, file := range files {
		if err := os.Remove(file); err != nil {
			n.t.Fatal(err)
		}
	}
	n.start()
}

// exported is what `project export --all` writes of projects.
func (n *node) exported() []string {
	n.t.Helper()
	answer, err := n.client().Export(n.t.Context(), rpc.ExportRequest{})
	if err != nil {
		n.t.Fatal(err)
	}
	var texts []string
	for _, p := range answer.Projects {
		texts = append(texts, p.Text)
	}
	return texts
}

// awaitReasons waits until the projects of a source are synced, or not, for
// these reasons.
func (n *node) awaitReasons(source string, want map[string]cluster.ConditionReason) {
	n.t.Helper()
	n.await("the projects of the source", patience, func() bool {
		for name, reason := range want {
			if n.synced(source, name).Reason != reason {
				return false
			}
		}
		return true
	})
}

// synced is the condition Synced of a project of a source.
func (n *node) synced(source, name string) cluster.Condition {
	n.t.Helper()
	answer, err := n.client().ProjectStatus(n.t.Context(), rpc.Target{Source: source})
	if err != nil {
		return cluster.Condition{} // not declared yet
	}
	for _, p := range answer.Projects {
		for _, c := range p.Conditions {
			if p.Project.Name == name && c.Type == cluster.ConditionSynced {
				return c
			}
		}
	}
	return cluster.Condition{}
}
