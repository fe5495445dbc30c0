package project

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestConflictsBetweenFiles(t *testing.T) {
	load := func(file, text string) Loaded {
		loaded := Load(Input{File: file, Data: []byte(text)})
		if loaded.Project == nil {
			t.Fatal(problemText(loaded.Problems))
		}
		return loaded
	}
	loaded := []Loaded{
		load("a.yml", "name: s\ncomponents:\n  web_api:\n    image: x\n    eventsources:\n      one: {http: {hostname: A.example.com, pathprefix: /x}}\n      two: {http: {pathprefix: /}}\n"),
		load("b.yml", "name: s_web\ncomponents:\n  api:\n    image: x\n    eventsources:\n      one:\n        http:\n          hostname: a.example.com.\n          pathprefix: /x\n"),
		load("c.yml", "name: S\ncomponents:\n  other: {image: x}\n"),
		load("d.yml", "name: d\ncomponents:\n  web:\n    image: x\n    eventsources: {s_two: {http: {hostname: a.example.com, pathprefix: /y}}, any: {http: {pathprefix: /}}}\n"),
		{Problems: []Problem{{Severity: Error}}},
	}
	var got []string
	for _, p := range Conflicts(loaded) {
		got = append(got, p.Rule+" "+p.String())
		if p.Severity != Error {
			t.Errorf("only a warning: %v", p)
		}
	}
	want := []string{
		"MAEL021 b.yml:3:3: components.api: the full name s_web_api is taken by components.web_api (a.yml:3); rename one of the two; a full name is the project, _ and the name",
		"MAEL043 b.yml:8:21: components.api.eventsources.one.http.hostname: host \"a.example.com\" with path prefix \"/x\" is wanted by components.web_api.eventsources.one (a.yml:6) too; change hostname or pathprefix of one of the two",
		"MAEL048 c.yml:1:7: name: the project s stands in a.yml:1 as well; rename one of the two, or put both into one file",
		"MAEL043 d.yml:5:103: components.web.eventsources.any.http.pathprefix: host \"\" with path prefix \"/\" is wanted by components.web_api.eventsources.two (a.yml:7) too; change hostname or pathprefix of one of the two",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(strings.Join(got, "\n"), diff)
	}
}

func TestWildcardsThatCoverHosts(t *testing.T) {
	load := func(file, name string, routes ...string) Loaded {
		text := "name: " + name + "\ncomponents:\n  web:\n    image: x\n    eventsources:\n"
		for i, route := range routes {
			host, prefix, _ := strings.Cut(route, " ")
			text += fmt.Sprintf("      e%d: {http: {hostname: %q, pathprefix: %q}}\n", i, host, prefix)
		}
		loaded := Load(Input{File: file, Data: []byte(text)})
		if loaded.Project == nil {
			t.Fatal(problemText(loaded.Problems))
		}
		return loaded
	}
	loaded := []Loaded{
		load("a.yml", "a", "shop.example.com /", "Deep.Shop.example.com. /x", "shop.example.org /y", "example.com /", "*.shop.example.com /"),
		load("b.yml", "b", "*.example.com /", "own.example.com /", "*.example.org /x", "*.com /other"),
		load("c.yml", "c", "[2001:db8::1] /", "*.shop.example.org /x/y"),
	}
	var got []string
	for _, p := range Conflicts(loaded) {
		got = append(got, fmt.Sprintf("%s %s %s:%d:%d %s: %s", p.Rule, p.Severity, p.File, p.Line, p.Column, p.Path, p.Message))
	}
	want := []string{
		"MAEL056 warning a.yml:6:29 components.web.eventsources.e0.http.hostname: *.example.com of components.web.eventsources.e0 (b.yml:6) covers this host as well",
		"MAEL056 warning a.yml:7:29 components.web.eventsources.e1.http.hostname: *.example.com of components.web.eventsources.e0 (b.yml:6) covers this host as well",
		"MAEL056 warning a.yml:9:29 components.web.eventsources.e3.http.hostname: *.com of components.web.eventsources.e3 (b.yml:9) covers this host as well",
		"MAEL056 warning a.yml:10:29 components.web.eventsources.e4.http.hostname: *.example.com of components.web.eventsources.e0 (b.yml:6) covers this host as well",
		"MAEL056 warning c.yml:7:29 components.web.eventsources.e1.http.hostname: *.example.org of components.web.eventsources.e2 (b.yml:8) covers this host as well",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
