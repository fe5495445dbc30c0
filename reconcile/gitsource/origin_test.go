package gitsource

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"maelstrom/cluster"
	"maelstrom/reconcile"
	"maelstrom/reconcile/gitsource/gittest"
)

// open makes the origin of a repository on a server, in the way that works.
func open(t testing.TB, s *gittest.Server, repo string, change ...func(*cluster.Source, *cluster.SourceSecrets)) reconcile.Origin {
	t.Helper()
	return openAt(t, New(Options{CacheDir: t.TempDir(), Timeout: time.Minute, Share: 1}), s, repo, change...)
}

func openAt(t testing.TB, p *Pool, s *gittest.Server, repo string, change ...func(*cluster.Source, *cluster.SourceSecrets)) reconcile.Origin {
	t.Helper()
	spec := &cluster.Source{Name: repo, Git: &cluster.GitSource{URL: s.URL(repo), CA: s.CA(), KnownHosts: s.KnownHosts()}}
	secrets := cluster.SourceSecrets{SSHKey: s.Key()}
	for _, f := range change {
		f(spec, &secrets)
	}
	o, err := p.Open(spec, secrets)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := o.Close(); err != nil {
			t.Error(err)
		}
	})
	return o
}

func ref(name string) func(*cluster.Source, *cluster.SourceSecrets) {
	return func(s *cluster.Source, _ *cluster.SourceSecrets) { s.Git.Ref = name }
}

