package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"maelstrom/cluster"
	"maelstrom/cluster/store"
	"maelstrom/project"
	"maelstrom/reconcile"
)

// images are those that can't be had.
type images map[string]bool

func (m images) CheckImage(_ context.Context, c *project.Component) error {
	if m[c.Image] {
		return errors.New("manifest unknown")
	}
	return nil
}

// shopAt is the shop with an image, of a source's commit.
func shopAt(t *testing.T, source, image string) reconcile.Request {
	t.Helper()
	req := loaded(t, strings.ReplaceAll(shopYAML, "web:1", image))
	if req.Source = source; source != "" {
		req.SourceRevision = strings.Repeat(strings.TrimPrefix(image, "web:"), 40)
	}
	return req
}

func openHistory(t *testing.T) (*reconcile.Applier, *store.Store) {
	t.Helper()
	a, s := openApplier(t)
	a.History, a.Images = s, images{}
	if _, err := s.PutSource(t.Context(), cluster.SourceWrite{Spec: &cluster.Source{Name: "git", Dir: "/srv"}}); err != nil {
		t.Fatal(err)
	}
	return a, s
}

// look is what a loop leaves behind that has seen the project at digest.
func look(t *testing.T, s *store.Store, digest string) {
	t.Helper()
	_, err := s.WriteSourceStatus(t.Context(), cluster.StatusWrite{Put: []cluster.ProjectStatus{
		{Source: "git", Path: "maelstrom.yml", Project: "shop", Digest: digest, Attempted: "commit of " + digest, LastGood: "x"},
	}})
	if err != nil {
		t.Fatal(err)
	}
}

