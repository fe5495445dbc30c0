package cluster

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"maelstrom/project"
)

// secretive is a database whose every secret has "hush" in it.
func secretive() *fakeDatabase {
	web := componentRow("web", 3, 1)
	web.Spec.Environment = []project.EnvVar{{Name: "TOKEN", Value: "hush"}, {Name: "PLAIN", Value: "hush"}}
	web.Spec.PullUsername, web.Spec.PullPassword, web.Spec.PullCommand = "hush", "hush", []string{"login", "hush"}
	web.Spec.LogDriverOptions = map[string]string{"token": "hush"}
	web.Spec.IdleTimeoutSeconds = 77
	effective := web.Spec.Effective()
	web.Effective = &effective
	web.RestartVersion, web.Kept, web.Proven = 3, keptWithSecrets(), 2
	timer := cronRow("timer")
	timer.Spec.Cron.HTTP = project.CronHTTP{Method: "POST", Path: "/", Data: "hush", Headers: []project.Header{{Name: "Authorization", Value: "hush"}}}
	d := &fakeDatabase{}
	d.commit(ChangeSet{
		Components:   map[string]*ComponentRow{"web": web},
		EventSources: map[string]*EventSourceRow{"timer": timer, "route": httpRow("route", "h1", true)},
		Nodes:        map[string]*Node{"a": {ID: "a", Epoch: 4}},

		Sources: map[string]*SourceRow{"git": {Version: 2, Secrets: []string{"token"}, Spec: &Source{Name: "git",
			Variables: map[string]string{"PASSWORD": "hush"}, Git: &GitSource{URL: "https://git/x", Proxy: "http://u:hush@proxy"}}}},
		SourceStatuses: map[string]*SourceStatus{"git": {Source: "git", Revision: "c0ffee"}},
		ProjectStatuses: map[string]*ProjectStatus{"git m.yml": {Source: "git", Path: "m.yml", Project: "p",
			Problems: []project.Problem{{Message: "PASSWORD=hush is no YAML"}}}},
		Controls:  map[string]*ControlRow{"source git": {Kind: ControlSource, Name: "git", Version: 1}},
		Notifiers: map[string]*NotifierRow{"chat": {HasSecret: true, Spec: &Notifier{Name: "chat", Webhook: "https://chat/hush"}}},
	})
	return d
}

// keptWithSecrets is the version before web.
func keptWithSecrets() *ComponentRow {
	kept := componentRow("web", 2, 1)
	kept.Spec.Environment = []project.EnvVar{{Name: "OLD", Value: "hush"}}
	kept.RestartVersion, kept.Proven = 2, 2
	return kept
}

// A declaration is compared with the copy by what the copy has.
func TestPublicProjectsDifferInNoSecret(t *testing.T) {
	of := func(secret, image string) *project.Project {
		return PublicProject(&project.Project{
			Name: "p", Components: []project.Component{{
				Name: "p_c", Image: image, Environment: []project.EnvVar{{Name: "TOKEN", Value: secret}}, PullPassword: secret,
				Files: []project.FileMount{{Target: "/etc/key", Content: []byte(secret)}},
			}},
			EventSources: []project.EventSource{{Name: "p_t", Cron: &project.CronSource{HTTP: project.CronHTTP{Data: secret, Headers: []project.Header{{Name: "X", Value: secret}}}}}},
		})
	}
	if !reflect.DeepEqual(of("hush", "a"), of("other", "a")) || reflect.DeepEqual(of("hush", "a"), of("hush", "b")) {
		t.Errorf("%+v", of("hush", "a"))
	}
}

// The copy has the version that runs, whichever that is.
func TestCopyOfARolloutThatFailed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "snapshot.json")
	stored := secretive().log[0]
	stored.Components["web"].Failed = &RolloutFailure{Reason: ReasonExited, Message: "hush"}
	if err := saveCopy(path, NewSnapshot().With(stored)); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil || bytes.Contains(data, []byte("hush")) || !bytes.Contains(data, []byte("OLD")) || bytes.Contains(data, []byte("TOKEN")) {
		t.Fatalf("%s, %v", data, err)
	}
	cs, err := loadCopy(path)
	if err != nil {
		t.Fatal(err)
	}
	if row := cs.Components["web"]; row.Version != 2 || row.Gated() || row.Kept != nil || row.Current() != row || row.Unreleased() ||
		!slices.Equal(row.Withheld, []string{"all of version 3, which does not run"}) {
		t.Fatalf("%+v", row)
	}
}

