package project

import (
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
		"MAEL043 b.yml:8:21: components.api.eventsources.one.http.hostname: the same hostname and pathprefix as components.web_api.eventsources.one (a.yml:6); change hostname or pathprefix of one of the two",
		"MAEL048 c.yml:1:7: name: the project s stands in a.yml:1 as well; rename one of the two, or put both into one file",
		"MAEL043 d.yml:5:103: components.web.eventsources.any.http.pathprefix: the same hostname and pathprefix as components.web_api.eventsources.two (a.yml:7); change hostname or pathprefix of one of the two",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(strings.Join(got, "\n"), diff)
	}
}
