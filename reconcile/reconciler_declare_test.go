package reconcile

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"maelstrom/cluster"
)

// lockedBuffer is a log that is read while it is written.
type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// The file of the daemon is taken over at the start and when it changes, and a
// broken one changes nothing.
func TestSourcesFileOfTheDaemon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.repos["main"] = newPushed()
		w.repos["main"].push(one("web:1"))
		file := filepath.Join(t.TempDir(), "sources.yml")
		write := func(text string) { must(t, os.WriteFile(file, []byte(text), 0o600)) }
		write("sources: [{name: main, git: {url: 'https://git.test/x'}}]\nnotifiers: [{name: chat, webhook: 'https://chat.test/x', secret: '${S}'}]\n")
		w.start("a", true, ReconcilerOptions{SourcesFile: file, Environ: func(name string) (string, bool) { return "sixteen-letters-x", name == "S" }})
		wait(10 * time.Second)
		row, ok := w.snap().Sources.Get("main")
		if !ok || row.Origin != OriginFile || w.image("shop_web") != "web:1" {
			t.Fatalf("row %+v, image %s", row, w.image("shop_web"))
		}
		w.noWrites("the same file", func() { wait(10 * time.Minute) })
		write("sources: [{name: main, git: {url: 'https://git.test/x', ref: v1}}, {name: bad}]\n")
		w.noWrites("a broken file", func() { wait(time.Minute) })
		write("sources: [{name: main, git: {url: 'https://git.test/x', ref: v1}}]\n")
		wait(time.Minute)
		if row, _ := w.snap().Sources.Get("main"); row.Spec.Git.Ref != "v1" || w.snap().Notifiers.Len() != 0 {
			t.Errorf("changed: %+v", row.Spec)
		}
		for _, cut := range []string{"", "sources:\n"} {
			write(cut)
			w.noWrites("a file that is cut off", func() { wait(time.Minute) })
		}
		write("sources: []\n")
		wait(time.Minute)
		shop, _ := w.snap().Projects.Get("shop")
		if w.snap().Sources.Len() != 0 || shop == nil || shop.Source != "" {
			t.Errorf("gone: %d sources, project %+v", w.snap().Sources.Len(), shop)
		}
	})
}

// One reading that lacks a source deletes nothing: the file may be written to.
func TestSourcesFileThatIsWrittenTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		file := filepath.Join(t.TempDir(), "sources.yml")
		write := func(names ...string) {
			text := "sources:\n"
			for _, name := range names {
				text += "  - {name: " + name + ", git: {url: 'https://git.test/" + name + "'}}\n"
			}
			must(t, os.WriteFile(file, []byte(text), 0o600))
			must(t, os.Chtimes(file, time.Now(), time.Now())) // by the clock of the test
		}
		sources := func() string { return fmt.Sprint(slices.Sorted(mapKeys(w.snap().Sources))) }
		write("one", "two")
		w.start("a", true, ReconcilerOptions{SourcesFile: file})
		wait(12 * time.Second)
		w.noWrites("half of a file", func() {
			for range 10 { // never the same twice
				write("one")
				wait(filePeriod)
				write("two", "one")
				wait(filePeriod)
			}
		})
		write("one")
		wait(filePeriod)
		if got := sources(); got != "[one two]" {
			t.Errorf("after one reading there are %s", got)
		}
		wait(filePeriod)
		if got := sources(); got != "[one]" {
			t.Errorf("after two there are %s", got)
		}
	})
}

// Of two nodes whose files differ one declares: nothing goes back and forth.
func TestSourcesFilesOfTwoNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		for _, name := range []string{"one", "two"} {
			w.repos[name] = newPushed()
		}
		w.repos["two"].push(one("web:1"))
		file := func(name, text string) string {
			path := filepath.Join(t.TempDir(), name)
			must(t, os.WriteFile(path, []byte(text), 0o600))
			return path
		}
		const first = "sources:\n  - {name: one, git: {url: 'https://git.test/one'}}\n"
		const both = first + "  - {name: two, git: {url: 'https://git.test/two'}}\n"
		a := w.start("a", false, ReconcilerOptions{SourcesFile: file("a.yml", both)})
		wait(time.Minute)
		var log lockedBuffer
		b := w.start("b", false, ReconcilerOptions{SourcesFile: file("b.yml", first), Logger: slog.New(slog.NewTextHandler(&log, nil))})
		before := len(w.events(cluster.EventSourceChanged))
		wait(10 * time.Minute)
		if told := w.events(cluster.EventSourceChanged); len(told) != before {
			t.Errorf("two nodes fight: %q", told)
		}
		if n := strings.Count(log.String(), "sources file differs"); n != 1 || !strings.Contains(log.String(), "source two is not in it") {
			t.Errorf("told %d times: %s", n, log.String())
		}
		owner := func() string { row, _ := w.snap().Projects.Get("shop"); return row.Source }
		revision := func() int64 { row, _ := w.snap().Projects.Get("shop"); return row.Revision }
		if owner() != "two" {
			t.Fatalf("shop is of %q", owner())
		}
		// The other has the role for a while, and the source is gone for it.
		was := revision()
		a.stop()
		wait(time.Minute)
		if owner() != "" {
			t.Fatalf("shop is of %q without its source", owner())
		}
		a = w.start("a", false, ReconcilerOptions{SourcesFile: a.opt.SourcesFile})
		b.stop()
		wait(time.Minute)
		if owner() != "two" || revision() != was || w.source("two").Failing != 0 {
			t.Errorf("shop is of %q at revision %d, %+v", owner(), revision(), w.source("two"))
		}
		w.repos["two"].push(one("web:2"))
		tick()
		if w.image("shop_web") != "web:2" {
			t.Errorf("the source keeps its project no more: %s", w.image("shop_web"))
		}
	})
}

