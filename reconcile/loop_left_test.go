package reconcile

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"maelstrom/cluster"
)

// with is a project of one component that has a host of another one.
func with(name, component, host string) string {
	return strings.ReplaceAll(yml(name, "app:2", component), component+"."+name+".test", host)
}

// Renaming all that a source has is no mistake: as much comes as goes.
func TestOnlyComponentOrProjectIsRenamed(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"component":   {"maelstrom.yml": with("shop", "app", "web.shop.test")},
		"project":     {"maelstrom.yml": with("fresh", "web", "web.shop.test")},
		"file":        {"maelstrom.yml": "", "fresh/maelstrom.yml": with("fresh", "web", "web.shop.test")},
		"both":        {"maelstrom.yml": with("fresh", "app", "web.shop.test")},
		"moved hosts": {"maelstrom.yml": with("fresh", "app", "new.test")},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, _, repo := begun(t, cluster.Source{}, map[string]string{"maelstrom.yml": yml("shop", "web:1", "web")})
				repo.push(files)
				tick()
				snap := w.snap()
				if w.image("shop_web") != "" || snap.Components.Len() != 1 || snap.EventSources.Len() != 1 {
					t.Errorf("shop_web %q, %d components", w.image("shop_web"), snap.Components.Len())
				}
				is(t, w.source("main").Conditions, cluster.ConditionReady, cluster.StatusTrue, cluster.ReasonFetched)
				if got := w.events(cluster.EventFailed, cluster.EventBrake); len(got) > 0 {
					t.Errorf("told %q", got)
				}
			})
		})
	}
}

// What waits to be removed is in the way of what replaces it: it is the removal
// that is told, with all that it takes to let it go.
func TestRenameUnderTheBrakeTellsWhatToApprove(t *testing.T) {
	names := []string{"a", "b", "c", "d", "e", "f"}
	replace := func(name string, to func(string) string) string {
		text := yml(name, "app:2", "a", "b", "c", "d", "e", "f")
		for _, n := range names {
			text = strings.ReplaceAll(text, "  "+n+":\n", "  "+to(n)+":\n")
			text = strings.ReplaceAll(text, n+"-http:", to(n)+"-http:")
			text = strings.ReplaceAll(text, n+"."+name+".test", n+".shop.test")
		}
		return text
	}
	for name, text := range map[string]string{
		"components": replace("shop", func(n string) string { return n + "x" }),
		"project":    replace("fresh", func(n string) string { return n }),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, _, repo := begun(t, cluster.Source{}, map[string]string{"maelstrom.yml": yml("shop", "web:1", names...), "b.maelstrom.yml": yml("blog", "b:1", "web")})
				repo.push(map[string]string{"maelstrom.yml": text, "b.maelstrom.yml": "name: ["})
				tick()
				source, s := w.source("main"), w.status("main", "maelstrom.yml")
				if source.PlanHash == "" || w.image("shop_a") != "web:1" {
					t.Fatalf("plan %q, image %q", source.PlanHash, w.image("shop_a"))
				}
				is(t, s.Conditions, cluster.ConditionSynced, cluster.StatusFalse, cluster.ReasonRemovalsHeld)
				is(t, s.Conditions, cluster.ConditionStalled, cluster.StatusFalse, cluster.ReasonRemovalsHeld)
				is(t, s.Conditions, cluster.ConditionPruneBlocked, cluster.StatusTrue, cluster.ReasonRemovalsHeld)
				blocked, _ := conditionOf(s.Conditions, cluster.ConditionPruneBlocked)
				ready, _ := conditionOf(source.Conditions, cluster.ConditionReady)
				for what, text := range map[string]string{"the project": blocked.Message, "the source": ready.Message} {
					if !strings.Contains(text, "--approve-prune "+source.PlanHash) {
						t.Errorf("%s does not say what to do: %s", what, text)
					}
				}
				if ready.Reason != cluster.ReasonProjectsFailing || !strings.Contains(ready.Message, "1 of ") {
					t.Errorf("ready %+v", ready)
				}
				w.noWrites("held", func() { wait(10 * time.Minute) })
				w.control(cluster.ControlSource, "main", func(c *cluster.Control) { c.Approved = source.PlanHash })
				tick()
				if got := w.snap().Components.Len(); got != 7 || w.image("shop_a") != "" {
					t.Errorf("%d components, shop_a %q", got, w.image("shop_a"))
				}
				is(t, w.status("main", "maelstrom.yml").Conditions, cluster.ConditionSynced, cluster.StatusTrue, cluster.ReasonApplied)
			})
		})
	}
}