func TestCopyTakesThePlaceOfADatabaseThatIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "snapshot.json")
		d := secretive()
		f, stop := runFeed(t, d, FeedOptions{CopyPath: path})
		wait(time.Second)
		f.PushInstances(InstanceList{Node: "a", Epoch: 4, Counter: 1, Instances: []Instance{{Placement: "x", Node: "a"}}})
		wait(time.Minute)
		stop()
		checkCopy(t, path)

		d.set(func() { d.away = true })
		f, _ = runFeed(t, d, FeedOptions{CopyPath: path})
		<-f.Ready()
		s := f.Snapshot()
		if !s.Restored || s.Number != 1 || s.Instances.Len() != 0 || s.Minimum.Len() != 1 || s.Crons.Len() != 1 {
			t.Fatalf("restored %+v", s)
		}
		web, _ := s.Components.Get("web")
		if web.Version != 3 || web.Effective.IdleTimeoutSeconds != 77 || web.Effective.HTTPPort != project.DefaultHTTPPort {
			t.Fatalf("component %+v", web.Effective)
		}
		if web.RestartVersion != 3 || web.Current() != web || web.Placed(2) != web.Kept || web.Kept.Effective.HTTPPort != project.DefaultHTTPPort {
			t.Fatalf("component %+v, kept %+v", web, web.Kept)
		}
		if m, ok := s.Routes.Match("h1", "/"); !ok || m.Rule.EventSource != "route" {
			t.Fatal("the route is gone")
		}
		timer, _ := s.EventSources.Get("timer")
		if got := fmt.Sprint(web.Withheld, timer.Withheld); got != "[pullusername pullpassword pullcommand logdriveroptions] [data]" {
			t.Errorf("left out: %s", got)
		}
		checkRestoredSources(t, s)
		if err, _ := f.Health(); err == nil {
			t.Fatal("healthy without a database")
		}
		// Adopted containers are served meanwhile.
		f.PushInstances(InstanceList{Node: "a", Epoch: 4, Counter: 1, Instances: []Instance{{Placement: "x", Node: "a"}}})
		d.set(func() { d.away = false })
		wait(1100 * time.Millisecond)
		s = f.Snapshot()
		web, _ = s.Components.Get("web")
		if s.Restored || web.Spec.Environment[0].Value != "hush" || s.Instances.Len() != 1 {
			t.Fatalf("the copy was not replaced by the database: %+v", s)
		}
	})
}

func checkRestoredSources(t *testing.T, s *Snapshot) {
	t.Helper()
	source, _ := s.Sources.Get("git")
	status, _ := s.SourceStatuses.Get("git")
	if source == nil || source.Spec.Git.URL != "https://git/x" || source.Version != 2 || len(source.Withheld) != 2 || status == nil || status.Revision != "c0ffee" {
		t.Fatalf("source %+v, status %+v", source, status)
	}
	keys, _ := s.ByProject.Get("p")
	ofSource, _ := s.BySource.Get("git")
	if len(keys) != 1 || len(ofSource) != 1 || keys[0] != "git m.yml" || s.Controls.Len() != 1 || s.Notifiers.Len() != 1 {
		t.Fatalf("by project %v, by source %v, %d controls, %d notifiers", keys, ofSource, s.Controls.Len(), s.Notifiers.Len())
	}
}

func checkCopy(t *testing.T, path string) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info, err)
	}
	data, err := os.ReadFile(path)
	if err != nil || bytes.Contains(data, []byte("hush")) || !bytes.Contains(data, []byte("TOKEN")) {
		t.Fatalf("%s, %v", data, err)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Fatalf("%v, %v", entries, err)
	}
}

