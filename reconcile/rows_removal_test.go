package reconcile_test

import (
	"fmt"
	"testing"

	"maelstrom/cluster"
)

// fleet is n projects of one component.
func fleet(n int) map[string]string {
	files := map[string]string{}
	for i := range n {
		files[fmt.Sprintf("p%d/maelstrom.yml", i)] = yml(fmt.Sprintf("p%d", i), "app:1", "web")
	}
	return files
}

// without removes files of a commit.
func without(files map[string]string, paths ...string) map[string]string {
	out := map[string]string{}
	if len(paths) == 0 {
		for path := range files {
			out[path] = ""
		}
	}
	for _, path := range paths {
		out[path] = ""
	}
	return out
}

func (s *site) approve(source, hash string) {
	s.t.Helper()
	s.control(cluster.ControlSource, source, func(c *cluster.Control) { c.Approved = hash })
}

// held waits until removals of a source wait for a plan other than one.
func (s *site) held(source, other string) string {
	s.t.Helper()
	hash := ""
	s.until("removals of "+source+" wait", func(snap *cluster.Snapshot) bool {
		if status, ok := snap.SourceStatuses.Get(source); ok {
			hash = status.PlanHash
		}
		return hash != "" && hash != other
	})
	return hash
}

// All is gone in one commit: nothing is removed, what is new comes, and only the
// hash of just this plan lets it go.
func TestRowEmptyRepositoryWaitsForItsPlan(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.begin(cluster.Source{Name: "main"}, fleet(3))
	tree := without(fleet(3))
	tree["README.md"] = "nothing here"
	s.push("main", tree)
	s.stores("p0_web=app:1", "p1_web=app:1", "p2_web=app:1")
	s.ready("main", cluster.StatusFalse, cluster.ReasonRemovalsHeld)
	is(t, "p0", s.status("main", "p0/maelstrom.yml").Conditions, cluster.ConditionPruneBlocked, cluster.StatusTrue, cluster.ReasonRemovalsHeld)
	empty := s.held("main", "")
	s.told(1, cluster.EventBrake, empty, "maelctl project apply --approve-prune "+empty)

	s.push("main", map[string]string{"new/maelstrom.yml": yml("fresh", "new:1", "web"), "p0/maelstrom.yml": yml("p0", "app:2", "web")})
	s.stores("fresh_web=new:1", "p0_web=app:2", "p1_web=app:1", "p2_web=app:1")

	// What waits goes on to wait, though it is not all any more.
	rest := s.held("main", empty)
	s.lookAgain("main", "")
	s.stores("fresh_web=new:1", "p0_web=app:2", "p1_web=app:1", "p2_web=app:1")
	s.approve("main", rest)
	s.until("the rest is removed", func(snap *cluster.Snapshot) bool { return snap.Projects.Len() == 2 })
	s.stores("fresh_web=new:1", "p0_web=app:2")
	s.ready("main", cluster.StatusTrue, cluster.ReasonFetched)
}

// More than the brake allows: additions and changes go on, wrong and stale
// approvals release nothing, the right one just that.
func TestRowMassRemovalIsReleasedByItsHashOnly(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.begin(cluster.Source{Name: "main"}, fleet(12))
	change := without(fleet(12), "p0/maelstrom.yml", "p1/maelstrom.yml", "p2/maelstrom.yml", "p3/maelstrom.yml", "p4/maelstrom.yml", "p5/maelstrom.yml")
	change["p7/maelstrom.yml"] = yml("p7", "app:2", "web", "more")
	s.push("main", change)
	if got := s.now().Projects.Len(); got != 12 || s.image("p7_web") != "app:2" || s.image("p7_more") != "app:2" {
		t.Errorf("%d projects, p7 has %q and %q", got, s.image("p7_web"), s.image("p7_more"))
	}
	first := s.held("main", "")
	s.approve("main", "0123456789abcdef")
	s.lookAgain("main", "")
	if got := s.now().Projects.Len(); got != 12 || s.source("main").PlanHash != first {
		t.Fatalf("a wrong hash left %d projects, plan %s", got, s.source("main").PlanHash)
	}

	s.push("main", without(fleet(12), "p6/maelstrom.yml"))
	second := s.held("main", first)
	s.approve("main", first)
	s.lookAgain("main", "")
	if got := s.now().Projects.Len(); got != 12 || s.source("main").PlanHash != second {
		t.Fatalf("a stale hash left %d projects, plan %s", got, s.source("main").PlanHash)
	}
	s.approve("main", second)
	s.until("the approved removals go", func(snap *cluster.Snapshot) bool { return snap.Projects.Len() == 5 })
	s.ready("main", cluster.StatusTrue, cluster.ReasonFetched)
	s.until("the approval is used up", func(snap *cluster.Snapshot) bool {
		row, ok := snap.Controls.Get(cluster.ControlKey(cluster.ControlSource, "main"))
		return snap.Projects.Len() == 5 && (!ok || row.Control.Approved == "")
	})
	s.told(7, cluster.EventRemoved)
}

// Thresholds are the source's own, and components within projects count.
func TestRowBrakeOfTheSource(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.begin(cluster.Source{Name: "main", Brake: &cluster.Brake{Components: 1, Percent: 10}},
		map[string]string{"maelstrom.yml": yml("shop", "web:1", "a", "b", "c", "d"), "zoo.maelstrom.yml": yml("zoo", "zoo:1", "web")})
	s.push("main", map[string]string{"maelstrom.yml": yml("shop", "web:2", "a", "b", "c")})
	s.stores("shop_a=web:2", "shop_b=web:2", "shop_c=web:2", "zoo_web=zoo:1")
	s.push("main", map[string]string{"maelstrom.yml": yml("shop", "web:3", "a", "e")})
	s.stores("shop_a=web:3", "shop_b=web:2", "shop_c=web:2", "shop_e=web:3", "zoo_web=zoo:1")
	is(t, "shop", s.status("main", "maelstrom.yml").Conditions, cluster.ConditionPruneBlocked, cluster.StatusTrue, cluster.ReasonRemovalsHeld)
	s.approve("main", s.held("main", ""))
	s.until("they go", func(snap *cluster.Snapshot) bool { return snap.Components.Len() == 3 })
	s.stores("shop_a=web:3", "shop_e=web:3", "zoo_web=zoo:1")
}
