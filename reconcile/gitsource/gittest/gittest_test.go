package gittest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestServersTakePushes(t *testing.T) {
	for name, server := range map[string]*Server{
		"open":     NewHTTP(t, Options{}),
		"token":    NewHTTP(t, Options{Token: "t0ken"}),
		"password": NewHTTP(t, Options{User: "ada", Password: "pass word"}),
		"tls":      NewHTTP(t, Options{TLS: true, Token: "t0ken"}),
		"ssh":      NewSSH(t),
	} {
		t.Run(name, func(t *testing.T) {
			repo := server.Repo("shop")
			seen := filepath.Join(t.TempDir(), "seen")
			repo.Hook("cat >>" + seen)
			first := repo.Push(map[string]string{"a.txt": "one", "dir/b.txt": "two"})
			second := repo.Push(map[string]string{"dir/b.txt": ""})
			repo.AnnotatedTag("v1.0.0")
			repo.Branch("next")
			repo.DeleteRef("next")
			rewritten := repo.ForcePush(map[string]string{"a.txt": "three"})

			refs := repo.Git("ls-remote", "origin")
			for _, want := range []string{rewritten + "\trefs/heads/main", second + "\trefs/tags/v1.0.0^{}"} {
				if !strings.Contains(refs, want) {
					t.Errorf("no %q in\n%s", want, refs)
				}
			}
			if strings.Contains(refs, "next") {
				t.Errorf("next is still in\n%s", refs)
			}
			if files := repo.Git("ls-tree", "-r", "--name-only", "HEAD"); files != "a.txt\n" {
				t.Errorf("files: %q", files)
			}
			if told, err := os.ReadFile(seen); err != nil || !strings.Contains(string(told), first) {
				t.Errorf("the hook saw %q (%v)", told, err)
			}
		})
	}
}

func TestStrangersAreRefused(t *testing.T) {
	server := NewHTTP(t, Options{Token: "t0ken"})
	repo := server.Repo("shop")
	repo.Push(map[string]string{"a": "b"})
	out, err := command(append(os.Environ(), "GIT_TERMINAL_PROMPT=0", "GIT_CONFIG_GLOBAL=/dev/null"), t.TempDir(), "ls-remote", repo.URL())
	if err == nil {
		t.Errorf("anybody may read: %s", out)
	}
}

func TestRotatedHostKeyIsNoticed(t *testing.T) {
	server := NewSSH(t)
	repo := server.Repo("shop")
	repo.Push(map[string]string{"a": "b"})
	server.RotateHostKey()
	out, err := command(server.environ(), repo.work, "ls-remote", "origin")
	if err == nil || !strings.Contains(string(out), "IDENTIFICATION HAS CHANGED") {
		t.Errorf("err %v\n%s", err, out)
	}
}
