package gitsource

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"maelstrom/cluster"
	"maelstrom/reconcile"
	"maelstrom/reconcile/gitsource/gittest"
)

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

const lfsPointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"

func TestTree(t *testing.T) {
	server := gittest.NewHTTP(t, gittest.Options{})
	repo := server.Repo("shop")
	for link, target := range map[string]string{"link": "a.yml", "out": "../../etc/passwd", "linked": "dir"} {
		if err := os.Symlink(target, filepath.Join(repo.Dir(), link)); err != nil {
			t.Fatal(err)
		}
	}
	repo.Write(map[string]string{"a.yml": "a", "dir/b.yml": "b", "dir.yml": "c", "dir/sub/d": "d", "big.yml": lfsPointer})
	repo.Git("update-index", "--add", "--cacheinfo", "160000,"+strings.Repeat("1", 40)+",module")
	repo.Git("add", "-A", ".", ":!module")
	repo.Git("commit", "-q", "-m", "Everything\n\nand more")
	repo.Git("push", "-q", "origin", "HEAD")
	o := open(t, server, "shop")
	f := fetchTree(t, o, repo.Head(), "")
	if f.Commit.Subject != "Everything" {
		t.Errorf("subject %q", f.Commit.Subject)
	}

	var seen []string
	err := f.Tree.Walk(func(e reconcile.Entry) error {
		seen = append(seen, fmt.Sprintf("%s:%d:%d%s", e.Path, e.Kind, e.Size, e.Target))
		if (e.ID == "") != (e.Kind == reconcile.EntryDir) {
			t.Errorf("%s has id %q", e.Path, e.ID)
		}
		if e.Path == "dir/sub" {
			return fs.SkipDir
		}
		return nil
	})
	want := []string{
		"a.yml:0:1", "big.yml:0:70", "dir:1:0", "dir/b.yml:0:1", "dir/sub:1:0", "dir.yml:0:1",
		"link:2:0a.yml", "linked:2:0dir", "module:3:0", "out:2:0../../etc/passwd",
	}
	if err != nil || !slices.Equal(seen, want) {
		t.Errorf("%v\n%q not\n%q", err, seen, want)
	}
	if text, err := f.Tree.Read("big.yml"); err != nil || string(text) != lfsPointer {
		t.Errorf("%q, %v", text, err)
	}
	stop := errors.New("stop")
	if err := f.Tree.Walk(func(reconcile.Entry) error { return stop }); err != stop {
		t.Errorf("walk: %v", err)
	}
	checkLookups(t, f.Tree)
}

func checkLookups(t *testing.T, tree reconcile.Tree) {
	t.Helper()
	for path, want := range map[string]error{
		"a.yml": nil, "dir": nil, "dir/sub/d": nil, ".": nil, "link": nil, "module": nil,
		"none": fs.ErrNotExist, "dir/none": fs.ErrNotExist, "a.yml/x": fs.ErrNotExist, "dir/sub/d/x/y": fs.ErrNotExist,
		"linked/b.yml": fs.ErrInvalid, "module/x": fs.ErrInvalid, "out/x": fs.ErrInvalid,
		"../a.yml": fs.ErrInvalid, "/a.yml": fs.ErrInvalid, "dir/../a.yml": fs.ErrInvalid, "": fs.ErrInvalid, "dir/": fs.ErrInvalid,
	} {
		e, err := tree.Lookup(path)
		if !errors.Is(err, want) || (err == nil) != (want == nil) {
			t.Errorf("lookup %q: %v", path, err)
		}
		if err == nil && e.Path != path {
			t.Errorf("lookup %q is of %q", path, e.Path)
		}
	}
	for _, path := range []string{"dir", "link", "module", "out", ".", "linked/b.yml"} {
		if _, err := tree.Read(path); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("read %q: %v", path, err)
		}
	}
	link := new(reconcile.LinkError)
	if _, err := tree.Read("linked/b.yml"); !errors.As(err, &link) || link.Target != "dir" || link.Link != "linked" {
		t.Errorf("error %v", err)
	}
}

