package main

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"maelstrom/cluster"
	"maelstrom/cluster/rpc"
	"maelstrom/reconcile/gitsource/gittest"
)

const sharedProjects = 40

// freezes bounds how often the holder is frozen until one of its writes comes
// too late: where a freeze falls is a matter of luck.
const freezes = 20

// Two daemons share a database and a source: each commit is applied once, and a
// holder that was frozen in the middle of an apply writes nothing when it wakes.
func TestTwoDaemonsApplyEachCommitOnce(t *testing.T) {
	t.Parallel()
	_, dsn := emptyDatabase(t, postgres)
	repo := gittest.NewHTTP(t, gittest.Options{}).Repo("shop")
	commits := 0
	push := func() string {
		commits++
		return repo.Push(sharedFiles(commits))
	}
	commit := push()
	sources := "MAEL_SOURCES=" + sourcesFile(t, "sources:\n  - name: shop\n    interval: 1s\n    git: {url: "+repo.URL()+"}\n")
	env := []string{"MAEL_TOTAL_MEMORY=0", "MAEL_SQL_DRIVER=postgres", "MAEL_SQL_DSN=" + dsn, sources}
	pair := []*node{newNode(t, env...), newNode(t, env...)}
	for range 3 {
		pair[0].awaitCommit(commit, sharedProjects)
		commit = push()
	}
	pair[1].awaitCommit(commit, sharedProjects)
	for range freezes {
		holder, other := holderOf(t, pair, cluster.RoleReconcile("shop"))
		commit = push()
		other.await("the first project at "+commit, patience, func() bool { return other.countAt(commit) > 0 })
		holder.signal(syscall.SIGSTOP)
		other.awaitCommit(commit, sharedProjects)
		holder.signal(syscall.SIGCONT)
		commit = push()
		holder.awaitCommit(commit, sharedProjects)
		if refusedWrites(t, pair) > 0 {
			break
		}
	}
	if refused := refusedWrites(t, pair); refused == 0 {
		t.Errorf("no write of a holder that was frozen came too late in %d times", freezes)
	} else {
		t.Logf("%v late writes were refused after %d commits", refused, commits)
	}
	list, err := pair[0].client().ListProjects(t.Context(), rpc.ListProjectsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range list.Projects {
		if p.Revision != int64(commits) {
			t.Errorf("%s is at revision %d after %d commits", p.Name, p.Revision, commits)
		}
	}
}

// sharedFiles are all projects, each another one after each commit.
func sharedFiles(commit int) map[string]string {
	files := map[string]string{}
	for i := range sharedProjects {
		name := fmt.Sprintf("p%02d", i)
		files[name+"/maelstrom.yml"] = projectOf(name, web{name: name, image: "image:1", lines: []string{environment(fmt.Sprintf("COMMIT=%d", commit))}})
	}
	return files
}

// countAt tells how many projects are at a commit.
func (n *node) countAt(commit string) int {
	n.t.Helper()
	list, err := n.client().ListProjects(n.t.Context(), rpc.ListProjectsRequest{})
	if err != nil {
		n.t.Fatal(err)
	}
	at := 0
	for _, p := range list.Projects {
		if p.SourceRevision == commit {
			at++
		}
	}
	return at
}

func (n *node) awaitCommit(commit string, projects int) {
	n.t.Helper()
	n.await("every project at "+commit, patience, func() bool { return n.countAt(commit) == projects })
}

// holderOf returns who holds a role, and the other one.
func holderOf(t *testing.T, pair []*node, role string) (holder, other *node) {
	t.Helper()
	pair[0].await("a holder of "+role, patience, func() bool {
		roles, err := pair[0].client().Roles(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range roles.Roles {
			for i, n := range pair {
				if r.Role == role && r.Holder == n.id {
					holder, other = n, pair[1-i]
				}
			}
		}
		return holder != nil
	})
	return holder, other
}

var refusedMetric = regexp.MustCompile(`(?m)^maelstrom_source_refused_writes_total(?:\{[^}]*\})? (\S+)$`)

// refusedWrites is how many writes both have counted as refused.
func refusedWrites(t *testing.T, pair []*node) float64 {
	t.Helper()
	total := 0.0
	for _, n := range pair {
		metrics := n.getPrivate("", "/metrics").body
		if !strings.Contains(metrics, "maelstrom_source_refused_writes_total") {
			t.Fatal("refused writes are not among the metrics")
		}
		for _, m := range refusedMetric.FindAllStringSubmatch(metrics, -1) {
			value, err := strconv.ParseFloat(m[1], 64)
			if err != nil {
				t.Fatal(err)
			}
			total += value
		}
	}
	return total
}
