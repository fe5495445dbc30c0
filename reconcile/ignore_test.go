package reconcile

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestIgnoreRules(t *testing.T) {
	for _, test := range []struct {
		rules, file string
		dir         bool
		want        bool
	}{
		{"a.yml", "x/a.yml", false, true},
		{"/a.yml", "x/a.yml", false, false},
		{"x/a.yml", "x/a.yml", false, true},
		{"x/a.yml", "y/x/a.yml", false, false},
		{"**/x/a.yml", "y/x/a.yml", false, true},
		{"x/**", "x/y/z", false, true},
		{"a/**/b", "a/b", false, true},
		{"a/**/b", "a/x/y/b", false, true},
		{"build/", "build", false, false},
		{"build/", "build", true, true},
		{"*.yml\n!keep.yml", "keep.yml", false, false},
		{"# a comment\n\\#file", "#file", false, true},
		{"\\!file", "!file", false, true},
		{"blank\\ ", "blank ", false, true},
		{"blank  ", "blank", false, true},
		{"[a-c]x", "bx", false, true},
		{"[!a-c]x", "bx", false, false},
		{"[[:digit:]]", "7", false, true},
		{"[]]", "]", false, true},
		{"[", "[", false, false},
		{"crlf\r\nlf", "crlf", false, true},
		{"\uFEFFbom", "bom", false, true},
		{"???", "\u20ac", false, true}, // bytes, not runes
		{"x\\", "x\\", false, false},
	} {
		var i Ignores
		i.Add("", []byte(test.rules))
		if _, got := i.Match(test.file, test.dir); got != test.want {
			t.Errorf("%q ignores %s: %v", test.rules, test.file, got)
		}
	}
}

func TestDeeperIgnoreFilesWin(t *testing.T) {
	var i Ignores
	i.Add("", []byte("\n*.yml\n"))
	i.Add("a", []byte("!b/x.yml"))
	for file, want := range map[string]string{"x.yml": ".maelignore:2", "a/x.yml": ".maelignore:2", "a/b/x.yml": "", "a/x": ""} {
		by, ignored := i.Match(file, false)
		if ignored != (want != "") || ignored && by != want {
			t.Errorf("%s is ignored by %q (%v), want %q", file, by, ignored, want)
		}
	}
}

// No pattern makes matching slow: this one takes a backtracking matcher years.
func TestManyStarsAreQuick(t *testing.T) {
	var i Ignores
	i.Add("", []byte(strings.Repeat("*a", 60)+"b"))
	if _, ignored := i.Match(strings.Repeat("a", 250), false); ignored {
		t.Error("it matches")
	}
}

// ignoreLine generates lines that say much about few names.
func ignoreLine() *rapid.Generator[string] {
	part := rapid.SampledFrom([]string{
		"a", "b", "ab", "*", "**", "***", "?", "/", "/**/", "**/", "/**", "[ab]", "[!a]", "[^b]", "[a-b]", "[]a]", "[", "[[:alpha:]]", "[[:x:]]", "[a\\]b]", "\\a", "\\", "\\*", "!", "#", " ", "\\ ", "-", "]", "c*", "*.c",
	})
	return rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(part, 1, 5).Draw(t, "parts"), "")
	})
}

func TestIgnoresAreThoseOfGit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "ignore")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		files := rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) string {
			name := rapid.SampledFrom([]string{"a", "b", "ab", "ba", "a b", "a.c", "[", "!a", "#a", "*", "a ", "-", "]"})
			return strings.Join(rapid.SliceOfN(name, 1, 4).Draw(t, "names"), "/")
		}), 1, 12, rapid.ID).Draw(t, "files")
		rules := map[string]string{}
		for _, in := range []string{"", "a", "b", "a/b"} {
			if rapid.IntRange(0, 3).Draw(t, "has rules") == 0 || in == "" {
				rules[in] = strings.Join(rapid.SliceOfN(ignoreLine(), 1, 4).Draw(t, "lines"), "\n")
			}
		}
		compareWithGit(t, dir, files, rules)
	})
}

func compareWithGit(t *rapid.T, dir string, files []string, rules map[string]string) {
	run := func(stdin string, args ...string) []byte {
		cmd := exec.Command("git", args...)
		cmd.Dir, cmd.Stdin = dir, strings.NewReader(stdin)
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
		out, err := cmd.Output()
		if exit, ok := err.(*exec.ExitError); err != nil && (!ok || exit.ExitCode() != 1) {
			t.Fatalf("git %v: %v", args, err)
		}
		return out
	}
	run("", "init", "-q")
	for _, file := range files {
		os.MkdirAll(filepath.Join(dir, filepath.Dir(file)), 0o755) // a file may be in the way: then it is not made
		if _, err := os.Stat(filepath.Join(dir, file)); err != nil {
			os.WriteFile(filepath.Join(dir, file), nil, 0o644)
		}
	}
	var i Ignores
	for in, text := range rules {
		if err := os.WriteFile(filepath.Join(dir, in, ".gitignore"), []byte(text), 0o644); err == nil {
			i.Add(in, []byte(text))
		}
	}
	want := strings.Split(strings.TrimSuffix(string(run(everything(dir), "check-ignore", "--no-index", "-z", "--stdin")), "\x00"), "\x00")
	if want[0] == "" {
		want = nil
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, ignoredBelow(dir, "", &i, false)); diff != "" {
		t.Errorf("rules %q (-git +ours):\n%s", rules, diff)
	}
}

// everything is each path below dir, as git wants to read them.
func everything(dir string) string {
	var all bytes.Buffer
	filepath.WalkDir(dir, func(name string, e os.DirEntry, err error) error {
		if e.Name() == ".git" {
			return filepath.SkipDir
		}
		if rel, _ := filepath.Rel(dir, name); rel != "." && err == nil {
			all.WriteString(rel + "\x00")
		}
		return err
	})
	return all.String()
}

func ignoredBelow(dir, in string, i *Ignores, all bool) []string {
	var out []string
	entries, _ := os.ReadDir(filepath.Join(dir, in))
	for _, e := range entries {
		name := filepath.Join(in, e.Name())
		if name == ".git" {
			continue
		}
		ignored := all
		if !all {
			_, ignored = i.Match(name, e.IsDir())
		}
		if ignored {
			out = append(out, name)
		}
		if e.IsDir() {
			out = append(out, ignoredBelow(dir, name, i, ignored)...)
		}
	}
	slices.Sort(out)
	return out
}

func FuzzIgnore(f *testing.F) {
	for _, seed := range []string{"*.yml\n!a.yml\n", "a/**/b/", "[[:alpha:]-z]\\", "foo**/bar", "\xff[\x00-\xff]"} {
		f.Add(seed, "a/b/c.yml")
	}
	f.Fuzz(func(t *testing.T, rules, file string) {
		if !fs.ValidPath(file) || file == "." {
			return
		}
		var i Ignores
		i.Add("", []byte(rules))
		i.Add(parent(file), []byte(rules))
		by, ignored := i.Match(file, false)
		if ignored && !strings.Contains(by, IgnoreFile+":") {
			t.Errorf("ignored by %q", by)
		}
		if _, dir := i.Match(file, true); ignored && !dir && !strings.Contains(rules, "!") {
			t.Error("what is ignored as a file is not as a directory")
		}
	})
}