// A project of which the file went while its source was not declared is
// removed once it is back.
func TestASourceComesBackWithoutAFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		repo := newPushed()
		w.repos["main"] = repo
		repo.push(map[string]string{"a/maelstrom.yml": yml("a", "web:1", "web"), "b/maelstrom.yml": yml("b", "web:1", "web")})
		file := filepath.Join(t.TempDir(), "sources.yml")
		write := func(text string) { must(t, os.WriteFile(file, []byte(text), 0o600)) }
		const main = "sources: [{name: main, git: {url: 'https://git.test/main'}}]\n"
		write(main)
		w.start("a", true, ReconcilerOptions{SourcesFile: file})
		wait(20 * time.Second)
		write("sources: []\n")
		wait(20 * time.Second)
		repo.push(map[string]string{"b/maelstrom.yml": ""})
		write(main)
		wait(20 * time.Second)
		row, _ := w.snap().Projects.Get("a")
		if row.Source != "main" {
			t.Errorf("a is of %q", row.Source)
		}
		if b, there := w.snap().Projects.Get("b"); there {
			t.Errorf("b is still there, of %q", b.Source)
		}
	})
}

// A declaration of who has lost its role is refused, counted and told.
func TestLateDeclarationsAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		file := filepath.Join(t.TempDir(), "sources.yml")
		must(t, os.WriteFile(file, []byte("sources: [{name: main, git: {url: 'https://git.test/x'}}]\n"), 0o600))
		n := w.start("a", false, ReconcilerOptions{})
		wait(time.Second)
		n.opt.SourcesFile = file
		err := n.keepFile(t.Context(), cluster.Hold{Role: cluster.RoleSources, Holder: "a", Fence: 7})
		if !errors.Is(err, cluster.ErrFenced) || n.Refused() != 1 || len(w.events(cluster.EventRefusedWrite)) != 1 {
			t.Errorf("%v, %d refused, %q", err, n.Refused(), w.events(cluster.EventRefusedWrite))
		}
		if w.snap().Sources.Len() != 0 {
			t.Error("it was stored")
		}
	})
}

// The same of a file inside of a source.
func TestLateDeclarationsInsideASourceAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		root := w.declare(cluster.Source{Name: "root", SourcesFile: "sources.yml"})
		root.push(map[string]string{"sources.yml": "sources: [{name: team, git: {url: 'https://git.test/team'}}]\n"})
		n := w.start("a", true, ReconcilerOptions{})
		wait(5 * time.Second)
		root.set(func() {
			root.trees["late"], root.head = memTree{"sources.yml": "sources: []\n"}, "late"
		})
		lease := cluster.Lease{Role: cluster.RoleReconcile("root")}
		list, err := w.db.Leases(t.Context())
		must(t, err)
		for _, l := range list {
			if l.Role == lease.Role {
				lease = l
			}
		}
		if _, ok, err := w.db.TakeLease(t.Context(), lease, "b"); err != nil || !ok {
			t.Fatal(ok, err)
		}
		must(t, n.Poke(t.Context(), "root"))
		wait(100 * time.Millisecond)
		if _, there := w.snap().Sources.Get("team"); !there || len(w.events(cluster.EventRefusedWrite)) == 0 {
			t.Errorf("a late holder deleted a source; %q", w.events(cluster.EventRefusedWrite))
		}
	})
}