func state(t *testing.T, s *store.Store) cluster.ProjectState {
	t.Helper()
	state, err := s.LoadProject(t.Context(), &project.Project{Name: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	return state
}

func rollback(t *testing.T, a *reconcile.Applier, req reconcile.Rollback) reconcile.RolledBack {
	t.Helper()
	req.Project, req.Actor = "shop", "ann"
	diff, err := a.DiffRollback(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	done, err := a.Rollback(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(diff.Changes, done.Changes); d != "" || diff.To.Number != done.To.Number {
		t.Errorf("the diff told something else: %s", d)
	}
	return done
}

func TestRollbackByHand(t *testing.T) {
	a, s := openHistory(t)
	for n := 1; n <= 3; n++ {
		mustApply(t, a, shopAt(t, "", fmt.Sprint("web:", n)))
	}
	image := func() string { return state(t, s).Components["shop_web"].Spec.Image }
	done := rollback(t, a, reconcile.Rollback{Reason: "it was broken"})
	if done.Revision != 4 || done.To.Number != 2 || image() != "web:2" || done.Control != (cluster.ControlRow{}) {
		t.Fatalf("back to before: %+v, image %s", done, image())
	}
	r, content, err := s.Revision(t.Context(), "shop", 4)
	if err != nil || r.Kind != cluster.RevisionRollback || r.Actor != "ann" || r.Reason != "it was broken" ||
		r.Summary != "back to revision 2: 1 changed (1 restart)" || r.Seconds == 0 || content == nil {
		t.Errorf("history %+v, %v", r, err)
	}
	// A second time goes one further back, also after a restart, and not forward again.
	if _, err := s.BumpComponents(t.Context(), []string{"shop_web"}, "bob"); err != nil {
		t.Fatal(err)
	}
	if done := rollback(t, a, reconcile.Rollback{}); done.To.Number != 1 || image() != "web:1" {
		t.Errorf("back once more: to %d, image %s", done.To.Number, image())
	}
	_, err = a.Rollback(t.Context(), reconcile.Rollback{Project: "shop"})
	if !errors.Is(err, cluster.ErrNotFound) {
		t.Errorf("before the first: %v", err)
	}
	if done := rollback(t, a, reconcile.Rollback{To: 3}); done.Revision != 7 || image() != "web:3" {
		t.Errorf("forward to a number: %+v, image %s", done.Revision, image())
	}
	if done := rollback(t, a, reconcile.Rollback{To: 3}); done.Revision != 7 || !done.Changes.Empty() {
		t.Errorf("to where it is: %+v", done)
	}
}

func TestRollbackOfARemovedProject(t *testing.T) {
	a, s := openHistory(t)
	mustApply(t, a, shopAt(t, "", "web:1"))
	if _, err := a.Remove(t.Context(), reconcile.Removal{Name: "shop"}); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Rollback(t.Context(), reconcile.Rollback{Project: "shop", To: 2}); !errors.Is(err, reconcile.ErrNoRevision) {
		t.Errorf("to the removal: %v", err)
	}
	if done := rollback(t, a, reconcile.Rollback{}); done.Revision != 3 || len(state(t, s).Components) != 2 {
		t.Errorf("%+v", done)
	}
	if _, err := a.Rollback(t.Context(), reconcile.Rollback{Project: "nope"}); !errors.Is(err, cluster.ErrNotFound) {
		t.Errorf("of what never was: %v", err)
	}
}

func TestRollbackOfASourcesProjectSkipsWhatItDeclares(t *testing.T) {
	a, s := openHistory(t)
	mustApply(t, a, shopAt(t, "git", "web:1"))
	mustApply(t, a, shopAt(t, "git", "web:2"))
	_, err := a.Rollback(t.Context(), reconcile.Rollback{Project: "shop"})
	if !errors.Is(err, reconcile.ErrManaged) {
		t.Errorf("before the loop has told what it sees: %v", err)
	}
	look(t, s, "d2")
	done := rollback(t, a, reconcile.Rollback{SourceRevision: "1111", Reason: "why"})
	got := state(t, s)
	skip := got.Control.Control.Skipped
	if got.Project.Source != "git" || got.Project.SourceRevision != strings.Repeat("1", 40) || done.To.Number != 1 ||
		skip == nil || skip.Digest != "d2" || skip.SourceRevision != "commit of d2" || skip.Reason != "why" || skip.Actor != "ann" {
		t.Fatalf("%+v with %+v", got.Project, skip)
	}
	// Pinned, also where nothing else changes; a pin ends by a resume alone.
	done = rollback(t, a, reconcile.Rollback{To: 3, Pin: true})
	got = state(t, s)
	if pin := got.Control.Control.Pinned; pin == nil || pin.Revision != 4 || got.Project.Revision != 4 || got.Control.Control.Skipped != nil {
		t.Fatalf("%+v with %+v", got.Project, got.Control)
	}
	rollback(t, a, reconcile.Rollback{To: 2})
	if got := state(t, s).Control.Control; got.Pinned == nil || got.Pinned.Revision != 5 || got.Skipped != nil {
		t.Errorf("after a rollback of a pinned one: %+v", got)
	}
	for _, commit := range []string{"3333", ""} {
		_, err := a.Rollback(t.Context(), reconcile.Rollback{Project: "shop", SourceRevision: commit, To: 99})
		if !errors.Is(err, cluster.ErrNotFound) {
			t.Errorf("to %q: %v", commit, err)
		}
	}
}

func TestRollbackToACommitThatIsNotOne(t *testing.T) {
	a, _ := openHistory(t)
	for _, commit := range []string{"abcd1", "abcd2"} {
		req := shopAt(t, "git", "web:"+commit)
		req.SourceRevision = commit
		mustApply(t, a, req)
	}
	_, err := a.Rollback(t.Context(), reconcile.Rollback{Project: "shop", SourceRevision: "abcd"})
	if !errors.Is(err, reconcile.ErrNoRevision) || !strings.Contains(err.Error(), "more than one") {
		t.Errorf("%v", err)
	}
}

func TestRollbackToARouteOfAnother(t *testing.T) {
	a, s := openHistory(t)
	mustApply(t, a, shopAt(t, "", "web:1"))
	mustApply(t, a, loaded(t, strings.Replace(shopYAML, "Shop.Test", "elsewhere", 1)))
	mustApply(t, a, loaded(t, "name: other\ncomponents:\n  web:\n    image: web\n    eventsources:\n      http: {http: {hostname: shop.test, pathprefix: /}}\n"))
	_, err := a.Rollback(t.Context(), reconcile.Rollback{Project: "shop"})
	var conflict *reconcile.ConflictError
	if !errors.As(err, &conflict) || conflict.Conflicts[0].Claim.Owner != "other" {
		t.Fatalf("%v", err)
	}
	if got := state(t, s).Project.Revision; got != 2 {
		t.Errorf("revision %d", got)
	}
}

func TestRollbackToAnImageThatIsGone(t *testing.T) {
	a, s := openHistory(t)
	mustApply(t, a, shopAt(t, "", "web:1"))
	mustApply(t, a, shopAt(t, "", "web:2"))
	a.Images = images{"web:1": true, "api:1": true} // api does not change: it runs already
	_, err := a.Rollback(t.Context(), reconcile.Rollback{Project: "shop"})
	if !errors.Is(err, reconcile.ErrNoImage) || !strings.Contains(err.Error(), "web:1: manifest unknown") || strings.Contains(err.Error(), "api:1") {
		t.Errorf("%v", err)
	}
	if got := state(t, s).Project.Revision; got != 2 {
		t.Errorf("revision %d", got)
	}
	rollback(t, a, reconcile.Rollback{Force: true})
}

func TestRollbackIsTiedToARevision(t *testing.T) {
	a, _ := openHistory(t)
	mustApply(t, a, shopAt(t, "", "web:1"))
	mustApply(t, a, shopAt(t, "", "web:2"))
	one := int64(1)
	if _, err := a.Rollback(t.Context(), reconcile.Rollback{Project: "shop", IfRevision: &one}); !errors.Is(err, reconcile.ErrStale) {
		t.Errorf("%v", err)
	}
}

// meddler applies something else between the look and the write, once.
type meddler struct {
	*store.Store
	meddle func()
}

func (m *meddler) LoadProject(ctx context.Context, desired *project.Project) (cluster.ProjectState, error) {
	state, err := m.Store.LoadProject(ctx, desired)
	if meddle := m.meddle; meddle != nil {
		m.meddle = nil
		meddle()
	}
	return state, err
}

func TestRollbackStartsAgainWhereTheProjectMoves(t *testing.T) {
	a, s := openHistory(t)
	mustApply(t, a, shopAt(t, "git", "web:1"))
	mustApply(t, a, shopAt(t, "git", "web:2"))
	look(t, s, "d2")
	moved := &meddler{Store: s, meddle: func() {
		mustApply(t, a, shopAt(t, "git", "web:3"))
		look(t, s, "d3")
	}}
	other := &reconcile.Applier{Store: moved, History: s, Images: images{}}
	done, err := other.Rollback(t.Context(), reconcile.Rollback{Project: "shop", To: 1})
	if err != nil || done.Revision != 4 || done.Control.Control.Skipped.Digest != "d3" {
		t.Errorf("%+v, %v", done, err)
	}
}

func TestDetachLeavesWhatRuns(t *testing.T) {
	a, s := openHistory(t)
	mustApply(t, a, shopAt(t, "git", "web:1"))
	look(t, s, "d1")
	rollback(t, a, reconcile.Rollback{To: 1, Pin: true})
	before := state(t, s)
	out, err := a.Detach(t.Context(), reconcile.Removal{Name: "shop", Actor: "ann"})
	if err != nil || out.Revision != 3 {
		t.Fatalf("%+v, %v", out, err)
	}
	after := state(t, s)
	if after.Project.Source != "" || after.Control.Version != 0 || cmp.Diff(before.Components, after.Components) != "" {
		t.Errorf("%+v", after)
	}
	if r, content, err := s.Revision(t.Context(), "shop", 3); err != nil || content == nil || r.Summary != "detached from source git" {
		t.Errorf("history %+v, %v", r, err)
	}
	if _, err := a.Apply(t.Context(), shopAt(t, "git", "web:2")); !errors.Is(err, reconcile.ErrManaged) {
		t.Errorf("the source takes it back: %v", err)
	}
	if _, err := a.Detach(t.Context(), reconcile.Removal{Name: "shop"}); !errors.Is(err, cluster.ErrConflict) {
		t.Errorf("detached twice: %v", err)
	}
	if _, err := a.Detach(t.Context(), reconcile.Removal{Name: "nope"}); !errors.Is(err, cluster.ErrNotFound) {
		t.Errorf("of none: %v", err)
	}
}

func TestRemoveSuspendedKeepsTheSourceAway(t *testing.T) {
	a, s := openHistory(t)
	mustApply(t, a, shopAt(t, "git", "web:1"))
	look(t, s, "d1")
	if _, err := a.Remove(t.Context(), reconcile.Removal{Name: "shop"}); !errors.Is(err, reconcile.ErrManaged) {
		t.Errorf("removed what a source owns: %v", err)
	}
	if _, err := a.RemoveSuspended(t.Context(), reconcile.Removal{Name: "shop", Actor: "ann"}); err != nil {
		t.Fatal(err)
	}
	got := state(t, s)
	if got.Project != nil || got.Control.Control.Suspended == nil || got.Control.Control.Suspended.Actor != "ann" {
		t.Fatalf("%+v", got)
	}
	// Brought back, it is the source's again.
	done := rollback(t, a, reconcile.Rollback{})
	if done.Source != "git" || state(t, s).Project.Source != "git" || done.Control.Control.Suspended == nil {
		t.Errorf("%+v", done)
	}
}
