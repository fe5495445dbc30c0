package store

import (
	"strings"
	"testing"
	"time"

	"maelstrom/cluster"
)

// What a lost node has not begun is begun elsewhere; what it has, nobody knows,
// and that is said; a node that is not lost goes on.
func TestReleasesOfALostNodeEnd(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		hold := take(t, s, cluster.RolePlacement, "holder")
		epoch, err := s.JoinNode(t.Context(), cluster.Node{ID: "n", Name: "host"})
		must(t, err)
		rollOut(t, s, projectOf("p", releasing("one")))
		run := reserved(t, s, hold, cluster.Run{ID: "r1", Kind: cluster.RunRelease, Component: "p_c", Version: 1})
		command := reserved(t, s, hold, cluster.Run{ID: "c1", Kind: cluster.RunCommand, Component: "p_c", Version: 1})
		end := func(silence time.Duration) int {
			t.Helper()
			ended, err := s.EndLostRuns(t.Context(), hold, "n", silence)
			must(t, err)
			return len(ended)
		}
		before := number(t, s)
		if end(0) != 0 || number(t, s) != before {
			t.Error("ended on a node that is not lost")
		}
		lose := func() {
			marked, err := s.MarkLost(t.Context(), hold, "n", epoch, 0)
			must(t, err)
			if !marked {
				t.Fatal("not lost")
			}
		}
		lose()
		if end(time.Hour) != 1 || end(0) != 0 {
			t.Error("what was not begun is not ended once")
		}
		if _, err := s.StartRun(t.Context(), run.ID, nil); err == nil {
			t.Error("it is begun after that")
		}

		must(t, s.WriteNode(t.Context(), cluster.Node{ID: "n", Name: "host", Epoch: epoch, State: cluster.NodeUp}))
		run = reserved(t, s, hold, cluster.Run{ID: "r2", Kind: cluster.RunRelease, Component: "p_c", Version: 1})
		_, err = s.StartRun(t.Context(), run.ID, nil)
		must(t, err)
		lose()
		if end(time.Hour) != 0 {
			t.Error("ended before its node had time to come back")
		}
		if end(0) != 1 || end(0) != 0 {
			t.Error("what was begun is not ended once")
		}
		cs, err := s.Changes(t.Context(), 0)
		must(t, err)
		if r := cs.Runs["r2"]; r == nil || r.State != cluster.RunFailed || !strings.Contains(r.Message, "node host was lost while it ran") {
			t.Errorf("ended as %+v", r)
		}
		if cs.Runs[command.ID] == nil || cs.Runs["r1"] != nil {
			t.Errorf("runs %v", cs.Runs)
		}
		if row := rowOf(t, s, "p_c"); !row.Unreleased() {
			t.Error("its version is rolled out")
		}
		events, err := s.Events(t.Context(), cluster.EventQuery{Kinds: []cluster.EventKind{cluster.EventRelease}})
		must(t, err)
		if len(events) != 1 || events[0].Severity != cluster.EventError || events[0].Project != "p" || events[0].Node != "n" {
			t.Errorf("events %+v", events)
		}
		// The node comes back and knows: that is too late.
		run.State = cluster.RunSucceeded
		_, err = s.FinishRelease(t.Context(), run, cluster.Event{Kind: cluster.EventRelease, Component: "p_c"})
		must(t, err)
		if row := rowOf(t, s, "p_c"); !row.Unreleased() {
			t.Error("its version is rolled out after that")
		}
		take(t, s, cluster.RolePlacement, "other")
		if _, err := s.EndLostRuns(t.Context(), hold, "n", 0); err == nil {
			t.Error("one who has lost the role may end them")
		}
	})
}
