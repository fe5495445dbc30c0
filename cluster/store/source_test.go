package store

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"maelstrom/cluster"
)

func gitSource(name string) *cluster.Source {
	return &cluster.Source{Name: name, Git: &cluster.GitSource{URL: "https://git.example/" + name, Ref: "main"}, Paths: []string{"apps/**"}}
}

// declare stores a source that has a token.
func declare(t *testing.T, s *Store, name string) *cluster.SourceRow {
	t.Helper()
	row, err := s.PutSource(t.Context(), cluster.SourceWrite{Spec: gitSource(name), Secrets: &cluster.SourceSecrets{Token: "hush"}, Actor: "anna"})
	must(t, err)
	return row
}

// events reads what has happened, as kinds and messages.
func events(t *testing.T, s *Store, q cluster.EventQuery) (told []string) {
	t.Helper()
	found, err := s.Events(t.Context(), q)
	must(t, err)
	for _, e := range found {
		told = append(told, string(e.Kind)+" "+e.Message)
	}
	return told
}

func TestSourceIsKeptWithItsSecretsApart(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		spec := gitSource("git")
		spec.Variables = map[string]string{"REGION": "äöü 🌪"}
		spec.Git.CA = strings.Repeat("certificate", 10_000)
		secrets := cluster.SourceSecrets{Token: "hush", SSHKey: "hush", Variables: map[string]string{"API": "hush"}}
		row, err := s.PutSource(t.Context(), cluster.SourceWrite{Spec: spec, Secrets: &secrets, Origin: "file", Actor: "anna"})
		must(t, err)
		cs := all(t, s)
		got := cs.Sources["git"]
		if diff := cmp.Diff(row, got); diff != "" || row.Version == 0 || row.CreatedAt.IsZero() {
			t.Fatalf("stored %+v:\n%s", row, diff)
		}
		if diff := cmp.Diff(spec, got.Spec); diff != "" {
			t.Fatal(diff)
		}
		if diff := cmp.Diff([]string{"ssh_key", "token", "variables.API"}, got.Secrets); diff != "" {
			t.Fatal(diff)
		}
		text, err := json.Marshal(cs)
		must(t, err)
		if strings.Contains(string(text), "hush") {
			t.Fatal("a secret is in what every node reads")
		}
		kept, err := s.SourceSecrets(t.Context(), "git")
		must(t, err)
		if diff := cmp.Diff(secrets, kept); diff != "" {
			t.Fatal(diff)
		}
		_, err = s.SourceSecrets(t.Context(), "other")
		wantError(t, err, cluster.ErrNotFound)
	})
}

func TestSourceIsChangedByVersion(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		first := declare(t, s, "git")
		changed := gitSource("git")
		changed.Git.Ref = "v1"
		for _, version := range []int64{0, first.Version + 1, first.Version - 1} {
			_, err := s.PutSource(t.Context(), cluster.SourceWrite{Spec: changed, Version: version})
			wantError(t, err, cluster.ErrConflict)
		}
		before := number(t, s)
		second, err := s.PutSource(t.Context(), cluster.SourceWrite{Spec: changed, Version: first.Version, Actor: "bert"})
		must(t, err)
		cs, err := s.Changes(t.Context(), before)
		must(t, err)
		if cs.Full || cs.Sources["git"].Spec.Git.Ref != "v1" || second.Version <= first.Version || second.CreatedAt != first.CreatedAt {
			t.Fatalf("%+v after %+v", second, first)
		}
		if kept, err := s.SourceSecrets(t.Context(), "git"); err != nil || kept.Token != "hush" {
			t.Fatalf("the secrets are gone: %v", err)
		}
		// The same again, with and without its secrets, writes nothing.
		before = number(t, s)
		for _, secrets := range []*cluster.SourceSecrets{nil, {Token: "hush"}} {
			same, err := s.PutSource(t.Context(), cluster.SourceWrite{Spec: changed, Secrets: secrets, Version: second.Version})
			must(t, err)
			if same.Version != second.Version || number(t, s) != before {
				t.Fatalf("%+v was written over itself", same)
			}
		}
		third, err := s.PutSource(t.Context(), cluster.SourceWrite{Spec: changed, Secrets: &cluster.SourceSecrets{}, Version: second.Version})
		must(t, err)
		if kept, err := s.SourceSecrets(t.Context(), "git"); err != nil || len(third.Secrets)+len(kept.Held()) != 0 {
			t.Fatalf("secrets that were taken away: %+v, %v", third, err)
		}
		want := []string{"source_changed source declared", "source_changed source changed", "source_changed source changed"}
		if diff := cmp.Diff(want, events(t, s, cluster.EventQuery{Source: "git"})); diff != "" {
			t.Fatal(diff)
		}
	})
}

