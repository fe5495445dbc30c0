package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// refsWorld is a repository with a branch to compare.
func refsWorld(t *testing.T) *setWorld {
	t.Helper()
	dir := t.TempDir()
	w := &setWorld{t: t, home: dir, mine: filepath.Join(dir, "repo")}
	w.git(dir, "init", "--quiet", "--initial-branch=main", "repo")
	w.git(w.mine, "config", "user.name", "ann")
	w.git(w.mine, "config", "user.email", "ann@example.com")
	w.write(w.mine, "shop/maelstrom.yml", "name: shop\nenvfile: shop.env\ncomponents:\n  web:\n    image: web:1\n    maxconcurrency: 2\n    crontab: |\n      0 3 * * * /tidy\n  old: {image: old}\n")
	w.write(w.mine, "shop/shop.env", "A=1\nTOKEN=one\n")
	w.write(w.mine, "shop/maelstrom.prod.yml", "components: {web: {image: web:p1}}\n")
	w.write(w.mine, "same/maelstrom.yml", "name: same\ncomponents: {web: {image: a, maxconcurrency: 2, eventsources: {h: {http: {hostname: same.test}}}}}\n")
	w.write(w.mine, "gone/maelstrom.yml", "name: gone\ncomponents: {web: {image: a, maxconcurrency: 2}}\n")
	w.write(w.mine, "frail/maelstrom.yml", "name: frail\ncomponents: {web: {image: a, maxconcurrency: 2}}\n")
	w.git(w.mine, "add", ".")
	w.git(w.mine, "commit", "--quiet", "--message", "Begin")
	w.git(w.mine, "checkout", "--quiet", "-b", "feature")
	w.write(w.mine, "shop/maelstrom.yml", "name: shop\nenvfile: shop.env\ncomponents:\n  web:\n    image: web:2\n    maxconcurrency: 2\n    crontab: |\n      TZ=Europe/Berlin 0 4 * * * /tidy\n")
	w.write(w.mine, "shop/shop.env", "TOKEN=two\n")
	w.git(w.mine, "rm", "--quiet", "-r", "gone")
	w.write(w.mine, "new/maelstrom.yml", "name: new\ncomponents: {web: {image: a, maxconcurrency: 2}}\n")
	w.git(w.mine, "add", ".")
	w.git(w.mine, "commit", "--quiet", "--message", "Change")
	return w
}

// diff runs `maelctl project diff` in the repository, on a machine without git
// and without a daemon.
func (w *setWorld) diff(args ...string) int {
	w.t.Helper()
	cmd := exec.Command(filepath.Join(program, "maelctl"), append([]string{"project", "diff"}, args...)...)
	cmd.Dir = w.mine
	cmd.Env = []string{"PATH=/nowhere", "HOME=" + w.home, "MAEL_DATA_DIR=" + w.home + "/no-daemon"}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	w.stdout, w.stderr = stdout.String(), stderr.String()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		w.t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode()
}

func (w *setWorld) wants(code int, texts []string, args ...string) {
	w.t.Helper()
	if got := w.diff(args...); got != code {
		w.t.Errorf("%v: exit code %d, want %d\n%s%s", args, got, code, w.stdout, w.stderr)
	}
	for _, want := range texts {
		if !strings.Contains(w.stdout+w.stderr, want) {
			w.t.Errorf("%v: %q is missing in\n%s%s", args, want, w.stdout, w.stderr)
		}
	}
}

func TestDiffOfRevisions(t *testing.T) {
	t.Parallel()
	w := refsWorld(t)
	w.wants(exitOK, []string{
		"gone removed  gone/maelstrom.yml\n", "new added  new/maelstrom.yml\n", "shop changed  shop/maelstrom.yml\n",
		"component shop_old (old)  shop/maelstrom.yml:9, before\n",
		"image: web:1 -> web:2  shop/maelstrom.yml:5\n", "environment[A]: 1 -> (none)",
		"environment[TOKEN]: (sensitive) #", "-> (sensitive, changed) #", "+01:00", "(Europe/Berlin)\n",
		"Projects: 1 added, 1 changed, 1 removed. Plan: 1 to add, 2 to change (1 restart), 2 to remove\n",
	}, "--base", "main", "--head", "feature")
	if strings.Contains(w.stdout, "same") || strings.Contains(w.stdout, "two") {
		t.Errorf("too much is told:\n%s", w.stdout)
	}
	w.wants(exitChanges, nil, "--base", "main", "--detailed-exitcode")
	w.wants(exitOK, []string{"0 added, 0 changed, 0 removed"}, "--base", "main", "--head", "main", "--detailed-exitcode")
	w.wants(exitOK, []string{"0 added, 1 changed, 0 removed"}, "--base", "main", "-f", "shop/maelstrom.yml")
	w.wants(exitOK, []string{"1 added, 0 changed, 0 removed"}, "--base", "main", "-r", "new")
	w.wants(exitOK, []string{"## Changes from `main (", "### Project `gone` removed", "`image`: `web:1` → `web:2` — shop/maelstrom.yml:5"}, "--base", "main", "-o", "md")
	w.wants(exitInvalid, []string{"nope"}, "--base", "nope")
	w.wants(exitInvalid, []string{"no such file in main or HEAD"}, "--base", "main", "-f", "shop/nope.yml")
	for _, args := range [][]string{{"--head", "x"}, {"-r", "x"}, {"--base", "main", "--save-plan", "x"}, {"--base", "main", "--prune", "never"}, {"--base", "main", "-f", "x", "-r", "x"}, {"--base", "main", "--tz", "Mars"}} {
		w.wants(exitUsage, nil, args...)
	}
}

