package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// setWorld is a repository on a server, a clone of it where `project set` runs,
// and a clone of somebody else.
type setWorld struct {
	t                   *testing.T
	home, mine, theirs  string
	stdout, stderr, env string
}

const setFile = `# The shop.
name: shop
components:
  web:  # serves
    image: "web:1"   # by CI
    maxconcurrency: 2
  worker: {image: worker:1}
`

func newSetWorld(t *testing.T) *setWorld {
	t.Helper()
	dir := t.TempDir()
	w := &setWorld{t: t, home: dir, mine: filepath.Join(dir, "mine"), theirs: filepath.Join(dir, "theirs")}
	w.git(dir, "init", "--quiet", "--bare", "--initial-branch=main", "server.git")
	for _, clone := range []string{w.mine, w.theirs} {
		w.git(dir, "clone", "--quiet", "server.git", clone)
		w.git(clone, "config", "user.name", filepath.Base(clone))
		w.git(clone, "config", "user.email", filepath.Base(clone)+"@example.com")
	}
	w.write(w.mine, "shop/maelstrom.yml", setFile)
	w.write(w.mine, "blog/maelstrom.yml", "name: blog\ncomponents: {web: {image: blog:1, maxconcurrency: 2}}\n")
	w.write(w.mine, "other.txt", "one\n")
	w.git(w.mine, "checkout", "--quiet", "-B", "main")
	w.git(w.mine, "add", ".")
	w.git(w.mine, "commit", "--quiet", "--message", "Begin")
	w.git(w.mine, "push", "--quiet", "--set-upstream", "origin", "main")
	w.git(w.theirs, "pull", "--quiet", "origin", "main")
	return w
}

func (w *setWorld) git(dir string, args ...string) string {
	w.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "HOME="+w.home)
	out, err := cmd.CombinedOutput()
	if err != nil {
		w.t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

func (w *setWorld) write(dir, path, text string) {
	w.t.Helper()
	path = filepath.Join(dir, path)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
		w.t.Fatal(err)
	}
}

func (w *setWorld) read(dir, path string) string {
	w.t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, path))
	if err != nil {
		w.t.Fatal(err)
	}
	return string(data)
}

// set runs `maelctl project set` in the clone, and returns its exit code.
func (w *setWorld) set(args ...string) int {
	w.t.Helper()
	cmd := exec.Command(filepath.Join(program, "maelctl"), append([]string{"project", "set"}, args...)...)
	cmd.Dir = w.mine
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "HOME="+w.home)
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

func (w *setWorld) mustSet(args ...string) {
	w.t.Helper()
	if code := w.set(args...); code != exitOK {
		w.t.Fatalf("exit code %d\n%s%s", code, w.stdout, w.stderr)
	}
}

// refused runs a set that must fail and leave everything as it was.
func (w *setWorld) refused(code int, message string, args ...string) {
	w.t.Helper()
	before := w.state()
	if got := w.set(args...); got != code || !strings.Contains(w.stderr, message) {
		w.t.Errorf("%v: exit code %d, want %d with %q\n%s%s", args, got, code, message, w.stdout, w.stderr)
	}
	if after := w.state(); after != before {
		w.t.Errorf("%v left\n%s\nit was\n%s", args, after, before)
	}
}

// state is all of the clone that a failed set must leave as it was.
func (w *setWorld) state() string {
	return w.git(w.mine, "rev-parse", "HEAD") + w.git(w.mine, "status", "--porcelain", "--untracked-files=all") +
		w.git(w.mine, "diff", "HEAD") + w.git(w.mine, "diff", "--cached") + w.git(w.mine, "stash", "list")
}

// rival makes the other clone push a commit whenever a push of ours begins, for
// the first times.
func (w *setWorld) rival(times int, edit string) {
	w.t.Helper()
	hook := fmt.Sprintf(`#!/bin/sh
set -e
unset $(git rev-parse --local-env-vars)
count=$(cat %[1]s/count 2>/dev/null || echo 0)
[ "$count" -lt %[2]d ] || exit 0
echo $((count + 1)) >%[1]s/count
cd %[3]s
git pull --quiet origin main
%[4]s
git commit --quiet --all --message "Rival $count"
git push --quiet origin HEAD:main
`, w.home, times, w.theirs, edit)
	path := filepath.Join(w.mine, ".git/hooks/pre-push")
	if err := os.WriteFile(path, []byte(hook), 0o755); err != nil {
		w.t.Fatal(err)
	}
}

func (w *setWorld) served(path string) string {
	return w.git(w.home+"/server.git", "show", "main:"+path)
}

