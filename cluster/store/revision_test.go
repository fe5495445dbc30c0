package store

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"maelstrom/cluster"
	"maelstrom/project"
)

func imageOf(n int) *project.Project {
	return projectOf("p", component("p", "p_c", fmt.Sprint("image:", n)))
}

// age makes the revisions of p up to a number old enough to be forgotten.
func age(t *testing.T, s *Store, upTo int) {
	t.Helper()
	_, err := s.write(t.Context(), writeOptions{}, func(tx *tx) error {
		_, err := tx.put(t.Context(), "mael_revision", `update mael_revision set applied_at = ? where project = ? and number <= ?`,
			micros(time.Now().Add(-revisionAge-time.Hour)), "p", upTo)
		return err
	})
	must(t, err)
}

func TestHistoryTellsWhoDidWhatAndWhy(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		_, err := s.PutSource(t.Context(), cluster.SourceWrite{Spec: &cluster.Source{Name: "git", Dir: "/srv"}})
		must(t, err)
		req := request(imageOf(1))
		req.Actor, req.RequestID, req.Source, req.SourceRevision, req.Reason = "anna", "r1", "git", "c0ffee", "it was broken"
		req.Kind, req.Began = cluster.RevisionRollback, time.Now().Add(-time.Minute)
		req.Commit = cluster.Commit{ID: "c0ffee", Author: "Änn \x00<a@b>", Subject: "Fix \"it\"", Time: time.Unix(7, 0).UTC(), Signature: "none"}
		_, err = s.ApplyProject(t.Context(), req)
		must(t, err)
		got, content, err := s.Revision(t.Context(), "p", 1)
		must(t, err)
		if got.Seconds < 60 || got.Seconds > 600 || got.Time.IsZero() || got.Digest == "" {
			t.Errorf("took %v at %v, digest %q", got.Seconds, got.Time, got.Digest)
		}
		want := cluster.Revision{Project: "p", Number: 1, Kind: cluster.RevisionRollback, Actor: "anna", Source: "git", SourceRevision: "c0ffee",
			RequestID: "r1", Reason: "it was broken", Outcome: "applied", Time: got.Time, Seconds: got.Seconds, Digest: got.Digest}
		want.Commit = req.Commit
		want.Commit.Author = "Änn \uFFFD<a@b>"
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(req.Desired, content); diff != "" {
			t.Error(diff)
		}
		_, _, err = s.Revision(t.Context(), "p", 2)
		wantError(t, err, cluster.ErrNotFound)
	})
}

func TestContentIsKeptOnceAsLongAsARevisionHasIt(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		contents := func() (n int) {
			must(t, s.read(t.Context(), func(tx *tx) error {
				return tx.row(t.Context(), `select count(*) from mael_content where project = ?`, "p").Scan(&n)
			}))
			return n
		}
		for n := range revisionsKept {
			apply1(t, s, imageOf(n%2))
		}
		apply1(t, s, projectOf("q", component("q", "q_c", "image:0")))
		if n := contents(); n != 2 {
			t.Errorf("%d contents of two", n)
		}
		_, err := s.ApplyProject(t.Context(), removeRequest("p"))
		must(t, err)
		removed, content, err := s.Revision(t.Context(), "p", revisionsKept+1)
		must(t, err)
		if removed.Kind != cluster.RevisionRemove || content != nil {
			t.Errorf("removal %+v with %v", removed, content)
		}
		for n := range revisionsKept - 2 { // all but the last of the alternating ones are out of fifty
			age(t, s, revisionsKept+n)
			apply1(t, s, imageOf(2+n))
		}
		_, kept, err := s.Revision(t.Context(), "p", revisionsKept)
		must(t, err)
		if n := contents(); n != revisionsKept-1 || kept.Components[0].Image != "image:1" {
			t.Errorf("%d contents, the old one %+v", n, kept)
		}
		if _, content, err := s.Revision(t.Context(), "q", 1); err != nil || content == nil {
			t.Errorf("content of another project: %v, %v", content, err)
		}
	})
}

