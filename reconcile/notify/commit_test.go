package notify

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"maelstrom/cluster"
)

func TestPlace(t *testing.T) {
	for _, c := range []struct {
		spec    cluster.CommitStatus
		address string
		want    string // empty: nowhere
	}{
		{cluster.CommitStatus{Provider: "github"}, "https://github.com/o/r.git", "https://api.github.com o/r"},
		{cluster.CommitStatus{Provider: "github"}, "git@github.com:o/r.git", "https://api.github.com o/r"},
		{cluster.CommitStatus{Provider: "github"}, "ssh://git@ssh.github.com:443/o/r.git", "https://api.github.com o/r"},
		{cluster.CommitStatus{Provider: "github"}, "https://GitHub.com/o/r/", "https://api.github.com o/r"},
		{cluster.CommitStatus{Provider: "github"}, "https://git.example.com/o/r.git", ""},
		{cluster.CommitStatus{Provider: "github"}, "https://gitlab.com/o/r.git", ""},
		{cluster.CommitStatus{Provider: "github", API: "https://ghe.example.com/api/v3/"}, "https://ghe.example.com/o/r.git", "https://ghe.example.com/api/v3 o/r"},
		{cluster.CommitStatus{Provider: "github", Repository: "/a/b"}, "https://mirror.example.com/o/r.git", "https://api.github.com a/b"},
		{cluster.CommitStatus{Provider: "gitlab"}, "https://gitlab.com/g/s/r.git", "https://gitlab.com/api/v4 g/s/r"},
		{cluster.CommitStatus{Provider: "gitea", API: "https://g/api/v1"}, "https://g/sub/o/r.git", "https://g/api/v1 o/r"},
		{cluster.CommitStatus{Provider: "gitea"}, "https://g/o/r.git", ""},
		{cluster.CommitStatus{Provider: "gitea", API: "https://g/api/v1"}, "https://g/r.git", ""},
		{cluster.CommitStatus{Provider: "gitea", API: "https://g/api/v1"}, "not an address", ""},
	} {
		at, ok := place(&c.spec, c.address)
		got := at.api + " " + at.path
		if !ok {
			got = ""
		}
		if got != c.want {
			t.Errorf("%+v %s: %q, want %q", c.spec, c.address, got, c.want)
		}
	}
}

func TestContexts(t *testing.T) {
	if got := contextOf(&cluster.CommitStatus{}, "shop"); got != "maelstrom/shop" {
		t.Error(got)
	}
	if got := contextOf(&cluster.CommitStatus{Context: "deploy"}, "shop"); got != "deploy/shop" {
		t.Error(got)
	}
}

// statuses notes the states that commits are given.
type statuses struct {
	mu   sync.Mutex
	seen []string
}

func (s *statuses) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	var status struct{ State, Description string }
	if err := json.Unmarshal(body, &status); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, status.State+": "+status.Description)
	return site(func(*http.Request) (int, http.Header, string) { return 201, nil, "{}" }).RoundTrip(r)
}

func (s *statuses) take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := s.seen
	s.seen = nil
	return seen
}

// looked is the event of a whole look at a commit.
func looked(commit string, failing bool, message string) cluster.Event {
	e := cluster.Event{Kind: cluster.EventLooked, Severity: cluster.EventInfo, Source: "shop", Revision: commit, Message: message}
	if failing {
		e.Severity = cluster.EventError
	}
	return e
}

func TestACommitOfManyProjectsHasOneStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := newWorld(), &statuses{}
		well, bad := cluster.Condition{Status: cluster.StatusTrue}, cluster.Condition{Status: cluster.StatusFalse, Reason: cluster.ReasonParseError}
		held := cluster.Condition{Status: cluster.StatusFalse, Reason: cluster.ReasonRemovalsHeld}
		projects := map[string]cluster.Condition{"held": held, "p7": bad}
		w.source("shop", "https://github.com/o/r.git", projects)
		w.notifier(&cluster.Notifier{Name: "status", Commit: &cluster.CommitStatus{Provider: "github"}}, "t")
		run(t, w.sender(s))
		wait(5 * time.Second)
		push := func(commit string) {
			for n := range 500 {
				e := happened(cluster.EventSynced, "added")
				e.Project, e.Revision = fmt.Sprint("p", n), commit
				w.happen(e)
				if n%100 == 0 {
					wait(3 * time.Second)
				}
			}
			wait(10 * time.Second)
		}
		sent := func(what string, want ...string) {
			t.Helper()
			wait(5 * time.Second)
			if got := s.take(); !slices.Equal(got, want) {
				t.Errorf("%s gives %q, want %q", what, got, want)
			}
		}
		push("c1")
		sent("a commit that is not all looked at", "pending: not all projects were looked at yet")
		w.happen(looked("c1", false, "501 projects are synced"))
		sent("a commit", "success: 501 projects are synced")
		push("c2")
		failed := happened(cluster.EventFailed, "p7 is not synced")
		failed.Revision = "c2"
		w.happen(failed, looked("c2", true, "1 of 501 projects are not synced"))
		sent("a commit with an error", "pending: not all projects were looked at yet", "failure: 1 of 501 projects are not synced")
		w.happen(looked("c3", false, "501 projects are synced"))
		sent("a commit that changes no project", "success: 501 projects are synced")

		w.at = "c0ffee"
		w.source("shop", "https://github.com/o/r.git", map[string]cluster.Condition{"held": held, "p7": bad, "p8": well})
		e := happened(cluster.EventRecovered, "well again")
		e.Project = "p8"
		w.happen(e)
		sent("one of two that recovers", "failure: 1 of 3 projects are not synced")
		e.Project = "p7"
		w.happen(e, e)
		sent("recovered, twice", "success: 3 projects are synced")
		drift, manual := happened(cluster.EventDrift, "x"), happened(cluster.EventSynced, "x")
		manual.Source = ""
		elsewhere := happened(cluster.EventFailed, "x")
		elsewhere.Source = "unknown"
		w.happen(drift, manual, elsewhere, happened(cluster.EventRolledBack, "pinned"))
		sent("what is of no commit")
		skip := &cluster.ControlRow{Kind: cluster.ControlProject, Name: "checkout", Control: cluster.Control{Skipped: &cluster.Skip{SourceRevision: "c2"}}}
		w.move(cluster.ChangeSet{Controls: map[string]*cluster.ControlRow{skip.Key(): skip}})
		w.happen(happened(cluster.EventRolledBack, "rolled back by ann"))
		sent("a rollback", "failure: rolled back by ann")
	})
}

func TestBackoffStaysInItsBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		failed := rapid.IntRange(0, 1000).Draw(t, "failed")
		asked := time.Duration(rapid.Int64Range(0, int64(48*time.Hour)).Draw(t, "asked"))
		got := backoff(failed, asked)
		if got <= 0 || got < asked || got > max(backoffLast, asked) || failed <= 1 && asked == 0 && got > backoffFirst {
			t.Fatalf("backoff(%d, %s) = %s", failed, asked, got)
		}
	})
}
