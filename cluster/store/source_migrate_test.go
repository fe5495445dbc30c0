package store

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"maelstrom/cluster"
)

// before0004 is a database as a release without sources left it.
var before0004 = []string{
	`update mael_change_counter set n = 7 where id = 1`,
	`insert into mael_change (n, kind, object, deleted, writer) values (7, 'project', 'p', 0, 'w')`,
	`insert into mael_project (name, source, revision, source_revision, created_at, modified_at) values ('p', '', 3, '', 5, 6)`,
	`insert into mael_component (name, project, spec, row_version, restart_version, modified_at)
		values ('p_c', 'p', '{"name":"p_c","project":"p","image":"image"}', 2, 2, 6)`,
	`insert into mael_claim (digest, kind, claim_key, owner, object, claimed_at) values ('d', 'component', 'p_c', 'p', 'p_c', 5)`,
	`insert into mael_revision (project, number, request_id, applied_at, actor, source, source_revision, summary, result)
		values ('p', 3, 'r', 6, 'anna', '', '', '1 changed', '{"Revision":3,"ChangeNumber":7}')`,
	`insert into mael_firing (firing_key, ordinal, due, event_source, component, claim, started_at, finished_at, status, reason, failure)
		values ('k', 0, 5, 'es', 'p_c', 'x', 5, 0, 0, '', '')`,
}

func TestSourcesComeToADatabaseThatIsInUse(t *testing.T) {
	onEachEmpty(t, func(t *testing.T, d database, s *Store) {
		must(t, s.migrate(t.Context(), "old", known(t, s)[:3]))
		for _, statement := range before0004 {
			_, err := s.writer.Exec(statement)
			must(t, err)
		}
		must(t, s.Migrate(t.Context(), "new"))
		cs := all(t, s)
		if cs.Number != 7 || cs.Projects["p"].Revision != 3 || cs.Components["p_c"].Version != 2 || len(cs.Sources)+len(cs.Controls) != 0 {
			t.Fatalf("%+v", cs)
		}
		// A node that follows goes on from where it is.
		if since, err := s.Changes(t.Context(), 6); err != nil || since.Full || len(since.Projects) != 1 {
			t.Fatalf("%+v, %v", since, err)
		}
		due := moment(5)
		must(t, s.FinishFiring(t.Context(), cluster.Firing{Key: "k", Due: due, EventSource: "es", Component: "p_c", StartedAt: due, FinishedAt: moment(6), Status: 204}))
		declare(t, s, "git")
		req := request(projectOf("p", component("p", "p_c", "image:2")))
		req.Source = "git"
		if result, err := s.ApplyProject(t.Context(), req); err != nil || result.Revision != 4 {
			t.Fatalf("%+v, %v", result, err)
		}
		want := []string{"cron es fired, status 204", "source_changed source declared", "synced "}
		if diff := cmp.Diff(want, events(t, s, cluster.EventQuery{})); diff != "" {
			t.Fatal(diff)
		}
	})
}
