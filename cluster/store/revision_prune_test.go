package store

import (
	"testing"
	"time"
)

func TestHistoriesOfWhatIsLongGoneAreForgotten(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		for _, p := range []string{"old", "young", "there"} {
			apply1(t, s, projectOf(p, component(p, p+"_c", "image")))
			apply1(t, s, projectOf(p, component(p, p+"_c", "image:2")))
		}
		for _, p := range []string{"old", "young"} {
			_, err := s.ApplyProject(t.Context(), removeRequest(p))
			must(t, err)
		}
		_, err := s.write(t.Context(), writeOptions{}, func(tx *tx) error {
			_, err := tx.put(t.Context(), "mael_revision", `update mael_revision set applied_at = ? where project <> ? or number < 3`,
				micros(time.Now().Add(-revisionAge-time.Hour)), "young")
			return err
		})
		must(t, err)
		kept := func(project string) (revisions, contents int) {
			must(t, s.read(t.Context(), func(tx *tx) error {
				if err := tx.row(t.Context(), `select count(*) from mael_revision where project = ?`, project).Scan(&revisions); err != nil {
					return err
				}
				return tx.row(t.Context(), `select count(*) from mael_content where project = ?`, project).Scan(&contents)
			}))
			return revisions, contents
		}
		before := number(t, s)
		s.prune(t.Context(), pruneEvery)
		if n, _ := kept("old"); n != 3 {
			t.Errorf("%d revisions at once", n)
		}
		s.prune(t.Context(), pruneHistoriesEvery)
		for project, want := range map[string][2]int{"old": {0, 0}, "young": {3, 2}, "there": {2, 2}} {
			if revisions, contents := kept(project); revisions != want[0] || contents != want[1] {
				t.Errorf("%s has %d revisions and %d contents, want %v", project, revisions, contents, want)
			}
		}
		if now := all(t, s); now.Number != before || len(now.Projects) != 1 {
			t.Errorf("%d changes, projects %v", now.Number-before, now.Projects)
		}
		apply1(t, s, projectOf("old", component("old", "old_c", "image")))
		if _, content, err := s.Revision(t.Context(), "old", 1); err != nil || content == nil {
			t.Errorf("the project anew: %v, %v", content, err)
		}
	})
}

// A project that is added again as its history is forgotten keeps what it has.
func TestAProjectComesBackWhileItsHistoryIsForgotten(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		other := d.open(t)
		for range 5 {
			apply1(t, s, projectOf("p", component("p", "p_c", "image")))
			_, err := s.ApplyProject(t.Context(), removeRequest("p"))
			must(t, err)
			age(t, s, 1000)
			done := make(chan error)
			go func() { done <- other.pruneHistories(t.Context()) }()
			apply1(t, s, projectOf("p", component("p", "p_c", "image")))
			must(t, <-done)
			row := all(t, s).Projects["p"]
			if _, content, err := s.Revision(t.Context(), "p", row.Revision); err != nil || content == nil {
				t.Fatalf("revision %d: %v, %v", row.Revision, content, err)
			}
			_, err = s.ApplyProject(t.Context(), removeRequest("p"))
			must(t, err)
		}
	})
}