func resolve(t testing.TB, o reconcile.Origin) reconcile.Resolved {
	t.Helper()
	r, err := o.Resolve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func fetchTree(t testing.TB, o reconcile.Origin, revision, last string) reconcile.Fetched {
	t.Helper()
	f, err := o.Fetch(t.Context(), revision, last)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// files reads all regular files.
func files(t testing.TB, tree reconcile.Tree) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := tree.Walk(func(e reconcile.Entry) error {
		if e.Kind != reconcile.EntryFile {
			return nil
		}
		text, err := tree.Read(e.Path)
		out[e.Path] = string(text)
		if e.Size != int64(len(text)) {
			t.Errorf("%s: size %d, not %d", e.Path, e.Size, len(text))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// wantReason sees that an error says what the loop is to do, and hides what it must.
func wantReason(t testing.TB, err error, reason cluster.ConditionReason, permanent bool, words ...string) *reconcile.OriginError {
	t.Helper()
	e := new(reconcile.OriginError)
	if !errors.As(err, &e) {
		t.Fatalf("error %v is no OriginError", err)
	}
	if e.Reason != reason || e.Permanent != permanent {
		t.Errorf("%s, permanent %t: %v", e.Reason, e.Permanent, err)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("no %q in %v", w, err)
		}
	}
	if strings.Contains(err.Error(), "s3cret") {
		t.Errorf("a secret is in %v", err)
	}
	return e
}

func servers(t *testing.T) map[string]*gittest.Server {
	return map[string]*gittest.Server{"http": gittest.NewHTTP(t, gittest.Options{}), "ssh": gittest.NewSSH(t)}
}

func TestOriginFollowsPushes(t *testing.T) {
	for name, server := range servers(t) {
		t.Run(name, func(t *testing.T) {
			repo := server.Repo("shop")
			want := map[string]string{"maelstrom.yml": "a: 1\n", "deep/er/x.maelstrom.yml": strings.Repeat("b: 2\n", 1000)}
			last := ""
			o := open(t, server, "shop")
			for i := range 3 {
				want["deep/er/x.maelstrom.yml"] += fmt.Sprintf("c: %d\n", i)
				want[fmt.Sprintf("new/%d.yml", i)] = fmt.Sprint(i)
				commit := repo.Push(want)
				r := resolve(t, o)
				if r.Revision != commit || r.Ref != "refs/heads/main" {
					t.Fatalf("resolved %+v, not %s", r, commit)
				}
				f := fetchTree(t, o, r.Revision, last)
				if got := files(t, f.Tree); !maps.Equal(got, want) {
					t.Fatalf("push %d: %d files: %v", i, len(got), slices.Sorted(maps.Keys(got)))
				}
				if f.Rewritten {
					t.Error("taken as rewritten")
				}
				if f.Commit.ID != commit || f.Commit.Author != "Ada Lovelace <ada@example.com>" || f.Commit.Signature != "none" || f.Commit.Time.IsZero() {
					t.Errorf("commit %+v", f.Commit)
				}
				last = commit
			}
			if got := o.(*origin).store.state.Extensions; got != 2 {
				t.Errorf("%d fetches built on the first", got)
			}
		})
	}
}

func TestTheCacheOutlivesTheProcess(t *testing.T) {
	server := gittest.NewHTTP(t, gittest.Options{})
	commit := server.Repo("shop").Push(map[string]string{"a": "1", "b/c": "2"})
	dir := t.TempDir()
	first := openAt(t, New(Options{CacheDir: dir}), server, "shop")
	fetchTree(t, first, commit, "")
	server.SetFault(&gittest.Fault{Status: 500})
	again := openAt(t, New(Options{CacheDir: dir}), server, "shop")
	if got := files(t, fetchTree(t, again, commit, commit).Tree); got["b/c"] != "2" {
		t.Errorf("files %v", got)
	}
}

func TestTwoOriginsOfOneSource(t *testing.T) {
	server := gittest.NewHTTP(t, gittest.Options{})
	repo := server.Repo("shop")
	commit := repo.Push(map[string]string{"a": "1"})
	dir := t.TempDir()
	write(t, filepath.Join(dir, private+"left"), "of a process that died")
	p := New(Options{CacheDir: dir})
	live := openAt(t, p, server, "shop")
	tree := fetchTree(t, live, commit, "").Tree
	next := repo.ForcePush(map[string]string{"a": "2"})
	trial, err := p.Open(&cluster.Source{Name: "shop", Git: &cluster.GitSource{URL: server.URL("shop")}}, cluster.SourceSecrets{Token: "another"})
	if err != nil {
		t.Fatal(err)
	}
	if got := files(t, fetchTree(t, trial, next, "").Tree)["a"]; got != "2" {
		t.Errorf("the trial reads %q", got)
	}
	if got := files(t, tree)["a"]; got != "1" {
		t.Errorf("the live one reads %q", got)
	}
	if err := trial.Close(); err != nil {
		t.Error(err)
	}
	if all := matching(t, dir, "*"); len(all) != 1 {
		t.Errorf("left are %v", all)
	}
}

func TestForgottenCachesAreRemoved(t *testing.T) {
	server := gittest.NewHTTP(t, gittest.Options{})
	commit := server.Repo("shop").Push(map[string]string{"a": "1"})
	dir := t.TempDir()
	old := openAt(t, New(Options{CacheDir: dir}), server, "shop")
	fetchTree(t, old, commit, "")
	state := matching(t, dir, "*/"+stateFile)[0]
	for age, want := range map[time.Duration]bool{forgotten - time.Hour: true, forgotten + time.Hour: false} {
		then := time.Now().Add(-age)
		if err := os.Chtimes(state, then, then); err != nil {
			t.Fatal(err)
		}
		openAt(t, New(Options{CacheDir: dir}), server, "other", func(s *cluster.Source, _ *cluster.SourceSecrets) { s.Git.URL = server.URL("shop") })
		if _, err := os.Stat(filepath.Dir(state)); (err == nil) != want {
			t.Errorf("after %s: %v", age, err)
		}
		fetchTree(t, openAt(t, New(Options{CacheDir: dir}), server, "shop"), commit, "")
	}
}

func TestADamagedCacheIsFetchedAnew(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, dir string){
		"pack": func(t *testing.T, dir string) { overwrite(t, dir, "*/objects/pack/*.pack") },
		"index": func(t *testing.T, dir string) {
			overwrite(t, dir, "*/objects/pack/*.idx")
		},
		"loose":    func(t *testing.T, dir string) { overwrite(t, dir, "*/objects/??/*") },
		"state":    func(t *testing.T, dir string) { overwrite(t, dir, "current.json") },
		"packless": func(t *testing.T, dir string) { remove(t, dir, "*/objects/pack/*.pack") },
		"empty":    func(t *testing.T, dir string) { remove(t, dir, "*") },
		"leftover": func(t *testing.T, dir string) {
			if err := os.WriteFile(filepath.Join(dir, "pack-123"), []byte("x"), 0o600); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := gittest.NewHTTP(t, gittest.Options{})
			repo := server.Repo("shop")
			p := New(Options{CacheDir: t.TempDir()})
			first := openAt(t, p, server, "shop")
			commit := repo.Push(map[string]string{"a": "1", "b/c": "2"})
			fetchTree(t, first, commit, "")
			commit = repo.Push(map[string]string{"a": "1 and more"})
			fetchTree(t, first, commit, "")
			damage(t, first.(*origin).store.dir)

			for range 2 {
				again := openAt(t, New(p.options), server, "shop")
				got := files(t, fetchTree(t, again, commit, "").Tree)
				if got["a"] != "1 and more" || got["b/c"] != "2" {
					t.Errorf("files %v", got)
				}
				commit = repo.Push(map[string]string{"b/d": "3"})
			}
			if _, err := os.Stat(filepath.Join(first.(*origin).store.dir, "pack-123")); err == nil {
				t.Error("the leftover is left over")
			}
		})
	}
}

func matching(t *testing.T, dir, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil || len(paths) == 0 {
		t.Fatalf("nothing matches %s in %s (%v)", pattern, dir, err)
	}
	return paths
}

func overwrite(t *testing.T, dir, pattern string) {
	t.Helper()
	for _, path := range matching(t, dir, pattern) {
		if info, err := os.Stat(path); err != nil || info.IsDir() {
			continue
		}
		_ = os.Chmod(path, 0o600)
		if err := os.WriteFile(path, []byte("this is nothing of the kind, though it is long enough to be read"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func remove(t *testing.T, dir, pattern string) {
	t.Helper()
	for _, path := range matching(t, dir, pattern) {
		if err := os.RemoveAll(path); err != nil {
			t.Fatal(err)
		}
	}
}

func TestObjectsDoNotPileUp(t *testing.T) {
	server := gittest.NewHTTP(t, gittest.Options{})
	repo := server.Repo("shop")
	o := open(t, server, "shop")
	last := ""
	for i := range 5 {
		if i == 2 {
			o.(*origin).store.state.Extensions = maxExtensions - 1
		}
		commit := repo.Push(map[string]string{"a": fmt.Sprint(i)})
		fetchTree(t, o, commit, last)
		last = commit
	}
	s := o.(*origin).store
	if s.state.Extensions != 1 {
		t.Errorf("%d extensions", s.state.Extensions)
	}
	if dirs := matching(t, s.dir, generation+"*"); len(dirs) != 1 {
		t.Errorf("directories %v", dirs)
	}
	if loose := matching(t, s.dir, "*/objects/??/*"); len(loose) != 3 {
		t.Errorf("%d loose objects", len(loose))
	}
}

func TestSourcesOfARepositoryAskTheSame(t *testing.T) {
	server := gittest.NewHTTP(t, gittest.Options{})
	repo := server.Repo("shop")
	commit := repo.Push(map[string]string{"a": "1"})
	repo.Branch("next")
	p := New(Options{CacheDir: t.TempDir()})
	one := openAt(t, p, server, "shop")
	two := openAt(t, p, server, "shop", func(s *cluster.Source, _ *cluster.SourceSecrets) { s.Name, s.Git.Ref = "two", "next" })
	other := openAt(t, p, server, "shop", func(_ *cluster.Source, held *cluster.SourceSecrets) { held.Token = "another" })
	if one.(*origin).key != two.(*origin).key {
		t.Error("sources of one repository share no answer")
	}
	if one.(*origin).key == other.(*origin).key {
		t.Error("another token shares the answer")
	}
	if got := resolve(t, one).Revision; got != commit {
		t.Errorf("resolved %s", got)
	}
	pushed := repo.Push(map[string]string{"a": "2"})
	if got := resolve(t, one).Revision; got != pushed {
		t.Error("an answer from before the push is used again")
	}
}

// projects are files of a repository with 500 projects.
func projects() map[string]string {
	out := map[string]string{}
	for i := range 500 {
		out[fmt.Sprintf("teams/%02d/project-%03d/maelstrom.yml", i%20, i)] = fmt.Sprintf(
			"project: project-%03d\ncomponents:\n  web:\n    image: registry.example/project-%03d:1.0\n    environment: [PORT=80%02d]\n", i, i, i%100)
	}
	return out
}

func TestARepositoryWith500Projects(t *testing.T) {
	server := gittest.NewHTTP(t, gittest.Options{})
	want := projects()
	repo := server.Repo("shop")
	commit := repo.Push(want)
	o := open(t, server, "shop")
	if got := files(t, fetchTree(t, o, commit, "").Tree); !maps.Equal(got, want) {
		t.Errorf("%d files", len(got))
	}
	change := map[string]string{"teams/07/project-007/maelstrom.yml": "project: another\n"}
	maps.Copy(want, change)
	next := repo.Push(change)
	if got := files(t, fetchTree(t, o, next, commit).Tree); !maps.Equal(got, want) {
		t.Errorf("%d files", len(got))
	}
	s := o.(*origin).store.state
	if s.Extensions != 1 || s.Added > s.Bytes/10 {
		t.Errorf("%d bytes for one file, %d for all", s.Added, s.Bytes)
	}
}

func BenchmarkResolve(b *testing.B) {
	server := gittest.NewHTTP(b, gittest.Options{})
	server.Repo("shop").Push(projects())
	o := open(b, server, "shop")
	for b.Loop() {
		resolve(b, o)
	}
}

func BenchmarkFetch500(b *testing.B) {
	server := gittest.NewHTTP(b, gittest.Options{})
	commit := server.Repo("shop").Push(projects())
	for b.Loop() {
		o := open(b, server, "shop")
		fetchTree(b, o, commit, "")
	}
}

// BenchmarkFetch500OneChanged is a fetch after a push of one file.
func BenchmarkFetch500OneChanged(b *testing.B) {
	server := gittest.NewHTTP(b, gittest.Options{})
	repo := server.Repo("shop")
	commits := []string{repo.Push(projects())}
	for i := range 2 {
		commits = append(commits, repo.Push(map[string]string{"teams/07/project-007/maelstrom.yml": fmt.Sprintf("project: other%d\n", i)}))
	}
	repo.Config("uploadpack.allowReachableSHA1InWant", "true")
	o := open(b, server, "shop")
	fetchTree(b, o, commits[0], "")
	for i := 0; b.Loop(); i++ {
		fetchTree(b, o, commits[1+i%2], "")
	}
}

func BenchmarkRead500(b *testing.B) {
	server := gittest.NewHTTP(b, gittest.Options{})
	want := projects()
	tree := fetchTree(b, open(b, server, "shop"), server.Repo("shop").Push(want), "").Tree
	for b.Loop() {
		for path := range want {
			if _, err := tree.Read(path); err != nil {
				b.Fatal(err)
			}
		}
	}
}