// What is stored of a source gets to nobody by a change of the file that
// declares it: whoever may write that need not know it.
func TestSecretsOfWhatASourceDeclares(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		root := w.declare(cluster.Source{Name: "root", SourcesFile: "sources.yml"})
		push := func(host, repository, api string) {
			root.push(map[string]string{"sources.yml": "sources:\n  - {name: team, git: {url: 'https://" + host + "/" + repository + "'}}\n" +
				"notifiers:\n  - {name: ci, commit: {provider: gitea, api: 'https://" + api + "/api'}}\n"})
			tick()
		}
		w.start("a", true, ReconcilerOptions{})
		push("git.test", "team", "git.test")
		row, _ := w.snap().Sources.Get("team")
		if row == nil {
			t.Fatal("not declared")
		}
		_, err := w.db.PutSource(t.Context(), cluster.SourceWrite{Spec: row.Spec, Version: row.Version, Origin: row.Origin,
			Secrets: &cluster.SourceSecrets{Token: "hunter2", Variables: map[string]string{"DB_PASSWORD": "hunter2"}}})
		must(t, err)
		told, _ := w.snap().Notifiers.Get("ci")
		token := "hunter2"
		_, err = w.db.PutNotifier(t.Context(), cluster.NotifierWrite{Spec: told.Spec, Version: told.Version, Origin: told.Origin, Secret: &token})
		must(t, err)
		for _, bad := range []struct{ host, repository, api, want string }{
			{"evil.test", "team", "git.test", "sources.yml:2:5: source team stays as it is: the token would be sent to another server"},
			{"git.test", "evil", "git.test", "the secret variable DB_PASSWORD would be shown to another repository"},
			{"git.test", "team", "evil.test", "sources.yml:4:5: notifier ci stays as it is: its token would be sent to another server"},
		} {
			push(bad.host, bad.repository, bad.api)
			row, _ := w.snap().Sources.Get("team")
			told, _ := w.snap().Notifiers.Get("ci")
			if row.Spec.Git.URL != "https://git.test/team" || told.Spec.Commit.API != "https://git.test/api" {
				t.Errorf("%+v: %s, %s", bad, row.Spec.Git.URL, told.Spec.Commit.API)
			}
			ready, _ := conditionOf(w.source("root").Conditions, cluster.ConditionReady)
			if ready.Status != cluster.StatusFalse || !strings.Contains(ready.Message, bad.want) {
				t.Errorf("ready %+v, want %q", ready, bad.want)
			}
		}
		row, _ = w.snap().Sources.Get("team")
		_, err = w.db.PutSource(t.Context(), cluster.SourceWrite{Spec: row.Spec, Version: row.Version, Origin: row.Origin, Secrets: &cluster.SourceSecrets{}})
		must(t, err)
		push("new.test", "team", "git.test")
		is(t, w.source("root").Conditions, cluster.ConditionReady, cluster.StatusTrue, cluster.ReasonFetched)
		if row, _ := w.snap().Sources.Get("team"); row.Spec.Git.URL != "https://new.test/team" {
			t.Errorf("without secrets: %+v", row.Spec.Git)
		}
	})
}

// A file inside of a source declares sources, and no more than that.
func TestSourcesFileInsideASource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.repos["team"] = newPushed()
		w.repos["team"].push(one("web:1"))
		root := w.declare(cluster.Source{Name: "root", SourcesFile: "sources.yml"})
		w.declare(cluster.Source{Name: "mine"})
		root.push(map[string]string{"sources.yml": "sources:\n  - {name: team, git: {url: 'https://git.test/team'}}\n"})
		w.start("a", true, ReconcilerOptions{})
		wait(5 * time.Second)
		row, ok := w.snap().Sources.Get("team")
		if !ok || row.Origin != "source/root" || w.image("shop_web") != "web:1" {
			t.Fatalf("row %+v", row)
		}
		root.push(map[string]string{"sources.yml": "sources:\n  - name: mine\n    git: {url: 'https://git.test/stolen'}\n  - {name: team, git: {url: 'https://git.test/team'}}\n"})
		tick()
		ready, _ := conditionOf(w.source("root").Conditions, cluster.ConditionReady)
		if mine, _ := w.snap().Sources.Get("mine"); mine.Spec.Git.URL != "https://git.test/mine" || !strings.Contains(ready.Message, "sources.yml:2:5: the source mine is declared by a user already") {
			t.Errorf("ready %+v", ready)
		}
		root.push(map[string]string{"sources.yml": ""})
		tick()
		is(t, w.source("root").Conditions, cluster.ConditionReady, cluster.StatusFalse, cluster.ReasonInvalidSource)
		if _, ok := w.snap().Sources.Get("team"); !ok {
			t.Error("a file that is missing deleted something")
		}
		root.push(map[string]string{"sources.yml": "sources: []\n"})
		tick()
		if _, ok := w.snap().Sources.Get("team"); ok || w.image("shop_web") != "web:1" {
			t.Error("not deleted, or with its projects")
		}
		root.push(map[string]string{"sources.yml": "sources:\n  - {name: team, git: {url: 'https://git.test/team'}}\n"})
		tick()
		if row, _ := w.snap().Projects.Get("shop"); row.Source != "team" {
			t.Errorf("the source is back, and its project is of %q", row.Source)
		}
		// A look that a user asks for once deletes nothing.
		w.sync("root", "c004")
		wait(5 * time.Second)
		if _, ok := w.snap().Sources.Get("team"); !ok {
			t.Error("a look at an old revision deleted something")
		}
	})
}