func TestTooMuch(t *testing.T) {
	for name, server := range servers(t) {
		t.Run(name, func(t *testing.T) {
			repo := server.Repo("shop")
			noise := strings.Builder{}
			for i := range 60_000 {
				fmt.Fprintf(&noise, "%x", i*2654435761)
			}
			commit := repo.Push(map[string]string{"a.yml": "1", "huge.bin": noise.String()})
			limits := func(s *cluster.Source, _ *cluster.SourceSecrets) {
				s.Limits = cluster.Limits{FetchBytes: 100_000, FileBytes: 50_000}
			}
			_, err := open(t, server, "shop", limits).Fetch(t.Context(), commit, "")
			wantReason(t, err, cluster.ReasonTooLarge, true, "limits.fetchbytes", "100000")

			repo.Config("uploadpack.allowFilter", "true")
			o := open(t, server, "shop", limits)
			f := fetchTree(t, o, commit, "")
			if text, err := f.Tree.Read("a.yml"); err != nil || string(text) != "1" {
				t.Errorf("%q, %v", text, err)
			}
			if e, err := f.Tree.Lookup("huge.bin"); err != nil || e.Size <= 50_000 {
				t.Errorf("%+v, %v", e, err)
			}
			_, err = f.Tree.Read("huge.bin")
			wantReason(t, err, cluster.ReasonTooLarge, true, "huge.bin", "limits.filebytes")

			next := repo.Push(map[string]string{"a.yml": "2"})
			if text, err := fetchTree(t, o, next, commit).Tree.Read("a.yml"); err != nil || string(text) != "2" {
				t.Errorf("%q, %v", text, err)
			}
		})
	}
}

func TestSignatureIsNoticed(t *testing.T) {
	server := gittest.NewHTTP(t, gittest.Options{})
	repo := server.Repo("shop")
	repo.Push(map[string]string{"a": "1"})
	key := filepath.Join(t.TempDir(), "key")
	write(t, key, gittest.NewSSH(t).Key())
	repo.Git("-c", "gpg.format=ssh", "-c", "user.signingKey="+key, "commit", "-q", "-S", "--allow-empty", "-m", "Signed")
	repo.Git("push", "-q", "origin", "HEAD")
	o := open(t, server, "shop")
	if f := fetchTree(t, o, repo.Head(), ""); f.Commit.Signature != "unchecked" || f.Commit.Subject != "Signed" {
		t.Errorf("commit %+v", f.Commit)
	}
}

func TestLocal(t *testing.T) {
	server := gittest.NewHTTP(t, gittest.Options{})
	repo := server.Repo("shop")
	for i := range 4 {
		repo.Push(map[string]string{"dir/a": fmt.Sprint(i)})
	}
	repo.AnnotatedTag("v1")
	repo.Write(map[string]string{"dir/a": "not committed"})
	repo.Git("branch", "older", "HEAD~3")
	worktree := filepath.Join(t.TempDir(), "worktree")
	repo.Git("config", "extensions.worktreeConfig", "true")
	repo.Git("worktree", "add", "-q", worktree, "older")
	shallow, shared := filepath.Join(t.TempDir(), "shallow"), filepath.Join(t.TempDir(), "shared")
	repo.Git("clone", "-q", "--depth=1", repo.URL(), shallow)
	repo.Git("clone", "-q", "--shared", repo.Dir(), shared)

	for _, c := range []struct{ dir, rev, want, top string }{
		{repo.Dir(), "HEAD", "3", repo.Dir()},
		{filepath.Join(repo.Dir(), "dir"), "HEAD~2", "1", repo.Dir()},
		{repo.Dir(), "older", "0", repo.Dir()},
		{repo.Dir(), "v1", "3", repo.Dir()},
		{repo.Dir(), repo.Head(), "3", repo.Dir()},
		{repo.Dir(), repo.Head()[:8], "3", repo.Dir()},
		{repo.Dir(), "origin/main", "3", repo.Dir()},
		{worktree, "HEAD", "0", worktree},
		{worktree, "main", "3", worktree},
		{shallow, "HEAD", "3", shallow},
		{shared, "HEAD~1", "2", shared},
		{repo.Bare(), "main", "3", repo.Bare()},
	} {
		l, err := OpenLocal(c.dir)
		if err != nil {
			t.Errorf("%s: %v", c.dir, err)
			continue
		}
		if l.Top() != c.top {
			t.Errorf("%s: top %s", c.dir, l.Top())
		}
		tree, commit, err := l.Tree(c.rev)
		if err != nil {
			t.Errorf("%s, %s: %v", c.dir, c.rev, err)
			continue
		}
		if text, err := tree.Read("dir/a"); err != nil || string(text) != c.want || commit.Subject != "Change dir/a" {
			t.Errorf("%s, %s: %q, %v, %+v", c.dir, c.rev, text, err, commit)
		}
	}
	repo.Git("config", "extensions.objectFormat", "sha256")
	if _, err := OpenLocal(repo.Dir()); err == nil || !strings.Contains(err.Error(), "objectFormat") {
		t.Errorf("error %v", err)
	}
	l, err := OpenLocal(shallow)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := l.Tree("HEAD~1"); err == nil || !strings.Contains(err.Error(), "shallow") {
		t.Errorf("error %v", err)
	}
	if _, _, err := l.Tree("nothing"); err == nil || !strings.Contains(err.Error(), `"nothing"`) {
		t.Errorf("error %v", err)
	}
	if _, err := OpenLocal(t.TempDir()); !errors.Is(err, ErrNoRepository) {
		t.Errorf("error %v", err)
	}
}