func TestSetInPlace(t *testing.T) {
	t.Parallel()
	w := newSetWorld(t)
	w.mustSet("shop", "image", "web=web:2", "shop_worker=worker:2")
	want := strings.NewReplacer("web:1", "web:2", "worker:1", "worker:2").Replace(setFile)
	if got := w.read(w.mine, "shop/maelstrom.yml"); got != want {
		t.Errorf("got\n%s", got)
	}
	if w.stdout != "Set in shop/maelstrom.yml.\n" {
		t.Errorf("it says %q", w.stdout)
	}
	w.mustSet("shop", "image", "web=web:2")
	if w.stdout != "shop: nothing to change.\n" {
		t.Errorf("it says %q", w.stdout)
	}
	w.refused(exitNotFound, "no component \"wep\"", "shop", "image", "wep=web:2")
	w.refused(exitNotFound, "no file below", "shp", "image", "web=web:2")
	w.refused(exitNotFound, "is the file of project blog", "shop", "image", "web=web:2", "-f", "blog/maelstrom.yml")
	w.refused(exitInvalid, "is not an image reference", "shop", "image", "web=Web:2")
	w.refused(exitUsage, "is not COMPONENT=REF", "shop", "image", "web")
	w.refused(exitUsage, "set twice", "shop", "image", "web=a", "WEB=b")
	w.refused(exitUsage, "write the project", "shop", "web=a")
	w.refused(exitUsage, "--push", "shop", "image", "web=a", "--branch", "x")
	w.refused(exitUsage, "--commit", "shop", "image", "web=a", "--message", "x")

	w.write(w.mine, "shop/maelstrom.prod.yml", "components: {web: {image: web:1}}\n")
	w.mustSet("shop", "image", "web=web:3", "worker=worker:3", "--overlay", "prod")
	if w.read(w.mine, "shop/maelstrom.prod.yml") != "components: {web: {image: web:3}}\n" || !strings.Contains(w.read(w.mine, "shop/maelstrom.yml"), "worker:3") {
		t.Error("the overlay has not the image of web, or the base not that of worker")
	}
	w.write(w.mine, "shop/maelstrom.yml", setFile+"nonsense: true\n")
	w.refused(exitInvalid, "nothing was written", "shop", "image", "web=web:9", "-f", "shop/maelstrom.yml")
	w.refused(exitNotFound, "not valid: shop/maelstrom.yml", "shop", "image", "web=web:9")
}

func TestSetCommitsNothingElse(t *testing.T) {
	t.Parallel()
	w := newSetWorld(t)
	w.write(w.mine, "other.txt", "changed\n")
	w.write(w.mine, "staged.txt", "staged\n")
	w.git(w.mine, "add", "staged.txt")
	before := w.git(w.mine, "status", "--porcelain")
	w.mustSet("shop", "image", "web=web:2", "--commit")
	if got := w.git(w.mine, "show", "--name-only", "--format=%s|%an"); got != "shop: Set web to web:2|mine\n\nshop/maelstrom.yml" {
		t.Errorf("the commit is %q", got)
	}
	if after := w.git(w.mine, "status", "--porcelain"); after != before {
		t.Errorf("left %q, was %q", after, before)
	}
	head := w.git(w.mine, "rev-parse", "HEAD")
	w.mustSet("shop", "image", "web=web:2", "--commit", "--skip-ci")
	if w.git(w.mine, "rev-parse", "HEAD") != head {
		t.Error("a commit without a change")
	}
	w.mustSet("shop", "image", "web=web:3", "--commit", "--skip-ci", "--message", "Release 3")
	if got := w.git(w.mine, "log", "-1", "--format=%B"); got != "Release 3 [skip ci]" {
		t.Errorf("the message is %q", got)
	}
}

