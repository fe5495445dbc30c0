package images

import (
	"slices"
	"testing"

	"maelstrom/project"
	"maelstrom/runtime"
	"maelstrom/runtime/images/registrytest"
)

func TestPruneRules(t *testing.T) {
	const sum = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	cases := []struct {
		name     string
		pulled   string // name that the image "1" was pulled by; empty: it was not
		image    runtime.Image
		declared string
		keep     []string
		all      bool // undeclared ones as well
		want     string
	}{
		{name: "not ours", image: runtime.Image{}, all: true},
		{name: "not ours, with a name", image: runtime.Image{Names: []string{"web:1"}}, all: true},
		{name: "lost its name", pulled: "web:1", want: "1"},
		{name: "lost its name, in use", pulled: "web:1", image: runtime.Image{InUse: true}},
		{name: "lost its name, kept by name", pulled: "web:1", keep: []string{"web*"}, want: "1"},
		{name: "lost its name, declared by digest", pulled: "web:1", image: runtime.Image{Digests: []string{"web@" + sum}}, declared: "web@" + sum},
		{name: "lost its name to somebody else's", pulled: "web:1", image: runtime.Image{Names: []string{"backup:1"}}, all: true},
		{name: "undeclared, by default", pulled: "web:1", image: runtime.Image{Names: []string{"web:1"}}},
		{name: "undeclared", pulled: "web:1", image: runtime.Image{Names: []string{"web:1"}}, all: true, want: "web:1"},
		{name: "undeclared, in use", pulled: "web:1", image: runtime.Image{Names: []string{"web:1"}, InUse: true}, all: true},
		{name: "undeclared, somebody named it too", pulled: "web:1", image: runtime.Image{Names: []string{"web:1", "mine:1"}}, all: true},
		{name: "declared", pulled: "web:1", image: runtime.Image{Names: []string{"web:1"}}, declared: "web:1", all: true},
		{name: "another tag is declared", pulled: "web:1", image: runtime.Image{Names: []string{"web:1"}}, declared: "web:2", all: true, want: "web:1"},
		{name: "declared without :latest", pulled: "web", image: runtime.Image{Names: []string{"web:latest"}}, declared: "web", all: true},
		{name: "declared with :latest", pulled: "web", image: runtime.Image{Names: []string{"web:latest"}}, declared: "web:latest", all: true},
		{name: "declared in full", pulled: "web:1", image: runtime.Image{Names: []string{"web:1"}}, declared: "docker.io/library/web:1", all: true},
		{name: "declared with tag and digest", pulled: "web@" + sum, image: runtime.Image{Digests: []string{"web@" + sum}}, declared: "web:1@" + sum, all: true},
		{name: "pulled by digest", pulled: "web@" + sum, image: runtime.Image{Digests: []string{"web@" + sum}}, all: true, want: "web@" + sum},
		{name: "pulled by digest, by default", pulled: "web@" + sum, image: runtime.Image{Digests: []string{"web@" + sum}}},
		{name: "kept", pulled: "web:1", image: runtime.Image{Names: []string{"web:1"}}, keep: []string{"web:1"}, all: true},
		{name: "kept without :latest", pulled: "web", image: runtime.Image{Names: []string{"web:latest"}}, keep: []string{"web"}, all: true},
		{name: "kept with :latest", pulled: "web", image: runtime.Image{Names: []string{"web:latest"}}, keep: []string{"web:latest"}, all: true},
		{name: "kept by its beginning", pulled: "r.example/shop/web:1", image: runtime.Image{Names: []string{"r.example/shop/web:1"}}, keep: []string{"r.example/*"}, all: true},
		{name: "kept by its end", pulled: "r.example/shop/web:1", image: runtime.Image{Names: []string{"r.example/shop/web:1"}}, keep: []string{"*/web:1"}, all: true},
		{name: "kept by its middle", pulled: "r.example/shop/web:1", image: runtime.Image{Names: []string{"r.example/shop/web:1"}}, keep: []string{"*shop*"}, all: true},
		{name: "others are kept", pulled: "web:1", image: runtime.Image{Names: []string{"web:1"}}, keep: []string{"we", "eb:1", "*x*", "web:11"}, all: true, want: "web:1"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var recorded []pulled
			if c.pulled != "" {
				recorded = append(recorded, pulled{Name: c.pulled, ID: "1"}, pulled{Name: "gone:1", ID: "2"})
			}
			c.image.ID = "1"
			rule := pruneRule{keep: c.keep, undeclared: c.all}
			if c.declared != "" {
				rule.declared = []string{c.declared}
			}
			var got, want []string
			for _, r := range prunable(recorded, []runtime.Image{c.image}, rule) {
				got = append(got, r.reference)
			}
			if c.want != "" {
				want = []string{c.want}
			}
			if !slices.Equal(got, want) {
				t.Errorf("removes %q, want %q", got, want)
			}
		})
	}
}

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		pattern, text string
		want          bool
	}{
		{"", "", true}, {"a", "a", true}, {"a", "ab", false}, {"*", "", true}, {"*", "abc", true},
		{"a*", "abc", true}, {"*c", "abc", true}, {"a*c", "abc", true}, {"a*c", "ac", true}, {"ab*bc", "abc", false},
		{"*b*", "abc", true}, {"a*b*c", "axbxc", true}, {"a*b*c", "acb", false}, {"**", "x", true},
	} {
		if got := matches(c.pattern, c.text); got != c.want {
			t.Errorf("matches(%q, %q) = %t", c.pattern, c.text, got)
		}
	}
}

