package gitsource

import (
	"strings"
	"testing"

	"maelstrom/cluster"
	"maelstrom/reconcile/gitsource/gittest"
)

func TestRefs(t *testing.T) {
	server := gittest.NewHTTP(t, gittest.Options{})
	repo := server.Repo("shop")
	one := repo.Push(map[string]string{"a": "1"})
	repo.Tag("v1.2.0")
	repo.AnnotatedTag("v1.10.0")
	repo.Tag("both")
	repo.Tag("v3.0.0-rc.1")
	repo.Tag("not-a-version")
	two := repo.Push(map[string]string{"a": "2"})
	repo.AnnotatedTag("2.0.1")
	repo.Branch("feature/x")
	repo.Branch("both")
	repo.Branch("1.x")

	for name, want := range map[string][2]string{
		"":                   {two, "refs/heads/main"},
		"main":               {two, "refs/heads/main"},
		"feature/x":          {two, "refs/heads/feature/x"},
		"v1.2.0":             {one, "refs/tags/v1.2.0"},
		"v1.10.0":            {one, "refs/tags/v1.10.0"},
		"2.0.1":              {two, "refs/tags/2.0.1"},
		"both":               {two, "refs/heads/both"},
		"refs/tags/both":     {one, "refs/tags/both"},
		"refs/heads/both":    {two, "refs/heads/both"},
		"1.x":                {two, "refs/heads/1.x"},
		"^1.2":               {one, "refs/tags/v1.10.0"},
		"~1.2.0":             {one, "refs/tags/v1.2.0"},
		">=1.0.0":            {two, "refs/tags/2.0.1"},
		">=1.0.0 <2":         {one, "refs/tags/v1.10.0"},
		"*":                  {two, "refs/tags/2.0.1"},
		"1.2.x":              {one, "refs/tags/v1.2.0"},
		">=3.0.0-0":          {one, "refs/tags/v3.0.0-rc.1"},
		one:                  {one, ""},
		strings.ToUpper(one): {one, ""},
	} {
		o := open(t, server, "shop", ref(name))
		r := resolve(t, o)
		if r.Revision != want[0] || r.Ref != want[1] {
			t.Errorf("%q: %+v, not %v", name, r, want)
			continue
		}
		if got := files(t, fetchTree(t, o, r.Revision, "").Tree)["a"]; got != map[string]string{one: "1", two: "2"}[want[0]] {
			t.Errorf("%q: file %q", name, got)
		}
	}
	for name, words := range map[string][]string{
		"v2":      {`"v2"`, "its branches: 1.x, both, feature/x, main"}, // no range: it may have been a tag
		">=4":     {"no tag is in the range", "it has 6 tags"},
		"missing": {`"missing"`},
		"=>oops":  {"no range"},
		"main~1":  {"main~1"},
	} {
		_, err := open(t, server, "shop", ref(name)).Resolve(t.Context())
		wantReason(t, err, cluster.ReasonRefNotFound, true, words...)
	}
}

func TestAnEmptyRepository(t *testing.T) {
	for name, server := range servers(t) {
		t.Run(name, func(t *testing.T) {
			server.Repo("shop")
			for _, name := range []string{"", "main"} {
				_, err := open(t, server, "shop", ref(name)).Resolve(t.Context())
				wantReason(t, err, cluster.ReasonRefNotFound, true, "the repository is empty")
			}
		})
	}
}

func TestADeletedBranch(t *testing.T) {
	server := gittest.NewHTTP(t, gittest.Options{})
	repo := server.Repo("shop")
	repo.Push(map[string]string{"a": "1"})
	repo.Branch("live")
	repo.Branch("other")
	o, byDefault := open(t, server, "shop", ref("live")), open(t, server, "shop")
	resolve(t, o)
	repo.DeleteRef("live")
	repo.DeleteRef("main")
	later := New(Options{CacheDir: t.TempDir(), Share: 1})
	o, byDefault = openAt(t, later, server, "shop", ref("live")), openAt(t, later, server, "shop")
	_, err := o.Resolve(t.Context())
	wantReason(t, err, cluster.ReasonRefNotFound, true, `"live"`, "other")
	_, err = byDefault.Resolve(t.Context())
	wantReason(t, err, cluster.ReasonRefNotFound, true, "default branch", "other")
}

func TestACommitThatIsNoTip(t *testing.T) {
	for name, server := range servers(t) {
		t.Run(name, func(t *testing.T) {
			repo := server.Repo("shop")
			old := repo.Push(map[string]string{"a": "1"})
			repo.Push(map[string]string{"a": "2"})
			tip := repo.Push(map[string]string{"a": "3"})
			for _, allowed := range []string{"false", "true"} {
				repo.Config("uploadpack.allowReachableSHA1InWant", allowed)
				o := open(t, server, "shop")
				fetchTree(t, o, tip, "")
				if got := files(t, fetchTree(t, o, old, tip).Tree)["a"]; got != "1" {
					t.Errorf("allowed %s: file %q", allowed, got)
				}
			}
			o := open(t, server, "shop")
			_, err := o.Fetch(t.Context(), strings.Repeat("1", 40), "")
			wantReason(t, err, cluster.ReasonRefNotFound, true, "not there any more")
		})
	}
}
