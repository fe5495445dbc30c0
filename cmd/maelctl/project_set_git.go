package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// gitClone is a clone that the installed git works on: the user's own, so that
// identity, hooks, signing and credentials are the user's.
type gitClone struct {
	top string
}

// gitError is a git command that failed.
type gitError struct {
	command string
	stdout  string
	stderr  string
	err     error
}

func (e *gitError) Error() string {
	text := strings.TrimSpace(e.stderr)
	if text == "" {
		text = e.err.Error()
	}
	return fmt.Sprintf("git %s: %s", e.command, withoutCredentials(text))
}

func (e *gitError) Unwrap() error { return e.err }

var urlCredentials = regexp.MustCompile(`://[^/@\s]+@`)

func withoutCredentials(text string) string { return urlCredentials.ReplaceAllString(text, "://") }

// run runs git at the top of the clone and returns what it printed.
func (g *gitClone) run(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = g.top
	cmd.Env = append(os.Environ(), "LC_ALL=C", "GIT_TERMINAL_PROMPT=0", "GIT_EDITOR=true")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", &gitError{command: args[0], stdout: stdout.String(), stderr: stderr.String(), err: err}
	}
	return strings.TrimSuffix(stdout.String(), "\n"), nil
}

// openClone finds the clone that dir is in.
func openClone(ctx context.Context, dir string) (*gitClone, error) {
	if _, err := exec.LookPath("git"); err != nil {
		return nil, exitWith(exitInvalid, errors.New("--commit needs git, and there is none in PATH"))
	}
	g := &gitClone{top: dir}
	top, err := g.run(ctx, "rev-parse", "--show-toplevel")
	if err != nil {
		return nil, exitWith(exitInvalid, err)
	}
	g.top = top
	return g, nil
}

// inside turns paths as they are named here into those below the top.
func (g *gitClone) inside(paths []string) ([]string, error) {
	top, err := filepath.EvalSymlinks(g.top)
	if err != nil {
		return nil, fmt.Errorf("find %s: %w", g.top, err)
	}
	var out []string
	for _, path := range paths {
		absolute, err := filepath.Abs(path)
		if err == nil {
			absolute, err = filepath.EvalSymlinks(absolute)
		}
		if err == nil {
			absolute, err = filepath.Rel(top, absolute)
		}
		if err != nil || !filepath.IsLocal(absolute) {
			return nil, exitWith(exitInvalid, fmt.Errorf("%s is not in the working copy %s", path, g.top))
		}
		out = append(out, filepath.ToSlash(absolute))
	}
	return out, nil
}

// refuseChanged refuses files whose contents are not those of HEAD.
func (g *gitClone) refuseChanged(ctx context.Context, paths []string) error {
	out, err := g.run(ctx, append([]string{"status", "--porcelain", "--ignored", "--"}, literal(paths)...)...)
	if err != nil {
		return exitWith(exitInvalid, err)
	}
	if out != "" {
		return exitWith(exitConflict, fmt.Errorf("%s has changes that are not committed: commit or undo them first", strings.Join(paths, " or ")))
	}
	return nil
}

// literal keeps git from reading patterns into names.
func literal(paths []string) []string {
	out := make([]string, len(paths))
	for i, path := range paths {
		out[i] = ":(top,literal)" + path
	}
	return out
}

// commit commits these files as they lie there and nothing else, whatever is
// staged.
func (g *gitClone) commit(ctx context.Context, message string, paths []string) (string, error) {
	args := append([]string{"commit", "--quiet", "--only", "--message", message, "--"}, literal(paths)...)
	if _, err := g.run(ctx, args...); err != nil {
		return "", exitWith(exitConflict, err)
	}
	return g.head(ctx)
}

func (g *gitClone) head(ctx context.Context) (string, error) {
	return g.run(ctx, "rev-parse", "--verify", "HEAD")
}

// isAncestor tells whether old is new or before it.
func (g *gitClone) isAncestor(ctx context.Context, old, new string) bool {
	_, err := g.run(ctx, "merge-base", "--is-ancestor", old, new)
	return err == nil
}

// refuseDetached refuses to make a commit that no branch would have.
func (g *gitClone) refuseDetached(ctx context.Context) error {
	if _, err := g.run(ctx, "symbolic-ref", "--quiet", "HEAD"); err != nil {
		return exitWith(exitConflict, errors.New("HEAD is detached, and no branch would have the commit: name one with --push --branch"))
	}
	return nil
}

// upstream is where a push goes.
type upstream struct{ remote, branch string }

// upstream finds out where to push to.
func (g *gitClone) upstream(ctx context.Context, remote, branch string) (upstream, error) {
	current, err := g.run(ctx, "symbolic-ref", "--quiet", "--short", "HEAD")
	detached := err != nil
	if detached && branch == "" {
		return upstream{}, exitWith(exitConflict, errors.New("HEAD is detached: name the branch to push to with --branch"))
	}
	configured := func(key string) string {
		value, _ := g.run(ctx, "config", "--get", "branch."+current+"."+key) // empty if it is not set
		return value
	}
	if !detached && remote == "" {
		remote = configured("remote")
	}
	if remote == "" || remote == "." {
		remote = "origin"
	}
	if branch == "" {
		branch = strings.TrimPrefix(configured("merge"), "refs/heads/")
	}
	if branch == "" {
		branch = current
	}
	return upstream{remote, branch}, nil
}

// push makes HEAD the tip of a branch. Overtaken: somebody else pushed in
// between.
func (g *gitClone) push(ctx context.Context, to upstream) (overtaken bool, err error) {
	_, err = g.run(ctx, "push", "--porcelain", to.remote, "HEAD:refs/heads/"+to.branch)
	var failed *gitError
	if !errors.As(err, &failed) {
		return false, err
	}
	for line := range strings.Lines(failed.stdout) {
		if !strings.HasPrefix(line, "!") {
			continue
		}
		for _, sign := range []string{"(fetch first)", "(non-fast-forward)", "(stale info)", "cannot lock ref", "failed to update ref", "incorrect old value", "reference already exists"} {
			overtaken = overtaken || strings.Contains(line, sign)
		}
		failed.stderr = strings.TrimSpace(line) + "\n" + failed.stderr
	}
	return overtaken, failed
}

// fetch gets the tip of a branch; empty if the branch is not there.
func (g *gitClone) fetch(ctx context.Context, from upstream) (string, error) {
	if _, err := g.run(ctx, "fetch", "--quiet", from.remote, "refs/heads/"+from.branch); err != nil {
		return "", exitWith(exitConflict, err)
	}
	return g.run(ctx, "rev-parse", "--verify", "FETCH_HEAD")
}

// moveTo puts what is committed here on top of tip. What is changed or staged
// stays; if it is in the way, nothing happens.
func (g *gitClone) moveTo(ctx context.Context, tip string) error {
	args := []string{"rebase", "--quiet", "--autostash", tip}
	if g.isAncestor(ctx, "HEAD", tip) {
		args = []string{"merge", "--quiet", "--ff-only", tip}
	}
	_, err := g.run(ctx, args...)
	if err == nil {
		return nil
	}
	if args[0] == "rebase" {
		_, abort := g.run(ctx, "rebase", "--abort")
		err = errors.Join(err, abort)
	}
	return exitWith(exitConflict, fmt.Errorf("put the change on top of what others have pushed: %w", err))
}

// reset makes commit the tip again and keeps what is changed in other files.
func (g *gitClone) reset(ctx context.Context, commit string) error {
	_, err := g.run(ctx, "reset", "--quiet", "--keep", commit)
	return err
}
