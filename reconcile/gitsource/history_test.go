package gitsource

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"maelstrom/cluster"
	"maelstrom/reconcile/gitsource/gittest"
)

func TestRewrittenHistory(t *testing.T) {
	for _, filter := range []string{"true", "false"} {
		t.Run("filter "+filter, func(t *testing.T) {
			server := gittest.NewHTTP(t, gittest.Options{})
			repo := server.Repo("shop")
			repo.Config("uploadpack.allowFilter", filter)
			root := repo.Push(map[string]string{"a": "0"})
			for i := range 20 {
				repo.Git("commit", "-q", "--allow-empty", "-m", fmt.Sprint(i))
			}
			before := repo.Push(map[string]string{"a": "1"})
			o := open(t, server, "shop")
			fetchTree(t, o, before, "")
			for _, c := range []struct {
				last string
				want bool
			}{{"", false}, {before, false}, {root, false}, {strings.Repeat("1", 40), true}} {
				if f := fetchTree(t, o, before, c.last); f.Rewritten != c.want {
					t.Errorf("from %s: rewritten %t", c.last, f.Rewritten)
				}
			}
			now := repo.ForcePush(map[string]string{"a": "2"})
			f := fetchTree(t, o, now, before)
			if !f.Rewritten || files(t, f.Tree)["a"] != "2" {
				t.Errorf("rewritten %t, files %v", f.Rewritten, files(t, f.Tree))
			}
			if f := fetchTree(t, o, now, root); f.Rewritten {
				t.Error("the root is an ancestor of both")
			}
		})
	}
}

// deep makes a repository with two branches that part from one of length
// commits an hour apart, and returns their tips and a commit early in both.
func deep(t *testing.T, repo *gittest.Repo, length int) (old, rewritten, early string) {
	t.Helper()
	var b bytes.Buffer
	at := 1_600_000_000
	commit := func(branch, from string, n int) {
		at += 3600
		fmt.Fprintf(&b, "commit refs/heads/%s\ncommitter Ada <a@example.com> %d +0000\ndata 1\nx\n", branch, at)
		if n == 0 && from != "" {
			fmt.Fprintf(&b, "from %s\n", from)
		}
		if n == 0 {
			fmt.Fprintf(&b, "M 644 inline file\ndata <<END\n%s\nEND\n", branch)
		}
		b.WriteString("\n")
	}
	fork := at
	for _, part := range []struct{ branch, from string }{{"base", ""}, {"old", "refs/heads/base"}, {"main", "refs/heads/base"}} {
		if part.branch == "main" {
			at = fork
		}
		for n := range length {
			commit(part.branch, part.from, n)
		}
		if part.branch == "base" {
			fork = at
		}
	}
	cmd := exec.Command("git", "fast-import", "--quiet", "--force")
	cmd.Dir, cmd.Stdin = repo.Bare(), &b
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, ref := range []string{"old", "main", "base~5"} {
		cmd := exec.Command("git", "rev-parse", ref)
		cmd.Dir = repo.Bare()
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		old, rewritten, early = rewritten, early, strings.TrimSpace(string(out))
	}
	return old, rewritten, early
}

func TestRewrittenHistoryOfALargeRepository(t *testing.T) {
	server := gittest.NewHTTP(t, gittest.Options{})
	repo := server.Repo("shop")
	old, rewritten, early := deep(t, repo, 2500)
	for _, c := range []struct {
		name, byID, filter string
		fetched            bool // what is last was fetched by the same origin
	}{
		{"here", "false", "false", true},
		{"by its id, filter", "true", "true", false},
		{"not to be had, filter", "false", "true", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			repo.Config("uploadpack.allowAnySHA1InWant", c.byID)
			repo.Config("uploadpack.allowFilter", c.filter)
			for last, want := range map[string]bool{old: true, early: false} {
				o := open(t, server, "shop")
				if c.fetched && last == old {
					fetchTree(t, o, old, "")
				}
				f := fetchTree(t, o, rewritten, last)
				if f.Rewritten != want || f.Doubt != nil {
					t.Errorf("rewritten %t, want %t: %v", f.Rewritten, want, f.Doubt)
				}
			}
		})
	}
}

func TestHistoryThatIsNotToBeHadCountsAsRewritten(t *testing.T) {
	server := gittest.NewHTTP(t, gittest.Options{})
	repo := server.Repo("shop")
	for i := range 30 {
		repo.Git("commit", "-q", "--allow-empty", "-m", fmt.Sprint(i))
	}
	now := repo.Push(map[string]string{"a": "1"})
	deny := func(s *cluster.Source, _ *cluster.SourceSecrets) { s.Git.ForcePush = cluster.ForcePushDeny }
	follows, stays := open(t, server, "shop"), open(t, server, "shop", deny)
	fetchTree(t, follows, now, "")
	fetchTree(t, stays, now, "")
	elsewhere := strings.Repeat("1", 40)

	server.SetFault(&gittest.Fault{Status: 503})
	if f := fetchTree(t, follows, now, elsewhere); !f.Rewritten || f.Doubt == nil {
		t.Errorf("a server that is away: rewritten %t, %v", f.Rewritten, f.Doubt)
	}
	_, err := stays.Fetch(t.Context(), now, elsewhere)
	wantReason(t, err, cluster.ReasonNetworkError, false)
	server.SetFault(nil)

	end := strings.TrimSpace(repo.Git("rev-parse", "HEAD~20"))
	if err := os.WriteFile(filepath.Join(repo.Bare(), "shallow"), []byte(end+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if f := fetchTree(t, stays, now, elsewhere); !f.Rewritten || f.Doubt == nil {
		t.Errorf("a server without all commits: rewritten %t, %v", f.Rewritten, f.Doubt)
	}
	if f := fetchTree(t, stays, now, end); f.Rewritten || f.Doubt != nil {
		t.Errorf("what is there is found: rewritten %t, %v", f.Rewritten, f.Doubt)
	}
}
