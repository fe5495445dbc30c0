package reconcile

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"maelstrom/cluster"
)

// begun is a world whose source main has been applied once.
func begun(t *testing.T, spec cluster.Source, files map[string]string) (*world, *node, *pushed) {
	t.Helper()
	w := newWorld(t)
	spec.Name = "main"
	repo := w.declare(spec)
	repo.push(files)
	n := w.start("a", true, ReconcilerOptions{})
	wait(2 * time.Second)
	return w, n, repo
}

func mono(n int) map[string]string {
	files := map[string]string{}
	for i := range n {
		files[fmt.Sprintf("p%03d/maelstrom.yml", i)] = yml(fmt.Sprintf("p%03d", i), "app:1", "web")
	}
	return files
}

// 1 broken file of 100: the others apply, it stays as it was, named with its
// place, and keeps all it has.
func TestOneBrokenFileOf100(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _, repo := begun(t, cluster.Source{}, mono(100))
		if got := w.snap().Projects.Len(); got != 100 {
			t.Fatalf("%d projects", got)
		}
		files := map[string]string{}
		for path := range mono(100) {
			name, _, _ := strings.Cut(path, "/")
			files[path] = yml(name, "app:2", "web")
		}
		broken := "p050/maelstrom.yml"
		files[broken] = "name: p050\ncomponents:\n  web:\n\timage: x\n"
		commit := repo.push(files)
		tick()
		if w.image("p050_web") != "app:1" || w.image("p051_web") != "app:2" || w.snap().Projects.Len() != 100 {
			t.Fatalf("images %s %s, %d projects", w.image("p050_web"), w.image("p051_web"), w.snap().Projects.Len())
		}
		source := w.source("main")
		ready, _ := conditionOf(source.Conditions, cluster.ConditionReady)
		if source.Failing != 1 || source.Projects != 100 || ready.Reason != cluster.ReasonProjectsFailing ||
			!strings.HasPrefix(ready.Message, "1 of 100 projects") || !strings.Contains(ready.Message, broken+":4:1") {
			t.Errorf("source %+v", source)
		}
		s := w.status("main", broken)
		is(t, s.Conditions, cluster.ConditionSynced, cluster.StatusFalse, cluster.ReasonParseError)
		is(t, s.Conditions, cluster.ConditionStalled, cluster.StatusTrue, cluster.ReasonParseError)
		if s.Project != "p050" || s.Attempted != commit || s.LastGood == commit || len(s.Problems) == 0 || s.Problems[0].Line != 4 {
			t.Errorf("status %+v", s)
		}
		if got := w.events(cluster.EventFailed); len(got) != 1 || !strings.Contains(got[0], "failed p050: ") {
			t.Errorf("events %q", got)
		}
		w.noWrites("broken", func() { wait(10 * time.Minute) })
		repo.push(map[string]string{broken: yml("p050", "app:3", "web")})
		tick()
		if w.image("p050_web") != "app:3" || len(w.events(cluster.EventRecovered)) != 1 {
			t.Errorf("mended: %s, %q", w.image("p050_web"), w.events(cluster.EventRecovered))
		}
		is(t, w.source("main").Conditions, cluster.ConditionReady, cluster.StatusTrue, cluster.ReasonFetched)
	})
}

// What does not parse keeps its names: nobody takes them, wherever they stand.
func TestBrokenFileKeepsItsNamesAndHosts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _, repo := begun(t, cluster.Source{}, map[string]string{"a/maelstrom.yml": yml("shop", "web:1", "web"), "z/maelstrom.yml": yml("zoo", "z:1", "web")})
		repo.push(map[string]string{
			"a/maelstrom.yml": "name: [",
			"b/maelstrom.yml": yml("shop", "stolen:1", "web"),
			"c/maelstrom.yml": strings.ReplaceAll(yml("thief", "stolen:1", "web"), "web.thief.test", "web.shop.test"),
		})
		tick()
		if w.image("shop_web") != "web:1" || w.image("thief_web") != "" {
			t.Errorf("images %s, %s", w.image("shop_web"), w.image("thief_web"))
		}
		is(t, w.status("main", "b/maelstrom.yml").Conditions, cluster.ConditionSynced, cluster.StatusFalse, cluster.ReasonProjectTwice)
		is(t, w.status("main", "c/maelstrom.yml").Conditions, cluster.ConditionSynced, cluster.StatusFalse, cluster.ReasonHostConflict)
		// The broken file goes: its project does not, as b declares it.
		repo.push(map[string]string{"a/maelstrom.yml": ""})
		tick()
		if w.image("shop_web") != "stolen:1" {
			t.Errorf("moved: %s", w.image("shop_web"))
		}
	})
}

