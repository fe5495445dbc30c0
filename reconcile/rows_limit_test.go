package reconcile_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"maelstrom/cluster"
)

// More than is read of a source: it says which limit, keeps what is stored, and
// goes on when it is small enough again.
func TestRowLimitsOfASource(t *testing.T) {
	shop := yml("shop", "web:1", "web")
	noise := make([]byte, 300_000)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(noise)
	for name, tt := range map[string]struct {
		limits cluster.Limits
		much   map[string]string
	}{
		"files":      {cluster.Limits{Files: 2}, map[string]string{"a/maelstrom.yml": yml("a", "a:1", "web"), "b/maelstrom.yml": yml("b", "b:1", "web")}},
		"depth":      {cluster.Limits{Depth: 2}, map[string]string{"a/b/c/maelstrom.yml": yml("deep", "deep:1", "web")}},
		"totalbytes": {cluster.Limits{TotalBytes: 2000}, map[string]string{"a/maelstrom.yml": yml("a", "a:1", "web") + "# " + strings.Repeat("x", 2000) + "\n"}},
		"fetchbytes": {cluster.Limits{FetchBytes: 100_000, FileBytes: 1000}, map[string]string{"noise.bin": string(bytes.ReplaceAll(noise, []byte("\n"), nil))}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			first := s.begin(cluster.Source{Name: "main", Limits: tt.limits}, map[string]string{"maelstrom.yml": shop})
			repo := s.git.Repo("main")
			repo.Push(tt.much)
			c := s.ready("main", cluster.StatusFalse, cluster.ReasonTooLarge)
			if !strings.Contains(c.Message, name) {
				t.Errorf("the message does not name the limit: %q", c.Message)
			}
			is(t, "main", s.source("main").Conditions, cluster.ConditionStalled, cluster.StatusTrue, cluster.ReasonTooLarge)
			s.stores("shop_web=web:1")
			if got := s.source("main").Revision; got != first {
				t.Errorf("looked at %s, want %s", got, first)
			}
			s.told(1, cluster.EventFailed, name)
			change := without(tt.much)
			change["maelstrom.yml"] = yml("shop", "web:2", "web")
			s.push("main", change)
			s.stores("shop_web=web:2")
			s.ready("main", cluster.StatusTrue, cluster.ReasonFetched)
		})
	}
}

const pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n"

// A file that is too large, or that only points at one, fails alone.
func TestRowLargeFilesAndPointers(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.git.Repo("main").Config("uploadpack.allowFilter", "true")
	s.begin(cluster.Source{Name: "main", Limits: cluster.Limits{FileBytes: 2000}},
		map[string]string{"a/maelstrom.yml": yml("a", "a:1", "web"), "b/maelstrom.yml": yml("b", "b:1", "web"), "c/maelstrom.yml": yml("c", "c:1", "web"), "d/maelstrom.yml": yml("d", "d:1", "web")})
	s.push("main", map[string]string{
		"a/maelstrom.yml": yml("a", "a:2", "web") + "# " + strings.Repeat("x", 2000) + "\n",
		"b/maelstrom.yml": pointer,
		"c/maelstrom.yml": "name: c\nenvfile: c.env\ncomponents:\n  web: {image: c:2}\n", "c/c.env": pointer,
		"d/maelstrom.yml": yml("d", "d:2", "web"),
	})
	s.stores("a_web=a:1", "b_web=b:1", "c_web=c:1", "d_web=d:2")
	s.stalled("main", "a/maelstrom.yml", "", "a/maelstrom.yml:1:1", "2000")
	s.stalled("main", "b/maelstrom.yml", "", "b/maelstrom.yml:1:1", "Git LFS pointer")
	s.stalled("main", "c/maelstrom.yml", "", "c/maelstrom.yml:2:", "Git LFS pointer")
}

