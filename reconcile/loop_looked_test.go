package reconcile

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"maelstrom/cluster"
)

// Each revision has one event that says what came of it, whether it changes a
// project or not, and however often it is looked at.
func TestTheOutcomeOfEachRevisionIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _, repo := begun(t, cluster.Source{Git: &cluster.GitSource{URL: "https://git.test/x"}}, one("web:1"))
		told := []string{"looked : 2 projects are synced"}
		is := func(what, message string) {
			t.Helper()
			tick()
			tick()
			if told = append(told, message); !slices.Equal(w.events(cluster.EventLooked), told) {
				t.Errorf("%s: told %q, want %q", what, w.events(cluster.EventLooked), told)
			}
		}
		repo.push(map[string]string{"README": "of no project"})
		is("a commit that changes no project", "looked : 2 projects are synced")
		repo.push(map[string]string{"c.maelstrom.yml": "name: c\ncomponents: 7\n"})
		tick()
		got := w.events(cluster.EventLooked)
		if len(got) != 3 || !strings.HasPrefix(got[2], "looked : 1 of 3 projects are not synced: c") {
			t.Fatalf("told %q", got)
		}
		told = slices.Clone(got)
		repo.push(map[string]string{"c.maelstrom.yml": yml("c", "web:1", "web")})
		is("a commit that mends it", "looked : 3 projects are synced")
	})
}