func TestHistoryKeepsTheNewestAndTheYoung(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		for n := range revisionsKept + 5 {
			req := request(imageOf(n))
			req.RequestID = fmt.Sprint("r", n+1)
			_, err := s.ApplyProject(t.Context(), req)
			must(t, err)
		}
		numbers := func() (first, last int64) {
			revisions, err := s.Revisions(t.Context(), "p", revisionsMost)
			must(t, err)
			if len(revisions) != int(revisions[0].Number-revisions[len(revisions)-1].Number)+1 {
				t.Errorf("%d revisions from %d", len(revisions), revisions[0].Number)
			}
			return revisions[len(revisions)-1].Number, revisions[0].Number
		}
		if first, last := numbers(); first != 1 || last != revisionsKept+5 {
			t.Fatalf("young revisions %d to %d", first, last)
		}
		age(t, s, 3)
		apply1(t, s, imageOf(1000))
		if first, _ := numbers(); first != 4 {
			t.Errorf("the oldest is %d", first)
		}
		if few, err := s.Revisions(t.Context(), "p", 3); err != nil || len(few) != 3 || few[2].Number != revisionsKept+4 {
			t.Errorf("limited %v, %v", few, err)
		}
		again := request(imageOf(7))
		again.RequestID = "r5"
		if got, err := s.ApplyProject(t.Context(), again); err != nil || !got.Replayed || got.Revision != 5 {
			t.Errorf("a request that is remembered: %+v, %v", got, err)
		}
		_, err := s.write(t.Context(), writeOptions{}, func(tx *tx) error {
			return tx.dropRevisions(t.Context(), "p", revisionsMost+20)
		})
		must(t, err)
		if first, _ := numbers(); first != 21 {
			t.Errorf("beyond the most that are kept, the oldest is %d", first)
		}
	})
}

func TestEqualNeighboursOfAHistoryAreOne(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		apply1(t, s, imageOf(1))
		for _, actor := range []string{"ann", "ann", "ann", "bob"} {
			_, err := s.BumpComponents(t.Context(), []string{"p_c"}, actor)
			must(t, err)
		}
		apply1(t, s, imageOf(2))
		revisions, err := s.Revisions(t.Context(), "p", 10)
		must(t, err)
		type line struct {
			Number   int64
			Kind     cluster.RevisionKind
			Actor    string
			Repeated int
		}
		var got []line
		for _, r := range revisions {
			got = append(got, line{r.Number, r.Kind, r.Actor, r.Repeated})
		}
		want := []line{{6, "apply", "test", 0}, {5, "edit", "bob", 0}, {4, "edit", "ann", 2}, {1, "apply", "test", 0}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if _, content, err := s.Revision(t.Context(), "p", 3); err != nil || content.Components[0].Image != "image:1" {
			t.Errorf("a restart keeps the content: %v, %v", content, err)
		}
		if few, err := s.Revisions(t.Context(), "p", 3); err != nil || len(few) != 3 || few[2].Repeated != 2 {
			t.Errorf("the last of a limited list is counted too: %+v, %v", few, err)
		}
	})
}

func TestDeclaredByTellsOfTheAppliedFile(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		_, err := s.write(t.Context(), writeOptions{}, func(tx *tx) error {
			var rows [][]any
			for i, status := range []cluster.ProjectStatus{
				{Source: "git", Path: "a.yml", Project: "p"},
				{Source: "git", Path: "b.yml", Project: "p", LastGood: "c1", Digest: "d"},
				{Source: "git", Path: "c.yml", Project: "p"},
				{Source: "other", Path: "b.yml", Project: "p", LastGood: "c2"},
				{Source: "git", Path: "d.yml", Project: "q", LastGood: "c1"},
			} {
				body, err := encode(status)
				if err != nil {
					return err
				}
				rows = append(rows, []any{fmt.Sprint("key", i), status.Source, body})
			}
			return tx.insert(t.Context(), "mael_project_status", []string{"status_key", "source", "body"}, rows)
		})
		must(t, err)
		if got, err := s.DeclaredBy(t.Context(), "git", "p"); err != nil || got == nil || got.Path != "b.yml" || got.Digest != "d" {
			t.Errorf("%+v, %v", got, err)
		}
		if got, err := s.DeclaredBy(t.Context(), "git", "nope"); err != nil || got != nil {
			t.Errorf("%+v, %v", got, err)
		}
	})
}
