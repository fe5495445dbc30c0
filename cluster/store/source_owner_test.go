package store

import (
	"maps"
	"slices"
	"testing"

	"maelstrom/cluster"
)

// undeclare removes a source whose declaration is gone.
func undeclare(t *testing.T, s *Store, name string) {
	t.Helper()
	_, err := s.DeleteSource(t.Context(), cluster.Deletion{Name: name, Actor: "file", Undeclared: true})
	must(t, err)
}

func owned(t *testing.T, s *Store, source string, projects ...string) {
	t.Helper()
	for _, p := range projects {
		req := request(projectOf(p, component(p, p+"_c", "image")))
		req.Source = source
		req.Status = &cluster.ProjectStatus{Source: source, Path: p + ".yml", Project: p, LastGood: "c1", Digest: "d"}
		_, err := s.ApplyProject(t.Context(), req)
		must(t, err)
	}
}

// of names the projects of a source.
func of(t *testing.T, s *Store, source string) (names []string) {
	t.Helper()
	all := all(t, s)
	for _, name := range slices.Sorted(maps.Keys(all.Projects)) {
		if all.Projects[name].Source == source {
			names = append(names, name)
		}
	}
	return names
}

func TestASourceThatComesBackHasItsProjects(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		declare(t, s, "git")
		declare(t, s, "other")
		owned(t, s, "git", "kept", "edited", "adopted", "anew")
		owned(t, s, "other", "foreign")
		undeclare(t, s, "git")
		if got := of(t, s, "git"); got != nil {
			t.Fatalf("%v are of a source that is gone", got)
		}
		apply1(t, s, projectOf("edited", component("edited", "edited_c", "image:2")))
		owned(t, s, "other", "adopted")
		_, err := s.ApplyProject(t.Context(), removeRequest("anew"))
		must(t, err)
		apply1(t, s, projectOf("anew", component("anew", "anew_c", "image")))
		before := all(t, s)
		declare(t, s, "git")
		if got := of(t, s, "git"); !slices.Equal(got, []string{"kept"}) {
			t.Fatalf("the source has %v", got)
		}
		if p := all(t, s).Projects["kept"]; p.Revision != before.Projects["kept"].Revision {
			t.Errorf("revision %d", p.Revision)
		}
		if known, err := s.DeclaredBy(t.Context(), "git", "kept"); err != nil || known == nil || known.Path != "kept.yml" || known.LastGood != "c1" || known.Digest != "" {
			t.Errorf("what is known of its file: %+v, %v", known, err)
		}
		if known, err := s.DeclaredBy(t.Context(), "git", "edited"); err != nil || known != nil {
			t.Errorf("what is known of another's file: %+v, %v", known, err)
		}
		cs, err := s.Changes(t.Context(), before.Number)
		must(t, err)
		if len(cs.Projects) != 1 || cs.Projects["kept"] == nil {
			t.Errorf("changes %+v", cs.Projects)
		}
		told := events(t, s, cluster.EventQuery{Source: "git", Kinds: []cluster.EventKind{cluster.EventSourceChanged}})
		if want := "source_changed source declared again, with 1 of the projects that it had"; told[len(told)-1] != want {
			t.Errorf("events %q", told)
		}
		// What a user lets go is not its again, and nothing of before counts.
		_, err = s.DeleteSource(t.Context(), cluster.Deletion{Name: "git", Actor: "anna"})
		must(t, err)
		declare(t, s, "git")
		if got := of(t, s, "git"); got != nil {
			t.Errorf("detached, and taken back: %v", got)
		}
		if got := of(t, s, "other"); !slices.Equal(got, []string{"adopted", "foreign"}) {
			t.Errorf("the other source has %v", got)
		}
	})
}

// Whoever may write into one source takes no projects of what was declared
// elsewhere by giving a source its name.
func TestProjectsGoBackToADeclarationOfTheSamePlace(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		for _, test := range []struct {
			before, after string
			want          bool
		}{
			{"file", "file", true}, {"source/root", "source/root", true}, {"source/root", "", true}, {"source/root", "file", true},
			{"file", "source/root", false}, {"", "source/root", false}, {"source/root", "source/eve", false},
		} {
			write := cluster.SourceWrite{Spec: gitSource("git"), Origin: test.before}
			_, err := s.PutSource(t.Context(), write)
			must(t, err)
			owned(t, s, "git", "p")
			undeclare(t, s, "git")
			write.Origin = test.after
			_, err = s.PutSource(t.Context(), write)
			must(t, err)
			if got := of(t, s, "git") != nil; got != test.want {
				t.Errorf("from %q to %q: %v", test.before, test.after, got)
			}
			_, err = s.DeleteSource(t.Context(), cluster.Deletion{Name: "git"})
			must(t, err)
			_, err = s.ApplyProject(t.Context(), removeRequest("p"))
			must(t, err)
		}
	})
}

func TestDeclarationsOfWhoHasLostItsRole(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		row := declare(t, s, "git")
		chat := notifier(t, s, "chat")
		late := take(t, s, cluster.RoleSources, "a")
		hold := take(t, s, cluster.RoleSources, "b")
		before := number(t, s)
		spec := gitSource("git")
		spec.Git.Ref = "late"
		write := cluster.SourceWrite{Spec: spec, Version: row.Version, Hold: &late}
		_, err := s.PutSource(t.Context(), write)
		wantError(t, err, cluster.ErrFenced)
		_, err = s.DeleteSource(t.Context(), cluster.Deletion{Name: "git", Hold: &late})
		wantError(t, err, cluster.ErrFenced)
		told := cluster.NotifierWrite{Spec: &cluster.Notifier{Name: "chat", Webhook: "https://late.test"}, Version: chat.Version, Hold: &late}
		_, err = s.PutNotifier(t.Context(), told)
		wantError(t, err, cluster.ErrFenced)
		wantError(t, s.DeleteNotifier(t.Context(), cluster.Deletion{Name: "chat", Hold: &late}), cluster.ErrFenced)
		if number(t, s) != before {
			t.Error("something was written")
		}
		write.Hold, told.Hold = &hold, &hold
		_, err = s.PutSource(t.Context(), write)
		must(t, err)
		_, err = s.PutNotifier(t.Context(), told)
		must(t, err)
		must(t, s.DeleteNotifier(t.Context(), cluster.Deletion{Name: "chat", Hold: &hold}))
		_, err = s.DeleteSource(t.Context(), cluster.Deletion{Name: "git", Hold: &hold})
		must(t, err)
	})
}