// A file moved and broken in one commit: nobody knows what it is, so nothing
// is removed.
func TestFileThatMovedAndBrokeIsNotAbsent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _, repo := begun(t, cluster.Source{}, mono(10))
		repo.push(map[string]string{"p003/maelstrom.yml": "", "moved/maelstrom.yml": "name: p003\ncomponents: {web: {image: [}}"})
		tick()
		if w.image("p003_web") == "" {
			t.Fatal("removed a project that may have moved")
		}
		is(t, w.status("main", "p003/maelstrom.yml").Conditions, cluster.ConditionPruneBlocked, cluster.StatusTrue, cluster.ReasonRemovalsHeld)
		repo.push(map[string]string{"moved/maelstrom.yml": yml("p003", "app:2", "web")})
		tick()
		if w.image("p003_web") != "app:2" {
			t.Errorf("image %s", w.image("p003_web"))
		}
		if _, left := w.snap().ProjectStatuses.Get(cluster.ProjectStatusKey("main", "p003/maelstrom.yml")); left {
			t.Error("the old file is still known")
		}
	})
}

func TestHostConflicts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		steal := func(name string) string {
			return strings.ReplaceAll(yml(name, "x:1", "web"), "web."+name+".test", "web.shop.test")
		}
		w, _, repo := begun(t, cluster.Source{}, map[string]string{"a.maelstrom.yml": yml("shop", "web:1", "web"), "z.maelstrom.yml": yml("zoo", "z:1", "web", "cage")})
		// The first owner keeps it, whatever the order of files.
		repo.push(map[string]string{"0.maelstrom.yml": steal("early")})
		tick()
		s := w.status("main", "0.maelstrom.yml")
		is(t, s.Conditions, cluster.ConditionStalled, cluster.StatusTrue, cluster.ReasonHostConflict)
		if len(s.Problems) == 0 || s.Problems[0].File != "0.maelstrom.yml" || s.Problems[0].Line != 9 {
			t.Errorf("problems %+v", s.Problems)
		}
		w.noWrites("conflict", func() { wait(20 * time.Minute) })
		// The owner goes, in one commit with nothing else: it is free at once.
		repo.push(map[string]string{"a.maelstrom.yml": ""})
		tick()
		if w.image("early_web") != "x:1" || w.image("shop_web") != "" {
			t.Errorf("freed: %q, %q", w.image("early_web"), w.image("shop_web"))
		}
		// Two that come together: neither gets it.
		both := func(name string) string {
			return strings.ReplaceAll(yml(name, "x:1", "web"), "web."+name+".test", "new.test")
		}
		repo.push(map[string]string{"m.maelstrom.yml": both("mine"), "y.maelstrom.yml": both("yours")})
		tick()
		for _, path := range []string{"m.maelstrom.yml", "y.maelstrom.yml"} {
			s := w.status("main", path)
			is(t, s.Conditions, cluster.ConditionSynced, cluster.StatusFalse, cluster.ReasonHostConflict)
			other := map[string]string{"m.maelstrom.yml": "y.maelstrom.yml:9", "y.maelstrom.yml": "m.maelstrom.yml:9"}[path]
			if len(s.Problems) == 0 || !strings.Contains(s.Problems[0].Message+s.Problems[0].Hint, other) {
				t.Errorf("%s does not name %s: %+v", path, other, s.Problems)
			}
		}
		repo.push(map[string]string{"y.maelstrom.yml": ""})
		tick()
		if w.image("mine_web") != "x:1" {
			t.Error("the only one left did not get it")
		}
	})
}

