package reconcile_test

import (
	"strings"
	"testing"

	"maelstrom/cluster"
	"maelstrom/project"
	"maelstrom/reconcile"
)

// Who had a host first keeps it, whatever the order of files and sources.
func TestRowHostOfAnotherProject(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.declare(cluster.Source{Name: "main"})
	shop := host("shop", "web")
	s.push("main", map[string]string{"m.maelstrom.yml": yml("shop", "web:1", "web"), "z.maelstrom.yml": yml("zoo", "zoo:1", "web")})
	s.push("main", map[string]string{
		"a.maelstrom.yml": at(yml("early", "x:1", "web", "b"), "early", "web", shop),
		"b.maelstrom.yml": strings.ReplaceAll(at(yml("beside", "y:1", "web"), "beside", "web", shop), shop, shop+"\n          pathprefix: /beside"),
	})
	s.stores("beside_web=y:1", "shop_web=web:1", "zoo_web=zoo:1")
	s.stalled("main", "a.maelstrom.yml", cluster.ReasonHostConflict, "a.maelstrom.yml:8", "m.maelstrom.yml:8")

	s.begin(cluster.Source{Name: "aaa"}, map[string]string{"maelstrom.yml": at(yml("other", "o:1", "web"), "other", "web", shop)})
	s.stalled("aaa", "maelstrom.yml", cluster.ReasonHostConflict, "maelstrom.yml:8", "shop")

	// The owner gives it up: of those who wait, one has it at once.
	s.push("main", map[string]string{"m.maelstrom.yml": at(yml("shop", "web:1", "web"), "shop", "web", "moved.test")})
	s.until("somebody has the host", func(snap *cluster.Snapshot) bool {
		_, early := snap.Components.Get("early_web")
		_, other := snap.Components.Get("other_web")
		return early != other
	})
}

// Two that come together with one host get nothing, until one gives way.
func TestRowHostOfTwoNewProjects(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	mine, yours := at(yml("mine", "m:1", "web"), "mine", "web", "new.test"), at(yml("yours", "y:1", "a", "web"), "yours", "web", "NEW.test.")
	s.begin(cluster.Source{Name: "main"}, map[string]string{"mine.maelstrom.yml": mine, "yours.maelstrom.yml": yours, "z.maelstrom.yml": yml("zoo", "zoo:1", "web")})
	s.stores("zoo_web=zoo:1")
	s.stalled("main", "mine.maelstrom.yml", cluster.ReasonHostConflict, "mine.maelstrom.yml:8", "yours.maelstrom.yml:14")
	s.stalled("main", "yours.maelstrom.yml", cluster.ReasonHostConflict, "yours.maelstrom.yml:14", "mine.maelstrom.yml:8")
	s.told(2, cluster.EventFailed, "is not synced")

	s.push("main", map[string]string{"yours.maelstrom.yml": yml("yours", "y:2", "a", "web")})
	s.stores("mine_web=m:1", "yours_a=y:2", "yours_web=y:2", "zoo_web=zoo:1")
	s.told(2, cluster.EventRecovered)
	s.ready("main", cluster.StatusTrue, cluster.ReasonFetched)
}

// Two projects change places: a host moves within one commit, both ways.
func TestRowHostsThatMoveInOneCommit(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.begin(cluster.Source{Name: "main"}, map[string]string{"a.maelstrom.yml": yml("a", "a:1", "web"), "b.maelstrom.yml": yml("b", "b:1", "web"), "c.maelstrom.yml": yml("c", "c:1", "web")})
	s.push("main", map[string]string{
		"a.maelstrom.yml": at(yml("a", "a:2", "web"), "a", "web", host("b", "web")),
		"b.maelstrom.yml": at(yml("b", "b:2", "web"), "b", "web", host("c", "web")),
		"c.maelstrom.yml": at(yml("c", "c:2", "web"), "c", "web", "fresh.test"),
	})
	s.stores("a_web=a:2", "b_web=b:2", "c_web=c:2")
	s.told(0, cluster.EventFailed)
}

// A wildcard that covers the host of another is told, and nothing is refused.
func TestRowWildcardOverlapIsAWarning(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.begin(cluster.Source{Name: "main"}, map[string]string{
		"all.maelstrom.yml": at(yml("all", "all:1", "web"), "all", "web", `"*.wide.test"`), "one.maelstrom.yml": at(yml("one", "one:1", "web"), "one", "web", "one.wide.test"),
		"calm.maelstrom.yml": yml("calm", "calm:1", "web"),
	})
	s.stores("all_web=all:1", "calm_web=calm:1", "one_web=one:1")
	s.ready("main", cluster.StatusTrue, cluster.ReasonFetched)
	warned := s.status("main", "one.maelstrom.yml").Warnings + s.status("main", "all.maelstrom.yml").Warnings
	if calm := s.status("main", "calm.maelstrom.yml").Warnings; warned <= calm*2 {
		t.Errorf("%d warnings about an overlap, %d without", warned, calm)
	}
}