func TestWaitForIsNotServedFromACopy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "snapshot.json")
		d := secretive()
		_, stop := runFeed(t, d, FeedOptions{CopyPath: path})
		wait(time.Second)
		stop()
		d.set(func() { d.away = true })
		f, _ := runFeed(t, d, FeedOptions{CopyPath: path})
		<-f.Ready()
		done := make(chan error)
		go func() { done <- f.WaitFor(t.Context(), 1) }()
		wait(time.Minute)
		select {
		case <-done:
			t.Fatal("returned without the database")
		default:
		}
		d.set(func() { d.away = false })
		if err := <-done; err != nil || f.Snapshot().Restored {
			t.Fatal(err)
		}
	})
}

func TestCopyIsWrittenSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "snapshot.json")
		d := &fakeDatabase{}
		d.commit(components(componentRow("c", 1, 0)))
		_, stop := runFeed(t, d, FeedOptions{CopyPath: path})
		wait(500 * time.Millisecond)
		first := copied(t, path)
		var writes []time.Time
		start := time.Now()
		for v := range int64(30) {
			d.commit(components(componentRow("c", v+2, 0)))
			wait(time.Second)
			if now := copied(t, path); now != first {
				first = now
				writes = append(writes, time.Now())
			}
		}
		if len(writes) != 3 || writes[0].Sub(start) < 9*time.Second {
			t.Fatalf("30 changes in 30 seconds wrote the copy at %v", writes)
		}
		d.commit(components(componentRow("c", 99, 0)))
		wait(1500 * time.Millisecond)
		before := copied(t, path)
		stop()
		if after := copied(t, path); before == 32 || after != 32 {
			t.Fatalf("the copy is at %d after the end, was at %d", after, before)
		}
	})
}

// Events have a number and nothing to copy.
func TestCopyIsNotWrittenForEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "snapshot.json")
		d := &fakeDatabase{}
		d.commit(components(componentRow("c", 1, 0)))
		f, stop := runFeed(t, d, FeedOptions{CopyPath: path})
		wait(time.Second)
		n := d.commit(ChangeSet{})
		if err := f.WaitFor(t.Context(), n); err != nil {
			t.Fatal(err)
		}
		wait(time.Minute)
		stop()
		if got := copied(t, path); got != 1 || f.Snapshot().Number != 2 {
			t.Fatalf("the copy is at %d", got)
		}
	})
}

func copied(t *testing.T, path string) int64 {
	t.Helper()
	cs, err := loadCopy(path)
	if err != nil {
		t.Fatal(err)
	}
	return cs.Number
}

func TestUselessCopies(t *testing.T) {
	for name, text := range map[string]string{
		"none": "", "cut": `{"format":1,"number":3,`, "format": `{"format":2}`,
		"component": `{"format":1,"components":{"c":{}}}`, "null": `{"format":1,"components":{"c":null}}`,
		"kept":         `{"format":1,"components":{"c":{"spec":{},"kept":{}}}}`,
		"event source": `{"format":1,"event_sources":{"e":null}}`,
		"source":       `{"format":1,"sources":{"s":{}}}`, "notifier": `{"format":1,"notifiers":{"n":{}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "snapshot.json")
				if name != "none" {
					if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
						t.Fatal(err)
					}
				}
				d := &fakeDatabase{away: true}
				f, _ := runFeed(t, d, FeedOptions{CopyPath: path})
				wait(5 * time.Second)
				select {
				case <-f.Ready():
					t.Fatal("ready with nothing to show")
				default:
				}
				d.set(func() { d.away = false })
				<-f.Ready()
			})
		})
	}
}

func TestCopyThatCannotBeWrittenIsNoHarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		path := filepath.Join(dir, "later", "snapshot.json")
		d := &fakeDatabase{}
		f, _ := runFeed(t, d, FeedOptions{CopyPath: path})
		n := d.commit(components(componentRow("c", 1, 0)))
		if err := f.WaitFor(t.Context(), n); err != nil {
			t.Fatal(err)
		}
		wait(time.Second)
		if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		d.commit(components(componentRow("c", 2, 0)))
		wait(time.Minute)
		if got := copied(t, path); got != 2 {
			t.Fatalf("copy at %d", got)
		}
	})
}