// Of several that declare the same source at once, one does.
func TestOneOfManyDeclares(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		var wg sync.WaitGroup
		won := make([]bool, 4)
		for i := range won {
			store := d.open(t)
			wg.Go(func() {
				spec := gitSource("git")
				spec.Git.Ref = fmt.Sprint("branch-", i)
				_, err := store.PutSource(t.Context(), cluster.SourceWrite{Spec: spec})
				won[i] = err == nil
				if err != nil && !strings.Contains(err.Error(), cluster.ErrConflict.Error()) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		got := all(t, s).Sources["git"].Spec.Git.Ref
		for i := range won {
			if won[i] != (got == fmt.Sprint("branch-", i)) {
				t.Fatalf("%s is stored, who won: %v", got, won)
			}
		}
	})
}

func TestDeletedSourceLeavesItsProjectsToUsers(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		row := fullSource(t, s, "git")
		fullSource(t, s, "other")
		_, err := s.DeleteSource(t.Context(), cluster.Deletion{Name: "git", Version: row.Version + 1, Actor: "anna"})
		wantError(t, err, cluster.ErrConflict)
		before := all(t, s)
		n, err := s.DeleteSource(t.Context(), cluster.Deletion{Name: "git", Version: row.Version, Actor: "anna"})
		must(t, err)
		cs, err := s.Changes(t.Context(), before.Number)
		must(t, err)
		if cs.Number != n || cs.Full || len(cs.Sources) != 1 || cs.Sources["git"] != nil || len(cs.SourceStatuses) != 1 ||
			cs.SourceStatuses["git"] != nil || len(cs.ProjectStatuses) != 1 || len(cs.Controls) != 1 || len(cs.Projects) != 1 {
			t.Fatalf("changes %+v", cs)
		}
		p, was := cs.Projects["git-p"], before.Projects["git-p"]
		if p == nil || p.Source != "" || p.Revision != was.Revision || len(cs.Components) != 0 {
			t.Fatalf("project %+v", p)
		}
		after := all(t, s)
		if len(after.Sources) != 1 || len(after.SourceStatuses) != 1 || len(after.ProjectStatuses) != 1 || after.Projects["other-p"].Source != "other" {
			t.Fatalf("what is of another source: %+v", after)
		}
		if after.Controls["project git-p"] == nil || after.Controls["source git"] != nil || after.Controls["source other"] == nil {
			t.Fatalf("controls %+v", after.Controls)
		}
		checkNothingOf(t, s, "git")
		_, err = s.DeleteSource(t.Context(), cluster.Deletion{Name: "git", Actor: "anna"})
		wantError(t, err, cluster.ErrNotFound)
		told := events(t, s, cluster.EventQuery{Source: "git", Kinds: []cluster.EventKind{cluster.EventSourceChanged}})
		if len(told) != 2 || told[1] != "source_changed source removed" {
			t.Fatalf("events %q", told)
		}
		// One that is declared anew is not taken for what it was.
		if again := declare(t, s, "git"); again.Version <= row.Version {
			t.Fatalf("version %d after %d", again.Version, row.Version)
		}
		_, err = s.DeleteSource(t.Context(), cluster.Deletion{Name: "git", Actor: "anna"})
		must(t, err)
	})
}