// One name in two files: neither, unless one had it.
func TestRowProjectInTwoFiles(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.begin(cluster.Source{Name: "main"}, map[string]string{
		"a/maelstrom.yml": yml("twin", "a:1", "web"), "b/maelstrom.yml": yml("twin", "b:1", "web"), "m/maelstrom.yml": yml("shop", "m:1", "web"),
	})
	s.stores("shop_web=m:1")
	s.stalled("main", "a/maelstrom.yml", cluster.ReasonProjectTwice, "a/maelstrom.yml:1", "b/maelstrom.yml:1")
	s.stalled("main", "b/maelstrom.yml", cluster.ReasonProjectTwice, "b/maelstrom.yml:1", "a/maelstrom.yml:1")

	s.push("main", map[string]string{"a/maelstrom.yml": yml("shop", "stolen:1", "web"), "m/maelstrom.yml": yml("shop", "m:2", "web")})
	s.stores("shop_web=m:2", "twin_web=b:1")
	s.stalled("main", "a/maelstrom.yml", cluster.ReasonProjectTwice, "a/maelstrom.yml:1", "m/maelstrom.yml:1")
}

// One name in two sources, and one that was applied by hand: who has it keeps
// it, and only an adoption hands it over.
func TestRowProjectOfAnotherOwner(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	applier := &reconcile.Applier{Store: s.db}
	mustApply(t, applier, loaded(t, yml("hand", "hand:1", "web")))
	s.begin(cluster.Source{Name: "one"}, map[string]string{"maelstrom.yml": yml("shop", "one:1", "web"), "k.maelstrom.yml": yml("keep", "keep:1", "web")})
	s.begin(cluster.Source{Name: "two"}, map[string]string{"s.maelstrom.yml": yml("shop", "two:1", "web"), "h.maelstrom.yml": yml("hand", "two:1", "web"), "t.maelstrom.yml": yml("two", "two:1", "web")})
	before := []string{"hand_web=hand:1", "keep_web=keep:1", "shop_web=one:1", "two_web=two:1"}
	s.stores(before...)
	s.stalled("two", "s.maelstrom.yml", cluster.ReasonNotOwner, "the project shop is of source one, which declares it in maelstrom.yml", "maelctl project apply --adopt --source two")
	s.stalled("two", "h.maelstrom.yml", cluster.ReasonNotOwner, "the project hand was applied by hand;", "maelctl project apply --adopt --source two")

	// What is not its own, a source neither changes nor removes.
	s.push("two", map[string]string{"h.maelstrom.yml": ""})
	s.stores(before...)
	for name, text := range map[string]string{"shop": yml("shop", "two:1", "web"), "hand": yml("hand", "two:1", "web")} {
		adopt := loaded(t, text)
		adopt.Source, adopt.TakeOver, adopt.RequestID = "two", true, "adopt "+name
		mustApply(t, applier, adopt)
	}
	s.push("two", map[string]string{"h.maelstrom.yml": yml("hand", "two:2", "web"), "s.maelstrom.yml": yml("shop", "two:2", "web")})
	s.stores("hand_web=two:2", "keep_web=keep:1", "shop_web=two:2", "two_web=two:1")
	s.ready("two", cluster.StatusTrue, cluster.ReasonFetched)
	s.push("one", map[string]string{"maelstrom.yml": yml("shop", "one:2", "web")})
	s.stalled("one", "maelstrom.yml", cluster.ReasonNotOwner, "--adopt --source one")
	s.push("one", map[string]string{"maelstrom.yml": ""})
	s.stores("hand_web=two:2", "keep_web=keep:1", "shop_web=two:2", "two_web=two:1")
	s.told(0, cluster.EventRemoved)
}