// Nothing outside of the tree is read, whatever leads there: each such project
// stays as it is and names what it met.
func TestRowPathsThatLeadElsewhere(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	secret := filepath.Join(t.TempDir(), "secret.env")
	must(t, os.WriteFile(secret, []byte("STOLEN=yes\n"), 0o644))
	good := map[string]string{"ok/maelstrom.yml": yml("ok", "ok:1", "web")}
	bad := map[string]struct{ key, path, words string }{ // by project
		"link":     {"envfile", "link.env", secret},
		"linkdir":  {"envfile", "dir/secret.env", filepath.Dir(secret)},
		"up":       {"envfile", "../../up.env", "outside of the source"},
		"absolute": {"envfile", secret, "absolute path"},
		"module":   {"envfile", "module/x.env", "submodule"},
		"inside":   {"envfile", "inside.env", "other.env"},
		"case":     {"envfile", "CASE.env", "no such file"},
		"git":      {"envfile", "../.git/config", "git itself"},
		"files":    {"files", "link.txt", secret},
		"filesup":  {"files", "../../../etc/passwd", "outside of the source"},
		"filesabs": {"files", "/etc/passwd", "absolute path"},
		"filesmod": {"files", "module/README.md", "submodule"},
	}
	files := map[string]string{"case/case.env": "A=1", "inside/other.env": "A=1", "overlay/maelstrom.yml": yml("overlay", "good:1", "web")}
	for name, b := range bad {
		good[name+"/maelstrom.yml"] = yml(name, "good:1", "web")
		text := yml(name, "bad:1", "web")
		if b.key == "envfile" {
			text = strings.Replace(text, "components:", "envfile: "+b.path+"\ncomponents:", 1)
		} else {
			text += "    files:\n      - source: " + b.path + "\n        target: /x\n"
		}
		files[name+"/maelstrom.yml"] = text
	}
	good["overlay/maelstrom.yml"] = yml("overlay", "good:1", "web")
	good["Clash/maelstrom.yml"] = yml("clash", "good:1", "web")
	s.begin(cluster.Source{Name: "main", Overlay: "prod"}, good)

	repo := s.git.Repo("main")
	link := func(target, name string) {
		t.Helper()
		must(t, os.MkdirAll(filepath.Dir(filepath.Join(repo.Dir(), name)), 0o755))
		must(t, os.Symlink(target, filepath.Join(repo.Dir(), name)))
	}
	link(secret, "link/link.env")
	link(filepath.Dir(secret), "linkdir/dir")
	link("other.env", "inside/inside.env")
	link(secret, "files/link.txt")
	link(filepath.Join(filepath.Dir(secret), "maelstrom.yml"), "overlay/maelstrom.prod.yml")
	link(secret, "linked.maelstrom.yml")
	for _, name := range []string{"module/module", "filesmod/module"} {
		repo.Git("clone", "-q", repo.Bare(), name)
	}
	files["clash/maelstrom.yml"] = yml("clash2", "bad:1", "web")
	s.push("main", files)

	for _, row := range s.images() {
		if strings.Contains(row, "bad:1") {
			t.Errorf("stored is %s", row)
		}
	}
	for name, b := range bad {
		s.stalled("main", name+"/maelstrom.yml", "", name+"/maelstrom.yml:", b.words)
		if got := s.image(name + "_web"); got != "good:1" {
			t.Errorf("%s has %q", name, got)
		}
	}
	s.stalled("main", "overlay/maelstrom.yml", "", "symbolic link", filepath.Dir(secret))
	s.stalled("main", "linked.maelstrom.yml", "", "symbolic link", secret)
	s.stalled("main", "Clash/maelstrom.yml", "", "letter case", "clash/maelstrom.yml")
	s.stalled("main", "clash/maelstrom.yml", "", "letter case", "Clash/maelstrom.yml")
	if got := s.image("overlay_web") + s.image("clash_web") + s.image("ok_web"); got != "good:1good:1ok:1" {
		t.Errorf("stored are %q", got)
	}
	s.told(0, cluster.EventRemoved)
}
