package reconcile_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"maelstrom/cluster"
	"maelstrom/cluster/store"
	"maelstrom/cluster/store/sqlitetest"
	"maelstrom/project"
	"maelstrom/reconcile"
)

const shopYAML = `name: shop
environment:
  - REGION=eu
components:
  web:
    image: web:1
    maxconcurrency: 20
    environment:
      - API_TOKEN=hunter2hunter2
    crontab: |
      0 3 * * *  /nightly
      0 * * * *  /hourly
    eventsources:
      web-http:
        http:
          hostname: Shop.Test
          pathprefix: /
  api:
    image: api:1
    eventsources:
      queue:
        sqs:
          queuename: jobs
          path: /job
`

func loaded(t *testing.T, text string) reconcile.Request {
	t.Helper()
	l := project.Load(project.Input{File: "maelstrom.yml", Data: []byte(text)})
	for _, p := range l.Problems {
		if p.Severity == project.Error {
			t.Fatal(p)
		}
	}
	return reconcile.Request{Project: l.Project, Where: l.Positions, Warnings: l.Problems, Prune: true, Actor: "test"}
}

func openApplier(t *testing.T) (*reconcile.Applier, *store.Store) {
	t.Helper()
	s := sqlitetest.Open(t)
	return &reconcile.Applier{Store: s}, s
}

func mustApply(t *testing.T, a *reconcile.Applier, req reconcile.Request) reconcile.Outcome {
	t.Helper()
	out, err := a.Apply(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// The life of a project against the real store: added, compared, changed,
// replayed, renumbered, removed.
func TestLifeOfAProject(t *testing.T) {
	a, s := openApplier(t)
	req := loaded(t, shopYAML)
	req.RequestID = "one"
	first := mustApply(t, a, req)
	if first.Revision != 1 || first.Changes.Summary.Added != 6 || first.Components["shop_web"] != 1 || first.ChangeNumber == 0 {
		t.Errorf("first: %+v", first)
	}
	if len(first.Warnings) == 0 {
		t.Error("no warning about sqs, which nothing runs yet")
	}
	req.RequestID = "two"
	if same := mustApply(t, a, req); !same.Changes.Empty() || same.Revision != 1 || same.ChangeNumber != first.ChangeNumber {
		t.Errorf("the same again: %+v", same)
	}

	changed := loaded(t, strings.NewReplacer("maxconcurrency: 20", "maxconcurrency: 5\n    drainseconds: 30", "hunter2", "hunter3",
		"      0 3 *", "      30 1 * * *  /first\n      0 3 *").Replace(shopYAML))
	changed.RequestID = "three"
	plan, err := a.Diff(t.Context(), changed)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := plan.Changes.Text(&b, false); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"maxconcurrency: 20 -> 5  maelstrom.yml:7", "environment[API_TOKEN]: (sensitive)", "maelstrom.yml:10",
		"1 line was inserted into the crontab of shop_web", "Plan: 1 to add, 3 to change (1 restart), 0 to remove",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is missing in\n%s", want, b.String())
		}
	}
	if strings.Contains(b.String(), "hunter") || strings.Contains(b.String(), "drainseconds") {
		t.Errorf("diff shows too much:\n%s", b.String())
	}
	changed.IfVersions = plan.Versions
	out := mustApply(t, a, changed)
	if out.Revision != 2 || out.Components["shop_web"] != 2 || out.Changes.Summary != plan.Changes.Summary {
		t.Errorf("changed: %+v", out)
	}
	if again := mustApply(t, a, changed); !again.Replayed || again.Revision != 2 {
		t.Errorf("replayed: %+v", again)
	}

	revisions, err := s.Revisions(t.Context(), "shop", 10)
	if err != nil || len(revisions) != 2 || revisions[0].Summary != "1 added, 3 changed (1 restart)" {
		t.Errorf("revisions %+v, %v", revisions, err)
	}
	gone, err := a.Remove(t.Context(), reconcile.Removal{Name: "shop", RequestID: "four"})
	if err != nil || gone.Changes.Summary.Removed != 7 {
		t.Errorf("removed: %+v, %v", gone.Changes.Summary, err)
	}
	if _, err := a.Remove(t.Context(), reconcile.Removal{Name: "shop", RequestID: "five"}); !errors.Is(err, cluster.ErrNotFound) {
		t.Errorf("removing nothing: %v", err)
	}
}

func TestRouteOfAnotherProject(t *testing.T) {
	a, _ := openApplier(t)
	mustApply(t, a, loaded(t, shopYAML))
	other := loaded(t, "name: other\ncomponents:\n  web:\n    image: web\n    eventsources:\n      http:\n        http: {hostname: shop.test., pathprefix: /}\n")
	_, err := a.Apply(t.Context(), other)
	var conflict *reconcile.ConflictError
	if !errors.As(err, &conflict) || len(conflict.Conflicts) != 1 {
		t.Fatalf("err = %v", err)
	}
	if p := conflict.Problems()[0]; p.Line != 7 || !strings.Contains(p.Message, "shop_web-http of project shop") {
		t.Errorf("problem %+v", p)
	}
	if plan, err := a.Diff(t.Context(), other); !errors.As(err, &conflict) {
		t.Errorf("diff: %+v, %v", plan, err)
	}
}

// What runs is replaced only by a change that containers see.
func TestRestartVersion(t *testing.T) {
	a, s := openApplier(t)
	mustApply(t, a, loaded(t, shopYAML))
	restart := func() (version, restart int64) {
		state, err := s.LoadProject(t.Context(), &project.Project{Name: "shop"})
		if err != nil {
			t.Fatal(err)
		}
		row := state.Components["shop_web"]
		return row.Version, row.RestartVersion
	}
	for _, tt := range []struct {
		change           [2]string
		version, restart int64
	}{
		{[2]string{"maxconcurrency: 20", "maxconcurrency: 5"}, 2, 1},
		{[2]string{"image: web:1", "image: web:2"}, 3, 3},
	} {
		mustApply(t, a, loaded(t, strings.Replace(shopYAML, tt.change[0], tt.change[1], 1)))
		if version, from := restart(); version != tt.version || from != tt.restart {
			t.Errorf("after %s: version %d, restart version %d, want %d and %d", tt.change[1], version, from, tt.version, tt.restart)
		}
	}
}
