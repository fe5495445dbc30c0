package gittest

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Repo is one repository of a Server with a work tree that pushes to it.
type Repo struct {
	Name string

	t          testing.TB
	server     *Server
	bare, work string
}

// URL is where a client finds it.
func (r *Repo) URL() string { return r.server.URL(r.Name) }

// Dir is the work tree that Push commits. What a test writes there goes with
// the next Push.
func (r *Repo) Dir() string { return r.work }

// Bare is the directory that the server reads.
func (r *Repo) Bare() string { return r.bare }

// Push commits files (contents by path; an empty one removes) onto the branch
// that is checked out, pushes it, and returns the commit.
func (r *Repo) Push(files map[string]string) string {
	r.t.Helper()
	r.Write(files)
	r.Git("add", "-A")
	r.Git("commit", "-q", "--allow-empty", "-m", subject(files))
	r.Git("push", "-q", "origin", "HEAD")
	return r.Head()
}

// ForcePush puts another commit with files in the place of the last one.
func (r *Repo) ForcePush(files map[string]string) string {
	r.t.Helper()
	r.Write(files)
	r.Git("add", "-A")
	r.Git("commit", "-q", "--allow-empty", "--amend", "-m", "Rewritten: "+subject(files))
	r.Git("push", "-q", "--force", "origin", "HEAD")
	return r.Head()
}

// Write changes files in the work tree without a commit.
func (r *Repo) Write(files map[string]string) {
	r.t.Helper()
	for path, content := range files {
		path = filepath.Join(r.work, filepath.FromSlash(path))
		err := os.Remove(path)
		if content != "" {
			if err = os.MkdirAll(filepath.Dir(path), 0o755); err == nil {
				err = os.WriteFile(path, []byte(content), 0o644)
			}
		}
		if err != nil {
			r.t.Fatal(err)
		}
	}
}

func subject(files map[string]string) string {
	for path := range files {
		if len(files) == 1 {
			return "Change " + path
		}
	}
	return fmt.Sprintf("Change %d files", len(files))
}

// Head is the commit that is checked out.
func (r *Repo) Head() string {
	r.t.Helper()
	return strings.TrimSpace(r.Git("rev-parse", "HEAD"))
}

// Branch makes a branch at the commit that is checked out, and pushes it.
func (r *Repo) Branch(name string) {
	r.t.Helper()
	r.Git("push", "-q", "origin", "HEAD:refs/heads/"+name)
}

// Checkout goes to a branch, made here if there is none, so that further
// pushes go to it.
func (r *Repo) Checkout(name string) {
	r.t.Helper()
	if _, err := command(r.server.environ(), r.work, "checkout", "-q", name); err != nil {
		r.Git("checkout", "-q", "-b", name)
	}
}

// Tag makes a lightweight tag at the commit that is checked out, and pushes it.
func (r *Repo) Tag(name string) {
	r.t.Helper()
	r.Git("tag", "-f", name)
	r.Git("push", "-q", "-f", "origin", "refs/tags/"+name)
}

// AnnotatedTag is Tag with a tag object between.
func (r *Repo) AnnotatedTag(name string) {
	r.t.Helper()
	r.Git("tag", "-f", "-a", "-m", "Release "+name, name)
	r.Git("push", "-q", "-f", "origin", "refs/tags/"+name)
}

// DeleteRef removes a branch or a tag from the server. The branch may be the
// one that HEAD names there.
func (r *Repo) DeleteRef(name string) {
	r.t.Helper()
	r.Config("receive.denyDeleteCurrent", "ignore")
	r.Git("push", "-q", "origin", "--delete", name)
}

// Hook makes the server run a shell script after each push that it took.
func (r *Repo) Hook(script string) {
	r.t.Helper()
	path := filepath.Join(r.bare, "hooks", "post-receive")
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	if err == nil {
		err = os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o755)
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

// Config sets a value of the repository on the server, uploadpack.allowFilter say.
func (r *Repo) Config(key, value string) {
	r.t.Helper()
	r.run(r.bare, "config", key, value)
}

// Git runs the git program in the work tree and returns its output.
func (r *Repo) Git(args ...string) string {
	r.t.Helper()
	return r.run(r.work, args...)
}

func (r *Repo) run(dir string, args ...string) string {
	r.t.Helper()
	out, err := command(r.server.environ(), dir, args...)
	if err != nil {
		r.t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func basic(user, password string) string {
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// gitConfig passes settings in the environment, where no list of processes
// shows them.
func gitConfig(settings [][2]string) []string {
	env := []string{fmt.Sprintf("GIT_CONFIG_COUNT=%d", len(settings))}
	for i, s := range settings {
		env = append(env, fmt.Sprintf("GIT_CONFIG_KEY_%d=%s", i, s[0]), fmt.Sprintf("GIT_CONFIG_VALUE_%d=%s", i, s[1]))
	}
	return env
}
