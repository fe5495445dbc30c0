package main

import (
	"crypto/rand"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
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

	noise := make([]byte, 3<<20) // more than git sends at once
	_, _ = rand.Read(noise)
	if err := os.WriteFile(filepath.Join(one, "noise"), noise, 0o644); err != nil {
		t.Fatal(err)
	}
	git(t, one, "add", "noise")
	git(t, one, "commit", "-q", "-m", "Second")
	git(t, one, "push", "-q", "origin", "HEAD:main")
	git(t, work, "clone", "-q", server.URL+"/shop.git", "two")
	if log := git(t, filepath.Join(work, "two"), "log", "--format=%s"); log != "Second\nFirst\n" {
		t.Errorf("log %q", log)
	}
}