// fullSource declares a source with one project and all that can be kept of it.
func fullSource(t *testing.T, s *Store, name string) *cluster.SourceRow {
	t.Helper()
	row := declare(t, s, name)
	p := name + "-p"
	req := request(projectOf(p, component(p, p+"_c", "image")))
	req.Source, req.SourceRevision = name, "c0ffee"
	req.Status = &cluster.ProjectStatus{Source: name, Path: "maelstrom.yml", Project: p}
	req.Control = &cluster.ControlRow{Kind: cluster.ControlProject, Name: p, Control: cluster.Control{Pinned: &cluster.Pin{Revision: 1}}}
	_, err := s.ApplyProject(t.Context(), req)
	must(t, err)
	_, err = s.WriteSourceStatus(t.Context(), cluster.StatusWrite{Source: &cluster.SourceStatus{Source: name, Revision: "c0ffee"}})
	must(t, err)
	_, err = s.PutControl(t.Context(), cluster.ControlRow{Kind: cluster.ControlSource, Name: name,
		Control: cluster.Control{Sync: &cluster.SyncRequest{Number: 1}}}, nil)
	must(t, err)
	_, err = s.AddDelivery(t.Context(), cluster.Delivery{Source: name, ID: "1"})
	must(t, err)
	return row
}

func checkNothingOf(t *testing.T, s *Store, source string) {
	t.Helper()
	for _, table := range []string{"mael_source_secret", "mael_source_status", "mael_project_status", "mael_delivery", "mael_project"} {
		var n int
		must(t, s.reader.QueryRow(s.dialect.rebind(`select count(*) from `+table+` where source = ?`), source).Scan(&n))
		if n != 0 {
			t.Errorf("%d rows in %s", n, table)
		}
	}
}

// Applies, statuses and the removal of their source meet in any order: nothing
// is left that is of a source that is not there.
func TestNothingIsStoredForASourceThatGoes(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		for round := range 5 {
			declare(t, s, "git")
			var wg sync.WaitGroup
			for w := range 3 {
				store := d.open(t)
				wg.Go(func() { applyUntilGone(t, store, fmt.Sprintf("p%d%d", round, w)) })
			}
			wg.Go(func() {
				if _, err := d.open(t).DeleteSource(t.Context(), cluster.Deletion{Name: "git", Actor: "anna"}); err != nil {
					t.Error(err)
				}
			})
			wg.Wait()
			checkNothingOf(t, s, "git")
		}
	})
}

func applyUntilGone(t *testing.T, s *Store, p string) {
	for n := 0; ; n++ {
		req := request(projectOf(p, component(p, p+"_c", fmt.Sprint("image:", n))))
		req.Source, req.Status = "git", &cluster.ProjectStatus{Source: "git", Path: p, Project: p}
		_, err := s.ApplyProject(t.Context(), req)
		if err == nil {
			_, err = s.WriteSourceStatus(t.Context(), cluster.StatusWrite{Source: &cluster.SourceStatus{Source: "git", Sync: int64(n)},
				Put: []cluster.ProjectStatus{{Source: "git", Path: p + "-2"}}})
		}
		if err != nil {
			if !strings.Contains(err.Error(), cluster.ErrNotFound.Error()) {
				t.Error(err)
			}
			return
		}
	}
}

func TestKeysOfSourcesAreChecked(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		for _, name := range []string{"", strings.Repeat("x", maxKey), "a\x00"} {
			if _, err := s.PutSource(t.Context(), cluster.SourceWrite{Spec: gitSource(name)}); err == nil {
				t.Errorf("source %q", name)
			}
			if _, err := s.PutNotifier(t.Context(), cluster.NotifierWrite{Spec: &cluster.Notifier{Name: name + name}}); err == nil {
				t.Errorf("notifier %q", name)
			}
			row := cluster.ControlRow{Kind: cluster.ControlProject, Name: name, Control: cluster.Control{Approved: "x"}}
			if _, err := s.PutControl(t.Context(), row, nil); err == nil {
				t.Errorf("control of %q", name)
			}
			if _, err := s.AddDelivery(t.Context(), cluster.Delivery{Source: name + name}); err == nil {
				t.Errorf("delivery to %q", name)
			}
		}
	})
}