// A rename of a project moves its host in one commit, without a failure told.
func TestHostsMoveWithARenamedProject(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		files := mono(10)
		w, _, repo := begun(t, cluster.Source{}, files)
		repo.push(map[string]string{"p001/maelstrom.yml": strings.ReplaceAll(yml("fresh", "app:2", "web"), "web.fresh.test", "web.p001.test")})
		tick()
		if w.image("fresh_web") != "app:2" || w.image("p001_web") != "" {
			t.Errorf("images %q, %q; %+v", w.image("fresh_web"), w.image("p001_web"), w.status("main", "p001/maelstrom.yml"))
		}
		if got := w.events(cluster.EventFailed); len(got) > 0 {
			t.Errorf("told %q", got)
		}
	})
}

// Another source, or a user, frees what a project waits for.
func TestBlockedProjectIsJudgedAgainWhenTheOtherOneChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, n, repo := begun(t, cluster.Source{}, map[string]string{"maelstrom.yml": yml("shop", "web:1", "web")})
		other := w.declare(cluster.Source{Name: "other"})
		other.push(map[string]string{
			"maelstrom.yml":   strings.ReplaceAll(yml("blog", "x:1", "web"), "web.blog.test", "web.shop.test"),
			"b.maelstrom.yml": yml("shop", "mine:1", "other"), "c.maelstrom.yml": yml("calm", "c:1", "web", "two"),
		})
		tick()
		is(t, w.status("other", "maelstrom.yml").Conditions, cluster.ConditionSynced, cluster.StatusFalse, cluster.ReasonHostConflict)
		not := w.status("other", "b.maelstrom.yml")
		is(t, not.Conditions, cluster.ConditionStalled, cluster.StatusTrue, cluster.ReasonNotOwner)
		stalled, _ := conditionOf(not.Conditions, cluster.ConditionStalled)
		if !strings.Contains(stalled.Message, "--adopt --source other") {
			t.Errorf("message %q", stalled.Message)
		}
		before, _ := other.counts()
		w.noWrites("blocked", func() { wait(10 * time.Minute) })
		after, _ := other.counts()
		if after-before > 20 {
			t.Errorf("%d queries in ten minutes", after-before)
		}
		repo.push(map[string]string{"maelstrom.yml": strings.ReplaceAll(yml("shop", "web:1", "web"), "web.shop.test", "elsewhere.test")})
		must(t, n.Poke(t.Context(), "main"))
		wait(3 * time.Second)
		if got := w.image("blog_web"); got != "x:1" {
			t.Errorf("not judged again: %q", got)
		}
	})
}

func TestEmptyRepositoryMeetsTheBrake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _, repo := begun(t, cluster.Source{}, mono(3))
		tree := map[string]string{"new/maelstrom.yml": yml("fresh", "new:1", "web"), "README.md": "x"}
		for path := range mono(3) {
			tree[path] = ""
		}
		repo.push(tree)
		tick()
		if got := strings.Join(w.projects(), " "); got != "fresh p000 p001 p002" {
			t.Fatalf("projects %s: additions go on, removals wait", got)
		}
		source := w.source("main")
		is(t, source.Conditions, cluster.ConditionReady, cluster.StatusFalse, cluster.ReasonRemovalsHeld)
		is(t, w.status("main", "p000/maelstrom.yml").Conditions, cluster.ConditionPruneBlocked, cluster.StatusTrue, cluster.ReasonRemovalsHeld)
		if source.PlanHash == "" || len(source.Removals) != 9 || len(w.events(cluster.EventBrake)) != 1 {
			t.Errorf("plan %s %v, %q", source.PlanHash, source.Removals, w.events(cluster.EventBrake))
		}
		w.noWrites("held", func() { wait(20 * time.Minute) })

		// Another set of removals is another plan.
		old := source.PlanHash
		repo.push(map[string]string{"p000/maelstrom.yml": yml("p000", "app:1", "web")})
		w.control(cluster.ControlSource, "main", func(c *cluster.Control) { c.Approved = old })
		tick()
		if source = w.source("main"); len(w.projects()) == 4 && source.PlanHash == old {
			t.Fatalf("plan %s of %v", source.PlanHash, source.Removals)
		}
		if got := len(w.projects()); got < 4 {
			t.Fatalf("an approval of another plan removed something: %v", w.projects())
		}
	})
}

func TestApprovedRemovalsGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _, repo := begun(t, cluster.Source{}, mono(20))
		gone := map[string]string{}
		for i := range 7 {
			gone[fmt.Sprintf("p%03d/maelstrom.yml", i)] = ""
		}
		repo.push(gone)
		tick()
		hash := w.source("main").PlanHash
		if hash == "" || w.snap().Projects.Len() != 20 {
			t.Fatalf("plan %q, %d projects", hash, w.snap().Projects.Len())
		}
		// The database tears after three: the approval holds for the rest.
		applied := 0
		w.db.failWith(func(call string, _ int) error {
			if call == "ApplyProject" {
				if applied++; applied > 3 && applied < 6 {
					return errTorn
				}
			}
			return nil
		})
		w.control(cluster.ControlSource, "main", func(c *cluster.Control) { c.Approved = hash })
		tick()
		if got := w.snap().Projects.Len(); got != 13 {
			t.Errorf("%d projects, want 13", got)
		}
		source := w.source("main")
		is(t, source.Conditions, cluster.ConditionReady, cluster.StatusTrue, cluster.ReasonFetched)
		if source.PlanHash != "" || controlOf(w.snap(), cluster.ControlSource, "main").Control.Approved != "" {
			t.Errorf("the approval is left: %+v", source)
		}
		if got := len(w.events(cluster.EventRemoved)); got != 7 {
			t.Errorf("%d removals told", got)
		}
	})
}

// Removals inside of a project count too; what it adds goes on meanwhile.
func TestBrakeHoldsComponentsOfAProject(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		names := []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"}
		w, _, repo := begun(t, cluster.Source{}, map[string]string{"maelstrom.yml": yml("shop", "web:1", names...)})
		repo.push(map[string]string{"maelstrom.yml": yml("shop", "web:2", "a", "b", "k")})
		tick()
		if w.image("shop_a") != "web:2" || w.image("shop_k") != "web:2" || w.image("shop_j") != "web:1" {
			t.Errorf("images %s %s %s", w.image("shop_a"), w.image("shop_k"), w.image("shop_j"))
		}
		s := w.status("main", "maelstrom.yml")
		is(t, s.Conditions, cluster.ConditionSynced, cluster.StatusFalse, cluster.ReasonRemovalsHeld)
		if len(s.Removals) != 16 || w.source("main").Failing != 0 {
			t.Errorf("removals %v", s.Removals)
		}
		w.noWrites("held", func() { wait(20 * time.Minute) })
		w.control(cluster.ControlSource, "main", func(c *cluster.Control) { c.Approved = w.source("main").PlanHash })
		wait(3 * time.Second)
		if w.image("shop_j") != "" || w.image("shop_k") != "web:2" {
			t.Error("the approval did not count")
		}
		is(t, w.status("main", "maelstrom.yml").Conditions, cluster.ConditionSynced, cluster.StatusTrue, cluster.ReasonApplied)
	})
}

func TestPrunePolicies(t *testing.T) {
	for _, tt := range []struct {
		policy cluster.PrunePolicy
		left   int
		reason cluster.ConditionReason
	}{
		{cluster.PruneAuto, 19, ""},
		{"", 19, ""},
		{cluster.PruneNever, 20, cluster.ReasonPruneNever},
		{cluster.PruneConfirm, 20, cluster.ReasonRemovalsConfirm},
	} {
		t.Run(string(tt.policy), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, _, repo := begun(t, cluster.Source{Prune: tt.policy}, mono(20))
				repo.push(map[string]string{"p007/maelstrom.yml": "", "p008/maelstrom.yml": yml("p008", "app:1", "other")})
				tick()
				if got := w.snap().Projects.Len(); got != tt.left {
					t.Fatalf("%d projects, want %d", got, tt.left)
				}
				if kept := w.image("p008_web") != ""; kept != (tt.left == 20) || w.image("p008_other") == "" {
					t.Errorf("p008_web %q, p008_other %q", w.image("p008_web"), w.image("p008_other"))
				}
				if tt.reason != "" {
					is(t, w.status("main", "p007/maelstrom.yml").Conditions, cluster.ConditionPruneBlocked, cluster.StatusTrue, tt.reason)
				}
				w.noWrites("settled", func() { wait(20 * time.Minute) })
			})
		})
	}
}
