package main

import (
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(cmd.Environ(), "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.test", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.test")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return string(out)
}

func TestPushAndClone(t *testing.T) {
	root, work := t.TempDir(), t.TempDir()
	handler, err := newHandler(root)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	defer server.Close()
	git(t, root, "init", "-q", "--bare", "-b", "main", "shop.git")
	git(t, work, "clone", "-q", server.URL+"/shop.git", "one")
	one := filepath.Join(work, "one")
	git(t, one, "commit", "-q", "--allow-empty", "-m", "First")
	git(t, one, "push", "-q", "origin", "HEAD:main")
	git(t, work, "clone", "-q", server.URL+"/shop.git", "two")
	if log := git(t, filepath.Join(work, "two"), "log", "--format=%s"); strings.TrimSpace(log) != "First" {
		t.Errorf("log %q", log)
	}
}