// What a node has fetched itself goes, whatever else is on the engine stays.
func TestPruneRealImages(t *testing.T) {
	registry := registrytest.New(t)
	at := func(name string) string { return registry.Host + "/" + name }
	d, _ := realDepot(t, Options{Prune: PruneOptions{Undeclared: true, Keep: []string{"*/kept:*"}}}, registry.Host)
	pull := func(name string) string {
		t.Helper()
		if err := d.Pull(t.Context(), order(withLogin(at(name)))); err != nil {
			t.Fatal(err)
		}
		found, err := d.deps.Engine.Image(t.Context(), at(name))
		if err != nil {
			t.Fatal(err)
		}
		return found.ID
	}
	for _, name := range []string{"moved:1", "dropped:1", "declared:latest", "kept:1", "used:1", "named:1", "others:1"} {
		registry.Push(t, name, registrytest.Image{Note: name, Program: []byte("x")})
	}
	superseded := pull("moved:1")
	registry.Push(t, "moved:1", registrytest.Image{Note: "newer"})
	others := t.TempDir()
	writeConfig(t, others, map[string]any{"auths": map[string]any{registry.Host: map[string]any{"auth": basicAuth()}}})
	runDocker(t, "--config", others, "pull", at("others:1")) // by somebody else
	for _, name := range []string{"moved:1", "dropped:1", "declared:latest", "kept:1", "used:1", "named:1", "others:1"} {
		pull(name)
	}
	runDocker(t, "tag", at("named:1"), at("copy:1"))
	container := runDocker(t, "create", at("used:1"))
	defer runDocker(t, "rm", container)
	d.deps.Feed = newDeclared(component("shop_a", at("moved:1")), component("shop_b", at("declared")))

	again := New(d.opt, d.deps) // what was fetched is remembered
	again.Prune(t.Context())

	for name, want := range map[string]bool{
		superseded: false, at("dropped:1"): false,
		at("moved:1"): true, at("declared:latest"): true, at("kept:1"): true, at("used:1"): true,
		at("named:1"): true, at("copy:1"): true, at("others:1"): true,
	} {
		if got := d.here(t, name); got != want {
			t.Errorf("%s is here: %t, want %t", name, got, want)
		}
	}
	if n := len(again.record.images()); n != 5 {
		t.Errorf("record %+v", again.record.images())
	}
	again.Prune(t.Context())
	if !d.here(t, at("moved:1")) {
		t.Error("the second prune removed what is declared")
	}
}

// Without a database nobody knows what is declared.
func TestNothingIsPrunedFromACopyOfTheState(t *testing.T) {
	registry := registrytest.New(t)
	name := registry.Host + "/web:1"
	registry.Push(t, "web:1", registrytest.Image{Note: "copy"})
	d, _ := realDepot(t, Options{Prune: PruneOptions{Undeclared: true}}, registry.Host)
	if err := d.Pull(t.Context(), order(withLogin(name))); err != nil {
		t.Fatal(err)
	}
	feed := newDeclared(&project.Component{Name: "shop_web", Image: "other"})
	feed.restored()
	d.deps.Feed = feed
	if d.Prune(t.Context()); !d.here(t, name) {
		t.Fatal("it was removed")
	}
	d.deps.Feed = newDeclared()
	if d.Prune(t.Context()); d.here(t, name) {
		t.Fatal("it was not removed")
	}
}