func TestSetRefusesToCommit(t *testing.T) {
	t.Parallel()
	w := newSetWorld(t)
	w.write(w.mine, "shop/maelstrom.yml", setFile+"# mine\n")
	w.refused(exitConflict, "changes that are not committed", "shop", "image", "web=web:2", "--commit")
	w.refused(exitConflict, "changes that are not committed", "shop", "image", "web=web:2", "--push")
	w.git(w.mine, "checkout", "--quiet", ".")
	hook := filepath.Join(w.mine, ".git/hooks/pre-commit")
	if err := os.WriteFile(hook, []byte("#!/bin/sh\necho no commits today >&2\nexit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	w.refused(exitConflict, "no commits today", "shop", "image", "web=web:2", "--commit")
	if err := os.Remove(hook); err != nil {
		t.Fatal(err)
	}
	w.git(w.mine, "checkout", "--quiet", "--detach")
	w.refused(exitConflict, "HEAD is detached", "shop", "image", "web=web:2", "--commit")
	w.refused(exitConflict, "HEAD is detached", "shop", "image", "web=web:2", "--push")
	w.mustSet("shop", "image", "web=web:2", "--push", "--branch", "main")
	if !strings.Contains(w.served("shop/maelstrom.yml"), `"web:2"`) {
		t.Error("not pushed")
	}
}

func TestSetPushes(t *testing.T) {
	t.Parallel()
	w := newSetWorld(t)
	w.mustSet("shop", "image", "web=web:2", "--push")
	if !strings.Contains(w.served("shop/maelstrom.yml"), `"web:2"`) || !strings.HasPrefix(w.stdout, "Set and pushed as ") {
		t.Errorf("not pushed: %s", w.stdout)
	}
	w.mustSet("shop", "image", "web=web:2", "--push", "--output", "json")
	if !strings.Contains(w.stdout, `"commit": ""`) || !strings.Contains(w.stdout, `"pushed": false`) {
		t.Errorf("it says %s", w.stdout)
	}
	// What was committed before is pushed though there is nothing to edit.
	w.mustSet("shop", "image", "web=web:3", "--commit")
	w.mustSet("shop", "image", "web=web:3", "--push")
	if !strings.Contains(w.served("shop/maelstrom.yml"), `"web:3"`) {
		t.Error("not pushed")
	}
}

// Others push while we do: the edit is made anew on top of theirs, and keeps
// what they have changed in the same file.
func TestSetIsOvertaken(t *testing.T) {
	t.Parallel()
	w := newSetWorld(t)
	w.rival(4, `echo "# rival" >>shop/maelstrom.yml; echo rival >>other.txt`)
	w.write(w.mine, "mine.txt", "not tracked\n")
	w.mustSet("shop", "image", "web=web:2", "--push")
	want := strings.Replace(setFile, "web:1", "web:2", 1) + strings.Repeat("# rival\n", 4)
	if got := w.served("shop/maelstrom.yml"); got != strings.TrimSpace(want) {
		t.Errorf("got\n%s", got)
	}
	if got := w.git(w.mine, "log", "--format=%an", "origin/main.."); got != "" {
		t.Errorf("commits that are not pushed: %s", got)
	}
	if got := w.git(w.mine, "log", "--format=%an"); strings.Count(got, "mine") != 2 || strings.Count(got, "theirs") != 4 {
		t.Errorf("history\n%s", got)
	}
	if got := w.git(w.mine, "status", "--porcelain"); got != "?? mine.txt" {
		t.Errorf("left %q", got)
	}
}

func TestSetKeepsCommitsAndChangesOfTheUser(t *testing.T) {
	t.Parallel()
	w := newSetWorld(t)
	w.write(w.mine, "new.txt", "mine\n")
	w.git(w.mine, "add", "new.txt")
	w.git(w.mine, "commit", "--quiet", "--message", "Mine")
	w.write(w.mine, "new.txt", "dirty\n")
	w.rival(1, "echo rival >>other.txt")
	w.mustSet("shop", "image", "web=web:2", "--push")
	if w.served("new.txt") != "mine" || w.served("other.txt") != "one\nrival" || !strings.Contains(w.served("shop/maelstrom.yml"), "web:2") {
		t.Error("something is missing")
	}
	if got := w.read(w.mine, "new.txt"); got != "dirty\n" {
		t.Errorf("the change that was not committed is %q", got)
	}
}

func TestSetGivesUp(t *testing.T) {
	t.Parallel()
	w := newSetWorld(t)
	w.rival(100, "echo rival >>other.txt")
	w.write(w.mine, "mine.txt", "not tracked\n")
	w.refused(exitConflict, "others were faster 5 times", "shop", "image", "web=web:2", "--push")

	w = newSetWorld(t)
	w.write(w.mine, "other.txt", "in the way\n")
	w.rival(1, "echo rival >>other.txt")
	w.refused(exitConflict, "on top of what others have pushed", "shop", "image", "web=web:2", "--push")

	w = newSetWorld(t)
	w.rival(1, "sed -i s/worker:1/worker:7/ shop/maelstrom.yml; sed -i s/web:/wob:/ shop/maelstrom.yml")
	w.refused(exitNotFound, "no component", "shop", "image", "web=web:2", "--push")

	w = newSetWorld(t)
	hook := filepath.Join(w.home, "server.git/hooks/pre-receive")
	if err := os.WriteFile(hook, []byte("#!/bin/sh\necho protected branch >&2\nexit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	w.refused(exitConflict, "protected branch", "shop", "image", "web=web:2", "--push")
}

// The branch has the image already that this clone lacks, and the other way
// round: what counts is the branch.
func TestSetLooksAtTheBranch(t *testing.T) {
	t.Parallel()
	w := newSetWorld(t)
	w.git(w.theirs, "checkout", "--quiet", "-B", "main")
	w.write(w.theirs, "shop/maelstrom.yml", strings.Replace(setFile, "web:1", "web:2", 1))
	w.git(w.theirs, "commit", "--quiet", "--all", "--message", "Theirs")
	w.git(w.theirs, "push", "--quiet", "origin", "main")
	w.mustSet("shop", "image", "web=web:1", "--push")
	if !strings.Contains(w.served("shop/maelstrom.yml"), `"web:1"`) {
		t.Error("the branch has another image")
	}
	w.git(w.theirs, "pull", "--quiet", "--rebase", "origin", "main")
	w.write(w.theirs, "shop/maelstrom.yml", strings.Replace(setFile, "web:1", "web:5", 1))
	w.git(w.theirs, "commit", "--quiet", "--all", "--message", "Theirs")
	w.git(w.theirs, "push", "--quiet", "origin", "main")
	tip := w.git(w.home+"/server.git", "rev-parse", "main")
	w.mustSet("shop", "image", "web=web:5", "--push")
	if w.git(w.home+"/server.git", "rev-parse", "main") != tip {
		t.Error("a commit without a change")
	}
}