// a_b + c and a + b_c are one full name: validation of a batch, diff and apply
// refuse it and name both.
func TestRowNamesThatJoinToOne(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	long, short := yml("a_b", "long:1", "c"), yml("a", "short:1", "b_c")
	s.begin(cluster.Source{Name: "main"}, map[string]string{"long.maelstrom.yml": long, "short.maelstrom.yml": short, "z.maelstrom.yml": yml("zoo", "zoo:1", "web")})
	s.stores("zoo_web=zoo:1")
	s.stalled("main", "long.maelstrom.yml", cluster.ReasonNameConflict, "a_b_c", "long.maelstrom.yml:3", "short.maelstrom.yml:3")
	s.stalled("main", "short.maelstrom.yml", cluster.ReasonNameConflict, "a_b_c", "long.maelstrom.yml:3", "short.maelstrom.yml:3")

	s.push("main", map[string]string{"long.maelstrom.yml": ""})
	s.stores("a_b_c=short:1", "zoo_web=zoo:1")
	s.push("main", map[string]string{"long.maelstrom.yml": long})
	s.stalled("main", "long.maelstrom.yml", cluster.ReasonNameConflict, "a_b_c", "long.maelstrom.yml:3", "short.maelstrom.yml:3")

	applier := &reconcile.Applier{Store: s.db}
	if _, err := applier.Diff(t.Context(), loaded(t, long)); err == nil || !strings.Contains(err.Error(), "a_b_c") {
		t.Errorf("diff says %v", err)
	}
	if _, err := applier.Apply(t.Context(), loaded(t, long)); err == nil || !strings.Contains(err.Error(), "a_b_c") {
		t.Errorf("apply says %v", err)
	}
	both := []project.Loaded{
		project.Load(project.Input{File: "long.yml", Data: []byte(long)}), project.Load(project.Input{File: "short.yml", Data: []byte(short)}),
	}
	if found := project.Conflicts(both); len(found) == 0 || !strings.Contains(found[0].Message, "a_b_c") || !strings.Contains(found[0].Message, "long.yml:3") {
		t.Errorf("validate says %v", found)
	}
}

// A project that moves to a file which is in conflict stays as it is, and is
// not forgotten: it goes when that file does.
func TestRowProjectOfAFileInConflictIsNotForgotten(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]string{"the file goes": "", "the file declares another": yml("other", "other:1", "web")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.begin(cluster.Source{Name: "main"}, map[string]string{"a/maelstrom.yml": yml("shop", "shop:1", "web"), "z/maelstrom.yml": yml("zoo", "zoo:1", "web", "cage")})
			s.push("main", map[string]string{"a/maelstrom.yml": "", "b/maelstrom.yml": at(yml("shop", "shop:2", "web"), "shop", "web", host("zoo", "web"))})
			s.stores("shop_web=shop:1", "zoo_cage=zoo:1", "zoo_web=zoo:1")
			s.stalled("main", "b/maelstrom.yml", cluster.ReasonHostConflict, "z/maelstrom.yml:8")
			s.push("main", map[string]string{"b/maelstrom.yml": end})
			if end == "" {
				s.stores("zoo_cage=zoo:1", "zoo_web=zoo:1")
			} else {
				s.stores("other_web=other:1", "zoo_cage=zoo:1", "zoo_web=zoo:1")
			}
			s.ready("main", cluster.StatusTrue, cluster.ReasonFetched)
		})
	}
}

// Two projects that swap their hosts in one commit wait for each other, as each
// is stored by itself. It takes a commit in which one gives way.
func TestRowHostsThatChangePlaces(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.begin(cluster.Source{Name: "main"}, map[string]string{"a.maelstrom.yml": yml("a", "a:1", "web"), "b.maelstrom.yml": yml("b", "b:1", "web"), "c.maelstrom.yml": yml("c", "c:1", "web")})
	swapped := map[string]string{
		"a.maelstrom.yml": at(yml("a", "a:2", "web"), "a", "web", host("b", "web")),
		"b.maelstrom.yml": at(yml("b", "b:2", "web"), "b", "web", host("a", "web")),
		"c.maelstrom.yml": yml("c", "c:2", "web"),
	}
	s.push("main", swapped)
	s.stores("a_web=a:1", "b_web=b:1", "c_web=c:2")
	s.stalled("main", "a.maelstrom.yml", cluster.ReasonHostConflict, "a.maelstrom.yml:8", "project b")
	s.stalled("main", "b.maelstrom.yml", cluster.ReasonHostConflict, "b.maelstrom.yml:8", "project a")
	s.push("main", map[string]string{"a.maelstrom.yml": at(yml("a", "a:3", "web"), "a", "web", "between.test")})
	s.stores("a_web=a:3", "b_web=b:2", "c_web=c:2")
	s.push("main", swapped)
	s.stores("a_web=a:2", "b_web=b:2", "c_web=c:2")
	s.ready("main", cluster.StatusTrue, cluster.ReasonFetched)
}