func TestRenameThatNothingIsRemovedForSaysSo(t *testing.T) {
	for name, text := range map[string]string{
		"component": with("shop", "app", "web.shop.test"),
		"project":   with("fresh", "web", "web.shop.test"),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, _, repo := begun(t, cluster.Source{Prune: cluster.PruneNever}, map[string]string{"maelstrom.yml": yml("shop", "web:1", "web")})
				repo.push(map[string]string{"maelstrom.yml": text})
				tick()
				s := w.status("main", "maelstrom.yml")
				is(t, s.Conditions, cluster.ConditionStalled, cluster.StatusTrue, cluster.ReasonPruneNever)
				is(t, s.Conditions, cluster.ConditionPruneBlocked, cluster.StatusTrue, cluster.ReasonPruneNever)
				if c, _ := conditionOf(s.Conditions, cluster.ConditionStalled); !strings.Contains(c.Message, "never prunes") {
					t.Errorf("message %q", c.Message)
				}
				w.declare(cluster.Source{Name: "main"})
				wait(3 * time.Second)
				is(t, w.source("main").Conditions, cluster.ConditionReady, cluster.StatusTrue, cluster.ReasonFetched)
				if w.snap().Components.Len() != 1 || w.image("shop_web") != "" {
					t.Error("not renamed once the source prunes")
				}
			})
		})
	}
}

// A file that declares another project, which can't be stored, does not lose
// the one that it had.
func TestProjectOfAFileStaysUntilItsSuccessorIsStored(t *testing.T) {
	for name, successor := range map[string]string{
		"a host of somebody else":         with("fresh", "web", "web.p002.test"),
		"one of somebody else, one of it": strings.ReplaceAll(with("fresh", "web", "web.p001.test"), "name: fresh\n", "name: fresh\n") + "  more:\n    image: m\n    eventsources:\n      m:\n        http: {hostname: web.p002.test}\n",
		"the name of somebody else":       yml("p002", "app:2", "web"),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, n, repo := begun(t, cluster.Source{}, mono(10))
				path := "p001/maelstrom.yml"
				repo.push(map[string]string{path: successor})
				tick()
				if w.image("p001_web") != "app:1" || w.image("fresh_web") != "" || w.image("p002_web") != "app:1" {
					t.Fatalf("images %q, %q, %q", w.image("p001_web"), w.image("fresh_web"), w.image("p002_web"))
				}
				if !isTrue(w.status("main", path).Conditions, cluster.ConditionStalled) {
					t.Errorf("status %+v", w.status("main", path))
				}
				left := w.status("main", path+"#p001")
				is(t, left.Conditions, cluster.ConditionPruneBlocked, cluster.StatusTrue, cluster.ReasonRemovalsHeld)
				if c, _ := conditionOf(left.Conditions, cluster.ConditionPruneBlocked); !strings.Contains(c.Message, path) {
					t.Errorf("message %q", c.Message)
				}
				n.stop()
				w.noWrites("restart", func() { w.start("a", true, ReconcilerOptions{}); wait(10 * time.Minute) })
				// Broken meanwhile, it still stays.
				repo.push(map[string]string{path: "name: ["})
				tick()
				if w.image("p001_web") != "app:1" {
					t.Fatal("removed as its file broke")
				}
				repo.push(map[string]string{path: with("fresh", "web", "web.p001.test")})
				tick()
				if w.image("p001_web") != "" || w.image("fresh_web") != "app:2" {
					t.Errorf("in the end %q, %q", w.image("p001_web"), w.image("fresh_web"))
				}
				is(t, w.source("main").Conditions, cluster.ConditionReady, cluster.StatusTrue, cluster.ReasonFetched)
			})
		})
	}
}

// Two projects that are renamed, each to what the other one had: both go at
// once, and nothing waits for ever.
func TestRenamedProjectsSwapHosts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _, repo := begun(t, cluster.Source{}, mono(10))
		repo.push(map[string]string{"p001/maelstrom.yml": with("one", "web", "web.p002.test"), "p002/maelstrom.yml": with("two", "web", "web.p001.test")})
		tick()
		if got := fmt.Sprint(w.image("one_web"), w.image("two_web"), w.image("p001_web"), w.image("p002_web")); got != "app:2app:2" {
			t.Errorf("images %s", got)
		}
	})
}