func TestDiffOfRevisionsIsADocument(t *testing.T) {
	t.Parallel()
	w := refsWorld(t)
	w.wants(exitOK, nil, "--base", "main", "-o", "json")
	var doc struct {
		FormatVersion string `json:"format_version"`
		Projects      []struct {
			Project, Status, File string
			Components            struct {
				Removed []struct {
					Name, File, Side string
					Line             int
				}
			}
		}
		Summary struct{ Added, Changed, Removed, Invalid int }
	}
	if err := json.Unmarshal([]byte(w.stdout), &doc); err != nil {
		t.Fatal(err)
	}
	if doc.FormatVersion != "1.0" || len(doc.Projects) != 3 || doc.Summary.Removed != 1 {
		t.Fatalf("%+v", doc)
	}
	if gone := doc.Projects[2].Components.Removed[0]; gone.Side != "old" || gone.File != "shop/maelstrom.yml" || gone.Line != 9 {
		t.Errorf("%+v", gone)
	}
}

func TestDiffOfRevisionsTellsWhatIsWrong(t *testing.T) {
	t.Parallel()
	w := refsWorld(t)
	w.write(w.mine, "frail/maelstrom.yml", "name: frail\ncomponents: {web: {imag: a}}\n")
	w.write(w.mine, "rival/maelstrom.yml", "name: rival\ncomponents: {web: {image: a, maxconcurrency: 2, eventsources: {h: {http: {hostname: same.test}}}}}\n")
	w.git(w.mine, "add", ".")
	w.git(w.mine, "commit", "--quiet", "--message", "Break")
	for _, format := range []string{"text", "json", "md"} {
		w.wants(exitInvalid, []string{"frail/maelstrom.yml", "unknown key"}, "--base", "main", "-o", format, "--detailed-exitcode")
		if strings.Contains(w.stdout, "frail removed") {
			t.Errorf("a broken file counts as removed:\n%s", w.stdout)
		}
	}
	w.wants(exitInvalid, []string{"frail/maelstrom.yml:2:20: ", "rival/maelstrom.yml:2:", "same/maelstrom.yml:2"}, "--base", "main")
	// Broken before, good now: nothing is wrong with head.
	w.wants(exitOK, nil, "--base", "feature", "--head", "main")
}

func TestDiffOfRevisionsWithAnOverlay(t *testing.T) {
	t.Parallel()
	w := refsWorld(t)
	w.write(w.mine, "shop/maelstrom.prod.yml", "components: {web: {image: web:p2}}\n")
	w.git(w.mine, "commit", "--quiet", "--all", "--message", "Production")
	w.wants(exitOK, []string{"image: web:p1 -> web:p2  shop/maelstrom.prod.yml:1\n"}, "--base", "main", "--overlay", "prod")
	w.write(w.mine, "shop/maelstrom.yml", "name: shop\ncomponents: {web: {image: web:1, maxconcurrency: 2, environment: ['TAG=${TAG}']}}\n")
	w.git(w.mine, "commit", "--quiet", "--all", "--message", "Variable")
	w.wants(exitInvalid, []string{"TAG is not set"}, "--base", "main")
	w.wants(exitOK, []string{"TAG is not set", "warning"}, "--base", "main", "--allow-unset")
	env := filepath.Join(w.home, "tag.env")
	if err := os.WriteFile(env, []byte("TAG=7\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.wants(exitOK, []string{"environment[TAG]: (none) -> 7"}, "--base", "main", "--env", env)
}
