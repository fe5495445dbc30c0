package main

import (
	"regexp"
	"testing"

	"pgregory.net/rapid"
)

func TestProjectNames(t *testing.T) {
	for dir, want := range map[string]string{
		"shop": "shop", "My Shop.v2": "my-shop-v2", "my_shop": "my_shop", "a_-b": "a-b", "__x__": "x", "ünïcode": "n-code",
		"a-very-long-directory-name": "a-very-long-director", "...": "project", "/": "project", "2024": "2024",
	} {
		if got := projectName(dir); got != want {
			t.Errorf("projectName(%q) = %q, want %q", dir, got, want)
		}
	}
}

// Whatever the directory is called, init writes a valid file.
func TestInitIsAlwaysValid(t *testing.T) {
	a, _, stderr := testApp(nil)
	rapid.Check(t, func(t *rapid.T) {
		dir := rapid.OneOf(rapid.String(), rapid.StringMatching(`[a-zA-Z0-9_. -]{0,30}`)).Draw(t, "dir")
		opt := initOptions{file: "maelstrom.yml", name: projectName(dir)}
		if err := opt.fill(); err != nil {
			t.Fatal(err)
		}
		if _, err := opt.text(a); err != nil {
			t.Fatalf("%v: %s", err, stderr)
		}
		if !regexp.MustCompile(`^[a-z0-9_-]{1,20}$`).MatchString(opt.name) {
			t.Fatalf("named %q", opt.name)
		}
	})
}
