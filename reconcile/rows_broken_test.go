package reconcile_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"maelstrom/cluster"
)

// One of 500 files is broken: the others are applied, it stays as it was, its
// place is named, and nobody gets anything that is its.
func TestRowOneOf500FilesMalformed(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	const broken = "p250/maelstrom.yml"
	first := s.begin(cluster.Source{Name: "main"}, map[string]string{broken: yml("p250", "app:1", "web_x")})
	files := map[string]string{}
	for i := range 500 {
		files[fmt.Sprintf("p%03d/maelstrom.yml", i)] = yml(fmt.Sprintf("p%03d", i), "app:2", "web_x")
	}
	files[broken] = "name: p250\ncomponents:\n  web_x:\n\timage: app:2\n"
	second := s.push("main", files)

	stored := s.images()
	others := slices.DeleteFunc(slices.Clone(stored), func(row string) bool { return !strings.HasSuffix(row, "=app:2") })
	if len(stored) != 500 || len(others) != 499 || s.image("p250_web_x") != "app:1" {
		t.Errorf("%d are stored, %d as pushed, the broken one has %q", len(stored), len(others), s.image("p250_web_x"))
	}
	if row, _ := s.now().EventSources.Get("p250_web_x-http"); row == nil || row.Spec.HTTP.Hostname != host("p250", "web_x") {
		t.Errorf("the host of the broken one: %+v", row)
	}
	s.stalled("main", broken, cluster.ReasonParseError, broken+":4:1")
	status := s.status("main", broken)
	if status.Project != "p250" || status.LastGood != first || status.Attempted != second || len(status.Problems) == 0 ||
		status.Problems[0].Line != 4 || status.Problems[0].Column != 1 {
		t.Errorf("status %+v", status)
	}
	c := s.ready("main", cluster.StatusFalse, cluster.ReasonProjectsFailing)
	if !strings.HasPrefix(c.Message, "1 of 500 projects") || !strings.Contains(c.Message, broken+":4:1") {
		t.Errorf("source says %q", c.Message)
	}
	s.told(1, cluster.EventFailed, "failed p250:", broken+":4:1")

	s.push("main", map[string]string{
		"a-host/maelstrom.yml": at(yml("thief", "stolen:1", "web"), "thief", "web", host("p250", "web_x")),
		"a-name/maelstrom.yml": yml("p250", "stolen:1", "other"),
		"a-join/maelstrom.yml": yml("p250_web", "stolen:1", "x"),
	})
	if got := s.images(); !slices.Equal(got, stored) {
		t.Errorf("somebody took what is the broken one's: %d are stored, %s", len(got), s.image("p250_web_x"))
	}
	s.stalled("main", "a-host/maelstrom.yml", cluster.ReasonHostConflict, "a-host/maelstrom.yml:8", "p250")
	s.stalled("main", "a-name/maelstrom.yml", cluster.ReasonProjectTwice, broken)
	s.stalled("main", "a-join/maelstrom.yml", cluster.ReasonNameConflict, "p250_web_x")
	s.push("main", map[string]string{
		broken:                 yml("p250", "app:3", "web_x"),
		"a-host/maelstrom.yml": "", "a-name/maelstrom.yml": "", "a-join/maelstrom.yml": "",
	})
	s.ready("main", cluster.StatusTrue, cluster.ReasonFetched)
	if got := s.image("p250_web_x"); got != "app:3" {
		t.Errorf("mended, it has %q", got)
	}
	s.told(0, cluster.EventRemoved)
}

// A file that can't be parsed has the name it had: what is known of it is
// stored, so a node that never saw it whole knows too.
func TestRowUnparseableFileIsUnknownNotAbsent(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	first := s.begin(cluster.Source{Name: "main"}, map[string]string{
		"shop/maelstrom.yml": yml("shop", "web:1", "web"), "blog/maelstrom.yml": yml("blog", "blog:1", "web"), "zoo/maelstrom.yml": yml("zoo", "zoo:1", "web"),
	})
	s.push("main", map[string]string{"shop/maelstrom.yml": "{{ not: yaml"})
	s.restart()
	s.push("main", map[string]string{
		"another/maelstrom.yml": yml("shop", "stolen:1", "web"),
		"never/maelstrom.yml":   "[",
		"zoo/maelstrom.yml":     yml("zoo", "zoo:2", "web"),
	})
	s.stores("blog_web=blog:1", "shop_web=web:1", "zoo_web=zoo:2")
	if status := s.status("main", "shop/maelstrom.yml"); status.Project != "shop" || status.LastGood != first {
		t.Errorf("status %+v", status)
	}
	s.stalled("main", "shop/maelstrom.yml", cluster.ReasonParseError, "shop/maelstrom.yml:1:")
	s.stalled("main", "another/maelstrom.yml", cluster.ReasonProjectTwice, "shop/maelstrom.yml")
	s.stalled("main", "never/maelstrom.yml", cluster.ReasonParseError, "never/maelstrom.yml:1:")
	if status := s.status("main", "never/maelstrom.yml"); status.Project != "" || status.LastGood != "" {
		t.Errorf("a file without any name: %+v", status)
	}

	// A project whose file is gone may be the one that nobody can read.
	s.push("main", map[string]string{"blog/maelstrom.yml": ""})
	s.stores("blog_web=blog:1", "shop_web=web:1", "zoo_web=zoo:2")
	is(t, "blog", s.status("main", "blog/maelstrom.yml").Conditions, cluster.ConditionPruneBlocked, cluster.StatusTrue, cluster.ReasonRemovalsHeld)
	s.push("main", map[string]string{"never/maelstrom.yml": yml("blog", "blog:2", "web"), "another/maelstrom.yml": "", "shop/maelstrom.yml": yml("shop", "web:2", "web")})
	s.stores("blog_web=blog:2", "shop_web=web:2", "zoo_web=zoo:2")
	s.told(0, cluster.EventRemoved)
	s.ready("main", cluster.StatusTrue, cluster.ReasonFetched)
}
